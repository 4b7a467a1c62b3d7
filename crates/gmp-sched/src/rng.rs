//! Cheap random numbers: a xorshift64* state per M (Marsaglia 2003; multiplier from Vigna 2016).
//!
//! Used for victims of stealing and for `select!`'s choice, where a bias of 2^-32 does not matter and a
//! lock or a system call would.

use crate::current;

/// A non-zero state out of something that differs per user, mixed by splitmix64's finaliser.
pub(crate) fn seed(salt: u64) -> u64 {
    let mut z = salt ^ crate::clock::now().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) | 1
}

/// One xorshift step; never zero for a non-zero state.
pub(crate) fn step(mut x: u64) -> u64 {
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    x
}

/// A random number from the calling thread's own generator. Neither parks nor blocks; not for secrets.
pub fn fastrand() -> u32 {
    let x = match current::m() {
        Some(m) => m.random(),
        None => current::foreign_random(),
    };
    (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
}
