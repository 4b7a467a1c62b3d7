//! Growing: recursion deeper than any stack, panics and suspensions inside a segment, and how much is left.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;

use gmp_context::{Coroutine, PooledStack, Resumed, StackMemory, Yielder};
use gmp_context::{default_stack_size, grow, grow_on, maybe_grow, remaining};

const RED_ZONE: usize = 64 << 10;
const SEGMENT: usize = 1 << 20;

/// Uses at least 8 KiB of stack per level: few levels, as the thread sanitizer keeps track of 65,536 frames.
#[inline(never)]
fn descend(n: u64) -> u64 {
    let frame = black_box([n; 1024]);
    if n == 0 {
        return 0;
    }
    maybe_grow(RED_ZONE, SEGMENT, || descend(n - 1)) + u64::from(frame[1023] == n)
}

#[test]
fn recursion_goes_deeper_than_any_stack() {
    const DEEP: u64 = 6_400; // at least 50 MiB
    assert_eq!(descend(DEEP), DEEP);
    let mut inside = Coroutine::new(|_: &Yielder<(), ()>, ()| descend(DEEP));
    assert_eq!(inside.resume(()), Resumed::Returned(DEEP));
}

#[test]
fn panics_pass_through_and_values_are_dropped_once() {
    struct Drops<'a>(&'a Cell<u32>);
    impl Drop for Drops<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let count = Cell::new(0);
    let token = Drops(&count);
    drop(grow(SEGMENT, || token));
    assert_eq!(count.get(), 1);
    let (outer, inner) = (Drops(&count), Drops(&count));
    let panic = catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _outer = outer;
        grow(SEGMENT, move || {
            let _inner = inner;
            grow(SEGMENT, || resume_unwind(Box::new(7_u32)))
        })
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&7_u32));
    assert_eq!(count.get(), 3);
}

#[test]
fn a_coroutine_may_suspend_inside() {
    let dropped = Rc::new(Cell::new(false));
    struct Flag(Rc<Cell<bool>>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let flag = Flag(Rc::clone(&dropped));
    let mut deep = Coroutine::new(move |y: &Yielder<u32, u32>, mut n: u32| {
        let _flag = flag;
        grow(SEGMENT, || {
            for _ in 0..3 {
                n = grow(SEGMENT, || y.suspend(n + 1));
            }
        });
        n
    });
    assert_eq!(deep.resume(1), Resumed::Yielded(2));
    assert_eq!(grow(SEGMENT, || deep.resume(10)), Resumed::Yielded(11), "resumed from a segment");
    assert!(!dropped.get());
    drop(deep);
    assert!(dropped.get(), "the unwind passes through the segments");
}

#[test]
fn what_is_left_is_known_on_every_stack() {
    let on_thread = remaining();
    assert!(on_thread > 64 << 10, "a test thread has more: {on_thread}");
    let (outer, inner, outer_again) = grow(SEGMENT, || {
        let outer = remaining();
        (outer, grow(4 * SEGMENT, remaining), remaining())
    });
    assert!((SEGMENT - 8192..SEGMENT).contains(&outer), "{outer}");
    assert!((4 * SEGMENT - 8192..4 * SEGMENT).contains(&inner), "{inner}");
    assert!(outer.abs_diff(outer_again) < 1024, "{outer} {outer_again}");
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| remaining());
    let Resumed::Returned(left) = coroutine.resume(()) else { panic!("it does not suspend") };
    assert!((default_stack_size() - 8192..default_stack_size()).contains(&left), "{left}");
    assert!(remaining().abs_diff(on_thread) < 1024);
}

#[test]
fn depth_is_known_per_stack() {
    let stack = PooledStack::new(SEGMENT).expect("address space");
    grow_on(&stack, || black_box([1_u8; 100 << 10]));
    let deep = stack.touched();
    assert!((100 << 10..SEGMENT).contains(&deep), "{deep}");
    assert!(stack.top().addr() > stack.limit().addr());
}

#[inline(never)]
fn gmp_test_below() -> String {
    Backtrace::force_capture().to_string()
}

#[inline(never)]
fn gmp_test_above() -> String {
    black_box(grow(SEGMENT, || grow(SEGMENT, gmp_test_below)))
}

#[test]
fn backtraces_go_on_in_the_old_stack() {
    let trace = black_box(gmp_test_above());
    let below = trace.find("gmp_test_below").unwrap_or_else(|| panic!("{trace}"));
    let above = trace.find("gmp_test_above").unwrap_or_else(|| panic!("{trace}"));
    // Optimised, the test itself is part of what the harness calls.
    let test = trace.find("__rust_begin_short_backtrace").unwrap_or_else(|| panic!("{trace}"));
    assert!(below < above && above < test, "{trace}");
}

#[test]
fn too_large_a_segment_is_a_panic_that_says_so() {
    let panic = catch_unwind(|| grow(usize::MAX, || ())).unwrap_err();
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("larger than the largest"), "{text}");
}
