//! What the calling convention promises to survive a call survives a switch: the callee-saved registers, filled from
//! assembly on both sides, and vector values that the compiler keeps live across one.

use std::hint::black_box;

use gmp_context::{Coroutine, Resumed, Yielder};

// `gmp_test_keep(f, arg, pattern)`: fills the callee-saved registers with pattern, pattern + 1, ...; calls f(arg);
// returns how many of them have changed.
#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

unsafe extern "C" {
    fn gmp_test_keep(f: unsafe extern "C" fn(*mut ()), arg: *mut (), pattern: u64) -> u64;
}

type Other = Coroutine<(), u64, u64>;

/// One resume, called with all callee-saved registers filled.
unsafe extern "C" fn resume(other: *mut ()) {
    // SAFETY: the test passes a `Coroutine` that nobody else uses.
    let other = unsafe { &mut *other.cast::<Other>() };
    assert_eq!(other.resume(()), Resumed::Yielded(0));
}

/// One suspension, likewise.
unsafe extern "C" fn suspend(yielder: *mut ()) {
    // SAFETY: the coroutine passes its own yielder.
    unsafe { &*yielder.cast::<Yielder<(), u64>>() }.suspend(0);
}

#[test]
fn callee_saved_registers_survive_on_both_sides() {
    let mut other = Other::new(|yielder, ()| {
        let yielder = core::ptr::from_ref(yielder).cast_mut().cast();
        let mut changed = 0;
        for round in 0..1000 {
            // SAFETY: `suspend` gets what it asks for.
            changed += unsafe { gmp_test_keep(suspend, yielder, 0xc0de_0000 + round) };
        }
        changed
    });
    let mut changed = 0;
    for round in 0..1000 {
        let arg = (&raw mut other).cast();
        // SAFETY: `resume` gets what it asks for.
        changed += unsafe { gmp_test_keep(resume, arg, 0xfeed_0000_0000 + round) };
    }
    assert_eq!(changed, 0, "registers of the resuming side");
    assert_eq!(other.resume(()), Resumed::Returned(0), "registers of the suspending side");
}

/// Wide enough to occupy vector registers; inlined, so that they are live across whatever `between` does.
#[inline(always)]
fn work(seed: f64, mut between: impl FnMut()) -> f64 {
    let mut lanes: [f64; 16] = std::array::from_fn(|lane| black_box(seed) + lane as f64);
    for _ in 0..100 {
        between();
        lanes.iter_mut().for_each(|lane| *lane = *lane * 0.5 + 1.0);
    }
    lanes.iter().sum()
}

#[test]
fn vector_values_survive() {
    let mut other =
        Coroutine::new(|yielder: &Yielder<(), ()>, ()| work(3.5, || yielder.suspend(())));
    let here = work(-7.25, || assert_eq!(other.resume(()), Resumed::Yielded(())));
    assert_eq!(here.to_bits(), work(-7.25, || ()).to_bits());
    let Resumed::Returned(there) = other.resume(()) else { panic!("it has suspended 100 times") };
    assert_eq!(there.to_bits(), work(3.5, || ()).to_bits());
}
