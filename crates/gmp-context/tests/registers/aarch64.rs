//! For aarch64. `gmp_test_keep` fills the callee-saved registers, calls, counts those that changed. Of the vector registers
//! a call keeps only the low halves of eight, so what is tested beyond is that the compiler knows the rest to be lost.

use std::arch::aarch64::uint8x16_t;
use std::arch::{asm, global_asm};
use std::mem::transmute;

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

held!(held_v, [], uint8x16_t, 32, v0 "v0" v1 "v1" v2 "v2" v3 "v3" v4 "v4" v5 "v5" v6 "v6" v7 "v7" v8 "v8" v9 "v9" v10 "v10" v11 "v11" v12 "v12" v13 "v13" v14 "v14" v15 "v15" v16 "v16" v17 "v17" v18 "v18" v19 "v19" v20 "v20" v21 "v21" v22 "v22" v23 "v23" v24 "v24" v25 "v25" v26 "v26" v27 "v27" v28 "v28" v29 "v29" v30 "v30" v31 "v31");

/// Holds values in all vector registers while `between` runs; how many have changed.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    clippy::missing_transmute_annotations,
    reason = "to vectors and back again, around the one call"
)]
#[inline(always)]
pub(crate) fn changed(seed: u8, mut between: impl FnMut()) -> usize {
    let values: [[u8; 16]; 32] = std::array::from_fn(|index| [seed.wrapping_add(index as u8); 16]);
    // SAFETY: vectors are bytes, in both directions.
    let kept: [[u8; 16]; 32] = unsafe { transmute(held_v(transmute(values), &mut between)) };
    (0..32).filter(|&index| kept[index] != values[index]).count()
}

/// FPCR.
pub(crate) fn control() -> u64 {
    let word: u64;
    // SAFETY: only reads it.
    unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack)) };
    word
}

/// Rounds to minus infinity, or to nearest as usual.
pub(crate) fn round_down(down: bool) {
    let word = if down { control() | 2 << 22 } else { control() & !(3 << 22) };
    // SAFETY: nothing is computed until the test sets it back.
    unsafe { asm!("msr fpcr, {}", in(reg) word, options(nomem, nostack)) };
}
