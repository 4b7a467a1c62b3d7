//! For x86_64. `gmp_test_keep` fills the callee-saved registers, calls, counts those that changed. The vector registers are
//! the caller's to save, all of them, so what is tested is that the compiler knows them to be lost.

use std::arch::x86_64::{__m128, __m256};
use std::arch::{asm, global_asm};
use std::mem::transmute;

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

held!(held_xmm, [], __m128, 16, v0 "xmm0" v1 "xmm1" v2 "xmm2" v3 "xmm3" v4 "xmm4" v5 "xmm5" v6 "xmm6" v7 "xmm7" v8 "xmm8" v9 "xmm9" v10 "xmm10" v11 "xmm11" v12 "xmm12" v13 "xmm13" v14 "xmm14" v15 "xmm15");
held!(held_ymm, [#[target_feature(enable = "avx")]], __m256, 16, v0 "ymm0" v1 "ymm1" v2 "ymm2" v3 "ymm3" v4 "ymm4" v5 "ymm5" v6 "ymm6" v7 "ymm7" v8 "ymm8" v9 "ymm9" v10 "ymm10" v11 "ymm11" v12 "ymm12" v13 "ymm13" v14 "ymm14" v15 "ymm15");

/// Holds values in all vector registers while `between` runs; how many have changed.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    clippy::missing_transmute_annotations,
    reason = "to vectors and back again, around the one call"
)]
#[inline(always)]
pub(crate) fn changed(seed: u8, mut between: impl FnMut()) -> usize {
    let of = |index: usize| seed.wrapping_add(index as u8);
    let narrow: [[u8; 16]; 16] = std::array::from_fn(|index| [of(index); 16]);
    // SAFETY: vectors are bytes, in both directions.
    let kept: [[u8; 16]; 16] = unsafe { transmute(held_xmm(transmute(narrow), &mut between)) };
    let mut changed = (0..16).filter(|&index| kept[index] != narrow[index]).count();
    if std::arch::is_x86_feature_detected!("avx") {
        let wide: [[u8; 32]; 16] = std::array::from_fn(|index| [of(index); 32]);
        // SAFETY: the CPU has them; vectors are bytes, in both directions.
        let kept: [[u8; 32]; 16] = unsafe { transmute(held_ymm(transmute(wide), &mut between)) };
        changed += (0..16).filter(|&index| kept[index] != wide[index]).count();
    }
    changed
}

/// MXCSR and the x87 control word.
pub(crate) fn control() -> [u32; 2] {
    let mut words = [0_u32; 2];
    let at = words.as_mut_ptr();
    // SAFETY: each stores into its word.
    unsafe { asm!("stmxcsr [{0}]", "fnstcw [{0} + 4]", in(reg) at, options(nostack)) };
    words
}

/// Rounds to minus infinity, or to nearest as usual, by both.
pub(crate) fn round_down(down: bool) {
    let [sse, x87] = control();
    let words =
        if down { [sse | 1 << 13, x87 | 1 << 10] } else { [sse & !(3 << 13), x87 & !(3 << 10)] };
    // SAFETY: nothing is computed until the test sets it back.
    unsafe { asm!("ldmxcsr [{0}]", "fldcw [{0} + 4]", in(reg) words.as_ptr(), options(nostack)) };
}
