//! A kernel that maps nothing more: an error that says what may be in the way, and nothing that exists is lost. In child
//! processes.
//!
//! Two kernels of that kind. One is simulated: a filter of system calls lets `mmap` fail as the kernel would, for anonymous
//! memory of a MiB and more, which is what slabs are. The other is real, `vm.overcommit_memory=2`; since the setting holds
//! for the whole machine, `GMP_TEST_OVERCOMMIT=1` has to ask for it, as root; nothing does by itself.
#![cfg(not(feature = "sanitizer"))]

use std::fs;
use std::io::ErrorKind;

use gmp_context::{Coroutine, Resumed, Stack, StackPool, Yielder};

#[path = "support/skip.rs"]
mod skip;
mod support;
use support::{child, stderr};

const SIZE: usize = 1 << 20;

/// Takes stacks until there is an error, then checks that all of them are as they were. How many there were.
fn until_refused(before: &mut Coroutine<u8, u8, u8>) -> usize {
    let pool = StackPool::new();
    let mut stacks: Vec<Stack> = Vec::with_capacity(1 << 20);
    let error = loop {
        match pool.reserve(SIZE, 1) {
            Ok(()) => stacks.push(pool.take(SIZE)),
            Err(error) => break error,
        }
        assert!(stacks.len() < stacks.capacity(), "nothing was refused");
    };
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    let text = error.to_string();
    for word in ["cannot map 1 more stack", "vm.overcommit_memory=2", "RLIMIT_AS"] {
        assert!(text.contains(word), "{text}");
    }
    let failed = Coroutine::<(), (), ()>::with_stack_size(1 << 33, |_, ()| ()).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::OutOfMemory);
    assert_eq!((pool.stats().live, pool.stats().reserved), (stacks.len(), 0));
    for stack in stacks.iter().step_by(100) {
        // SAFETY: the lowest byte of a stack that is ours.
        unsafe { stack.limit().write_volatile(1) };
    }
    assert_eq!(before.resume(5), Resumed::Returned(6), "what was there goes on");
    let live = stacks.len();
    stacks.into_iter().for_each(|stack| pool.give(stack));
    live
}

fn one_before() -> Coroutine<u8, u8, u8> {
    let mut before = Coroutine::new(|y: &Yielder<u8, u8>, n: u8| y.suspend(n + 1) + 1);
    assert_eq!(before.resume(1), Resumed::Yielded(2));
    before
}

/// From now on large anonymous mappings fail with `ENOMEM`.
fn refuse_large_mappings() -> bool {
    const LENGTH: u32 = 16 + 8; // the second argument in `seccomp_data`, low half: the high one is next
    let op = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let (load, equal, above, end) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    );
    // Jumps count the lines in between: another call goes to the last line, 4 GiB and more to the one before.
    let mut filter = [
        op(load, 0, 0, 0), // which call
        op(equal, 0, 5, libc::SYS_mmap as u32),
        op(load, 0, 0, LENGTH + 4),
        op(above, 2, 0, 1), // 4 GiB or more
        op(load, 0, 0, LENGTH),
        op(above, 0, 1, 1 << 20),
        op(end, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOMEM as u32),
        op(end, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a flag of this process.
    let alone = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let (mode, program) = (libc::SECCOMP_MODE_FILTER, &raw const program);
    // SAFETY: a valid program, copied by the kernel.
    alone == 0 && unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, program) } == 0
}

#[test]
fn a_failed_mmap_is_an_error() {
    if std::env::var_os("GMP_TEST_RUNNER").is_some() {
        skip::skipped("an emulator has no filters of system calls");
        return;
    }
    let output = child("a_failed_mmap_is_an_error", || {
        let mut before = one_before();
        let pool = StackPool::new();
        pool.reserve(SIZE, 64).expect("address space");
        if !refuse_large_mappings() {
            skip::skipped(std::io::Error::last_os_error());
            return;
        }
        assert_eq!(until_refused(&mut before), 0, "each slab is larger than what is refused");
        let stacks: Vec<Stack> = (0..64).map(|_| pool.take(SIZE)).collect();
        stacks.into_iter().for_each(|stack| pool.give(stack));
    });
    assert!(output.status.success(), "{}", stderr(&output));
    if let Some((_, why)) = String::from_utf8_lossy(&output.stdout).split_once("skipped: ") {
        skip::skipped(why);
    }
}

/// The setting of the machine, put back when dropped.
struct Strict(String);

const MODE: &str = "/proc/sys/vm/overcommit_memory";

impl Drop for Strict {
    fn drop(&mut self) {
        fs::write(MODE, &self.0).expect("it was written before");
    }
}

#[test]
fn strict_overcommit_is_an_error() {
    if std::env::var_os("GMP_TEST_OVERCOMMIT").is_none() {
        skip::skipped(
            "GMP_TEST_OVERCOMMIT is not set, and the setting holds for the whole machine",
        );
        return;
    }
    // The child comes by here, too, and finds what it writes; it never drops `_strict`.
    let old = fs::read_to_string(MODE).expect("procfs");
    fs::write(MODE, "2").expect("root");
    let _strict = Strict(old);
    let output = child("strict_overcommit_is_an_error", || {
        let live = until_refused(&mut one_before());
        assert!(live > 0, "not even one");
    });
    assert!(output.status.success(), "{}", stderr(&output));
}
