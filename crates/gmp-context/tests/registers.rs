//! What the calling convention promises to survive a call survives a switch: the callee-saved registers, filled from
//! assembly on both sides, and vector values that the compiler keeps live across one.

use std::arch::global_asm;
use std::hint::black_box;

use gmp_context::{Coroutine, Resumed, Yielder};

// `gmp_test_keep(f, arg, pattern)`: fills the callee-saved registers with pattern, pattern + 1, ...; calls f(arg);
// returns how many of them have changed.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl gmp_test_keep",
    "gmp_test_keep:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "push rdx", // the pattern; rsp is 16-aligned now
    "mov rax, rdi",
    "mov rdi, rsi",
    "mov rbp, rdx",
    "lea rbx, [rdx + 1]",
    "lea r12, [rdx + 2]",
    "lea r13, [rdx + 3]",
    "lea r14, [rdx + 4]",
    "lea r15, [rdx + 5]",
    "call rax",
    "pop rdx",
    "xor eax, eax",
    ".macro gmp_test_check reg, n",
    "lea rcx, [rdx + \\n]",
    "cmp rcx, \\reg",
    "setne cl",
    "movzx ecx, cl",
    "add eax, ecx",
    ".endm",
    "gmp_test_check rbp, 0",
    "gmp_test_check rbx, 1",
    "gmp_test_check r12, 2",
    "gmp_test_check r13, 3",
    "gmp_test_check r14, 4",
    "gmp_test_check r15, 5",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl gmp_test_keep",
    "gmp_test_keep:",
    "stp x29, x30, [sp, #-176]!",
    "stp x19, x20, [sp, #16]",
    "stp x21, x22, [sp, #32]",
    "stp x23, x24, [sp, #48]",
    "stp x25, x26, [sp, #64]",
    "stp x27, x28, [sp, #80]",
    "stp d8, d9, [sp, #96]",
    "stp d10, d11, [sp, #112]",
    "stp d12, d13, [sp, #128]",
    "stp d14, d15, [sp, #144]",
    "str x2, [sp, #160]",
    "mov x9, x0",
    "mov x0, x1",
    ".macro gmp_test_fill reg, n",
    "add \\reg, x2, #\\n",
    ".endm",
    ".macro gmp_test_fill_float reg, n",
    "add x10, x2, #\\n",
    "fmov \\reg, x10",
    ".endm",
    "gmp_test_fill x19, 0",
    "gmp_test_fill x20, 1",
    "gmp_test_fill x21, 2",
    "gmp_test_fill x22, 3",
    "gmp_test_fill x23, 4",
    "gmp_test_fill x24, 5",
    "gmp_test_fill x25, 6",
    "gmp_test_fill x26, 7",
    "gmp_test_fill x27, 8",
    "gmp_test_fill x28, 9",
    "gmp_test_fill x29, 10",
    "gmp_test_fill_float d8, 11",
    "gmp_test_fill_float d9, 12",
    "gmp_test_fill_float d10, 13",
    "gmp_test_fill_float d11, 14",
    "gmp_test_fill_float d12, 15",
    "gmp_test_fill_float d13, 16",
    "gmp_test_fill_float d14, 17",
    "gmp_test_fill_float d15, 18",
    "blr x9",
    "ldr x2, [sp, #160]",
    "mov x0, xzr",
    ".macro gmp_test_check reg, n",
    "add x10, x2, #\\n",
    "cmp x10, \\reg",
    "cinc x0, x0, ne",
    ".endm",
    ".macro gmp_test_check_float reg, n",
    "fmov x11, \\reg",
    "gmp_test_check x11, \\n",
    ".endm",
    "gmp_test_check x19, 0",
    "gmp_test_check x20, 1",
    "gmp_test_check x21, 2",
    "gmp_test_check x22, 3",
    "gmp_test_check x23, 4",
    "gmp_test_check x24, 5",
    "gmp_test_check x25, 6",
    "gmp_test_check x26, 7",
    "gmp_test_check x27, 8",
    "gmp_test_check x28, 9",
    "gmp_test_check x29, 10",
    "gmp_test_check_float d8, 11",
    "gmp_test_check_float d9, 12",
    "gmp_test_check_float d10, 13",
    "gmp_test_check_float d11, 14",
    "gmp_test_check_float d12, 15",
    "gmp_test_check_float d13, 16",
    "gmp_test_check_float d14, 17",
    "gmp_test_check_float d15, 18",
    "ldp x19, x20, [sp, #16]",
    "ldp x21, x22, [sp, #32]",
    "ldp x23, x24, [sp, #48]",
    "ldp x25, x26, [sp, #64]",
    "ldp x27, x28, [sp, #80]",
    "ldp d8, d9, [sp, #96]",
    "ldp d10, d11, [sp, #112]",
    "ldp d12, d13, [sp, #128]",
    "ldp d14, d15, [sp, #144]",
    "ldp x29, x30, [sp], #176",
    "ret",
);

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
