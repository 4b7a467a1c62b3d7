//! How a coroutine ends that is not resumed to its end: forgotten, dropped in the middle of others, or against its will.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use gmp_context::{Context, Coroutine, Generator, PooledStack, Resumed, Stack};
use gmp_context::{StackCache, StackMemory, StackPool, Yielder};

/// Counts its drops.
struct Drops(Rc<Cell<u32>>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A pooled stack whose drop is counted.
struct Counted(PooledStack, #[expect(dead_code, reason = "dropped")] Drops);

// SAFETY: the stack's own promises.
unsafe impl StackMemory for Counted {
    fn top(&self) -> NonNull<u8> {
        self.0.top()
    }
    fn limit(&self) -> NonNull<u8> {
        self.0.limit()
    }
}

#[test]
fn a_forgotten_one_keeps_its_stack_for_ever() {
    const SIZE: usize = 64 << 10;
    let drops = Rc::new(Cell::new(0));
    let stack = Counted(PooledStack::new(SIZE).expect("a stack"), Drops(Rc::clone(&drops)));
    let (place, token) = (Rc::new(Cell::new(0)), Drops(Rc::clone(&drops)));
    let told = Rc::clone(&place);
    let mut kept = Coroutine::with_stack(stack, move |y: &Yielder<(), ()>, ()| {
        let (_token, local) = (token, Cell::new(0x5eed_u64));
        told.set((&raw const local).expose_provenance());
        y.suspend(());
        local.get()
    })
    .expect("fits");
    assert_eq!(kept.resume(()), Resumed::Yielded(()));
    std::mem::forget(kept);
    // Whoever needs a stack of that size gets another one.
    let fill = |_: &Yielder<(), ()>, ()| std::hint::black_box([u64::MAX; 2_000])[7];
    for _ in 0..100 {
        let mut other = Coroutine::with_stack_size(SIZE, fill).expect("a stack");
        assert_eq!(other.resume(()), Resumed::Returned(u64::MAX));
    }
    assert_eq!(drops.get(), 0, "neither what is on it nor the stack is dropped");
    let local = std::ptr::with_exposed_provenance::<u64>(place.get());
    // SAFETY: a local variable on a stack that stays mapped, as its coroutine was forgotten.
    assert_eq!(unsafe { local.read_volatile() }, 0x5eed);
}

#[test]
fn dropping_unwinds_those_that_it_holds() {
    let log = Rc::new(RefCell::new(Vec::new()));
    struct Note(Rc<RefCell<Vec<u32>>>, u32);
    impl Drop for Note {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "an unwind within an unwind");
            self.0.borrow_mut().push(self.1);
        }
    }
    fn nest(depth: u32, log: Rc<RefCell<Vec<u32>>>) -> Generator<u32> {
        Generator::new(move |y| {
            let mut inner = (depth > 0).then(|| nest(depth - 1, Rc::clone(&log)));
            let _note = Note(log, depth);
            let below = inner.as_mut().map_or(0, |inner| inner.next().expect("suspended"));
            y.suspend(below + 1);
            unreachable!("never resumed");
        })
    }
    let mut outer = nest(5, Rc::clone(&log));
    assert_eq!(outer.next(), Some(6));
    drop(outer);
    assert_eq!(*log.borrow(), [5, 4, 3, 2, 1, 0]);
}

#[test]
fn who_answers_the_unwind_with_a_panic_is_heard_by_who_drops() {
    let mut rude = Coroutine::new(|y: &Yielder<(), ()>, ()| {
        if catch_unwind(AssertUnwindSafe(|| y.suspend(()))).is_err() {
            resume_unwind(Box::new("and so?"));
        }
    });
    assert_eq!(rude.resume(()), Resumed::Yielded(()));
    let panic = catch_unwind(AssertUnwindSafe(|| drop(rude))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"and so?"));
}

#[test]
fn the_unwind_passes_through_frames_of_c_that_allow_it() {
    type Callback<'a> = &'a dyn Fn();
    // What C code compiled with unwind tables is to Rust.
    extern "C-unwind" fn calls_back(callback: &Callback<'_>) {
        callback();
    }
    let drops = Rc::new(Cell::new(0));
    let token = Drops(Rc::clone(&drops));
    let mut through = Coroutine::new(move |y: &Yielder<(), ()>, ()| {
        let _token = token;
        let callback: Callback<'_> = &|| y.suspend(());
        calls_back(&callback);
    });
    assert_eq!(through.resume(()), Resumed::Yielded(()));
    drop(through);
    assert_eq!(drops.get(), 1);
}

/// `Confined<_>` has one answer for a type that is not `Send`, two for one that is, which does not compile.
trait Confined<A> {
    fn confined() {}
}
impl<T: ?Sized> Confined<()> for T {}
impl<T: ?Sized + Send> Confined<u8> for T {}

#[test]
fn what_may_leave_its_thread_and_what_may_not() {
    fn may_leave<T: Send>() {}
    may_leave::<(PooledStack, Stack, StackCache, StackPool, Context)>();
    <Coroutine<(), (), ()> as Confined<_>>::confined();
    <Generator<()> as Confined<_>>::confined();
    <Yielder<(), ()> as Confined<_>>::confined();
    <&Coroutine<(), (), ()> as Confined<_>>::confined();
    <&Yielder<(), ()> as Confined<_>>::confined();
    <&StackCache as Confined<_>>::confined();
}
