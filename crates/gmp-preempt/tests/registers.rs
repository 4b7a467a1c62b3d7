//! Every register has its value after a stop: integers, and the widest vectors that the CPU has.

mod common;

#[cfg(target_arch = "x86_64")]
#[test]
fn registers_are_intact() {
    use std::{arch::asm, arch::is_x86_feature_detected};

    use common::{Hog, in_child};

    /// Fills all integer registers but the stack pointer with values made of `seed`, spins, and returns
    /// what is in them then.
    fn integers(seed: u64) -> [u64; 14] {
        let mut found = [0; 14];
        // SAFETY: every register it changes is an output or is put back; rbx and rbp are saved on the
        // stack, which the block may use; `found` is written at 14 words.
        unsafe {
            asm!(
                "push rbx", "push rbp", "push rdi",
                "lea rbx, [rax + 1]", "lea rcx, [rax + 2]", "lea rdx, [rax + 3]",
                "lea rsi, [rax + 4]", "lea rdi, [rax + 5]", "lea rbp, [rax + 6]",
                "lea r8, [rax + 7]", "lea r9, [rax + 8]", "lea r10, [rax + 9]",
                "lea r11, [rax + 10]", "lea r12, [rax + 11]", "lea r13, [rax + 12]",
                "lea r14, [rax + 13]",
                "mov r15d, 20000",
                "2:", "dec r15", "jnz 2b",
                "mov r15, [rsp]", // found
                "mov [r15], rax", "mov [r15 + 8], rbx", "mov [r15 + 16], rcx",
                "mov [r15 + 24], rdx", "mov [r15 + 32], rsi", "mov [r15 + 40], rdi",
                "mov [r15 + 48], rbp", "mov [r15 + 56], r8", "mov [r15 + 64], r9",
                "mov [r15 + 72], r10", "mov [r15 + 80], r11", "mov [r15 + 88], r12",
                "mov [r15 + 96], r13", "mov [r15 + 104], r14",
                "pop rdi", "pop rbp", "pop rbx",
                inout("rax") seed => _, inout("rdi") found.as_mut_ptr() => _,
                out("rcx") _, out("rdx") _, out("rsi") _, out("r8") _, out("r9") _,
                out("r10") _, out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            );
        }
        found
    }

    /// Loads sixteen vectors into sixteen registers, spins, and returns their lanes.
    macro_rules! vectors {
        ($name:ident, $lanes:literal, $load:literal, $store:literal, $reg:literal, $bytes:literal) => {
            /// # Safety
            /// The CPU has these vectors.
            unsafe fn $name(values: &[u64; 16 * $lanes]) -> [u64; 16 * $lanes] {
                let mut found = [0; 16 * $lanes];
                // SAFETY: reads `values` and writes `found` at 16 vectors, whose instructions the CPU
                // has — the caller's promise; all vector registers are declared as changed.
                unsafe {
                    asm!(
                        concat!(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n ", $load, " ", $reg, "\\n, [{from} + \\n*", $bytes, "]\n.endr"),
                        "2:", "dec {count}", "jnz 2b",
                        concat!(".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n ", $store, " [{to} + \\n*", $bytes, "], ", $reg, "\\n\n.endr"),
                        from = in(reg) values.as_ptr(), to = in(reg) found.as_mut_ptr(),
                        count = inout(reg) 20_000_u64 => _,
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                        out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                        out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                        out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    );
                }
                found
            }
        };
    }
    vectors!(xmm, 2, "movups", "movups", "xmm", "16");
    vectors!(ymm, 4, "vmovups", "vmovups", "ymm", "32");
    vectors!(zmm, 8, "vmovups", "vmovups", "zmm", "64");

    fn values<const N: usize>(seed: u64) -> [u64; N] {
        std::array::from_fn(|index| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index as u64)
    }

    in_child("registers_are_intact", || {
        let hogs: [Hog; 2] = std::array::from_fn(|number| {
            Hog::start(move |round| {
                let seed = round ^ (number as u64) << 40;
                let expected: [u64; 14] = std::array::from_fn(|index| seed + index as u64);
                assert_eq!(integers(seed), expected);
                // SAFETY: every x86-64 has SSE2; the others are asked for.
                unsafe { assert_eq!(xmm(&values(seed)), values(seed)) };
                if is_x86_feature_detected!("avx") {
                    // SAFETY: it has.
                    unsafe { assert_eq!(ymm(&values(seed)), values(seed)) };
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: it has.
                    unsafe { assert_eq!(zmm(&values(seed)), values(seed)) };
                }
            })
        });
        for _ in 0..300 {
            hogs.iter().for_each(|hog| hog.stop_and_go(1));
        }
        for hog in hogs {
            assert!(hog.finish() > 0, "it has never come round");
        }
    });
}
