//! What the calling convention promises to survive a call survives a switch: the callee-saved registers, filled from
//! assembly on both sides, and vector values that the compiler keeps live across one.

use gmp_context::{Coroutine, Resumed, Yielder};

/// A function that holds a value in each of the named registers before and after `between`. Optimised, that is inlined, so
/// that nothing but what the switch declares lost makes the compiler save them.
macro_rules! held {
    ($name:ident, [$($attribute:tt)*], $type:ty, $count:literal, $($value:ident $register:tt)+) => {
        $($attribute)*
        unsafe fn $name(values: [$type; $count], mut between: impl FnMut()) -> [$type; $count] {
            let [$(mut $value),+] = values;
            for _ in 0..100 {
                // SAFETY: no instruction; it forces each value into its register.
                unsafe { asm!("", $(inout($register) $value),+, options(nomem, nostack)) };
                between();
                // SAFETY: as above.
                unsafe { asm!("", $(inout($register) $value),+, options(nomem, nostack)) };
            }
            [$($value),+]
        }
    };
}

// `gmp_test_keep(f, arg, pattern)`: fills the callee-saved registers with pattern, pattern + 1, ...; calls f(arg);
// returns how many of them have changed.
#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod arch;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod arch;

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

#[test]
fn all_vector_registers_survive_on_both_sides() {
    type Vectors = Coroutine<(), (), usize>;
    let mut other = Vectors::new(|y, ()| arch::changed(0xa0, || y.suspend(())));
    let mut ended = None;
    let changed = arch::changed(0x10, || {
        if ended.is_none() {
            if let Resumed::Returned(changed) = other.resume(()) {
                ended = Some(changed);
            }
        }
    });
    assert_eq!(changed, 0, "registers of the resuming side");
    while ended.is_none() {
        if let Resumed::Returned(changed) = other.resume(()) {
            ended = Some(changed);
        }
    }
    assert_eq!(ended, Some(0), "registers of the suspending side");
}

/// As the documentation of the switch says: they are not switched, and nobody changes them.
#[test]
fn control_words_belong_to_the_thread() {
    let usual = arch::control();
    let mut other = Coroutine::new(|y: &Yielder<(), ()>, ()| {
        let given = arch::control();
        y.suspend(());
        arch::round_down(false);
        given
    });
    arch::round_down(true);
    let down = arch::control();
    let seen = other.resume(());
    let after = arch::control();
    let end = other.resume(());
    let last = arch::control();
    arch::round_down(false);
    assert_eq!(seen, Resumed::Yielded(()));
    assert_ne!(down, usual);
    assert_eq!((after, end, last), (down, Resumed::Returned(down), usual));
}
