//! The safe form: values go both ways, panics reach the resumer, dropping runs the destructors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use gmp_context::{Coroutine, Generator, Resumed, Yielder};

/// Counts its drops.
struct Drops(Rc<Cell<usize>>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn drops() -> (Drops, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    (Drops(Rc::clone(&count)), count)
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().unwrap_or("(not a text)")
}

#[test]
fn values_go_in_and_out_and_are_moved_once() {
    let mut echo = Coroutine::new(|y: &Yielder<String, String>, mut got: String| {
        while got != "end" {
            got = y.suspend(format!("<{got}>"));
        }
        got.len()
    });
    assert_eq!(echo.resume("a".into()), Resumed::Yielded("<a>".into()));
    assert_eq!(echo.resume("b".into()), Resumed::Yielded("<b>".into()));
    assert_eq!(echo.resume("end".into()), Resumed::Returned(3));
    assert!(echo.is_finished());
}

#[test]
fn generators_nest() {
    fn walk(depth: u32) -> Generator<u32> {
        Generator::new(move |y| {
            if depth > 0 {
                walk(depth - 1).for_each(|n| y.suspend(n));
                y.suspend(depth);
                walk(depth - 1).for_each(|n| y.suspend(n));
            }
        })
    }
    assert_eq!(walk(3).collect::<Vec<_>>(), [1, 2, 1, 3, 1, 2, 1]);
}

#[test]
fn a_panic_reaches_the_resumer_and_ends_the_coroutine() {
    let (token, count) = drops();
    let mut bad = Coroutine::new(move |y: &Yielder<(), ()>, ()| {
        let _token = token;
        y.suspend(());
        resume_unwind(Box::new("from inside"));
    });
    assert_eq!(bad.resume(()), Resumed::Yielded(()));
    let panic = catch_unwind(AssertUnwindSafe(|| bad.resume(()))).unwrap_err();
    assert_eq!(text(&*panic), "from inside");
    assert_eq!(count.get(), 1);
    assert!(bad.is_finished());
    let again = catch_unwind(AssertUnwindSafe(|| bad.resume(()))).unwrap_err();
    assert!(text(&*again).contains("after its end"));
}

#[test]
fn dropping_runs_destructors_wherever_it_stands() {
    // Before its start: the closure is dropped.
    let (token, count) = drops();
    drop(Coroutine::new(move |_: &Yielder<(), ()>, ()| drop(token)));
    assert_eq!(count.get(), 1);
    // Suspended: it is unwound.
    let (token, count) = drops();
    let mut suspended = Coroutine::new(move |y: &Yielder<(), ()>, ()| {
        let _token = token;
        y.suspend(());
        unreachable!("never resumed");
    });
    assert_eq!(suspended.resume(()), Resumed::Yielded(()));
    drop(suspended);
    assert_eq!(count.get(), 1);
    // Catching the unwind does not stop it: the next suspension unwinds again.
    let (token, count) = drops();
    let mut stubborn = Coroutine::new(move |y: &Yielder<(), ()>, ()| {
        let _token = token;
        for _ in 0..3 {
            let _ = catch_unwind(AssertUnwindSafe(|| y.suspend(())));
        }
    });
    assert_eq!(stubborn.resume(()), Resumed::Yielded(()));
    drop(stubborn);
    assert_eq!(count.get(), 1);
}

#[test]
fn dropping_works_while_the_owner_panics() {
    let (token, count) = drops();
    let panic = catch_unwind(AssertUnwindSafe(move || {
        let mut held = Coroutine::new(move |y: &Yielder<(), ()>, ()| {
            let _token = token;
            y.suspend(());
        });
        assert_eq!(held.resume(()), Resumed::Yielded(()));
        resume_unwind(Box::new("outer"));
    }));
    assert_eq!(text(&*panic.unwrap_err()), "outer");
    assert_eq!(count.get(), 1);
    assert!(!std::thread::panicking());
}

#[test]
fn a_panicking_destructor_reaches_who_drops() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            // Only when it is safe to: a second panic during an unwind aborts.
            if !std::thread::panicking() {
                resume_unwind(Box::new("bomb"));
            }
        }
    }
    let bomb = Bomb;
    let unstarted = Coroutine::new(move |_: &Yielder<(), ()>, ()| drop(bomb));
    let panic = catch_unwind(AssertUnwindSafe(|| drop(unstarted))).unwrap_err();
    assert_eq!(text(&*panic), "bomb");
}

#[test]
fn closures_may_be_large_and_overaligned_but_must_fit() {
    #[repr(align(256))]
    #[derive(Clone, Copy)]
    struct Wide([u64; 512]);
    let wide = Wide([7; 512]);
    let mut coroutine = Coroutine::with_stack_size(64 << 10, move |_: &Yielder<(), ()>, ()| {
        let wide = wide;
        assert_eq!((&raw const wide).addr() % 256, 0);
        wide.0.iter().sum::<u64>()
    })
    .expect("fits");
    assert_eq!(coroutine.resume(()), Resumed::Returned(7 * 512));
    let error = Coroutine::with_stack_size(16 << 10, move |_: &Yielder<(), ()>, ()| wide.0[5]);
    assert!(error.unwrap_err().to_string().contains("too large"));
}
