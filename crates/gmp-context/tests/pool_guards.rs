//! Guards of pooled stacks: a hundred thousand are guarded, and where the kernel limits guards the error says which limit.

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;

use gmp_context::{Stack, StackPool};

#[path = "support/skip.rs"]
mod skip;
mod support;
use support::{child, stderr};

const SIZE: usize = 64 << 10;

/// Writes to both ends of a stack.
fn touch(stack: &Stack) {
    // SAFETY: the lowest byte of a stack that is ours.
    unsafe { stack.limit().write_volatile(1) };
    let highest = stack.top().as_ptr().wrapping_sub(1);
    // SAFETY: the highest byte of a stack that is ours.
    unsafe { highest.write_volatile(2) };
}

/// Whether a write right below the stack faults, tried in a forked copy of this process.
fn guarded(stack: &Stack) -> bool {
    // SAFETY: the copy only writes and exits, without locks or allocation.
    let copy = unsafe { libc::fork() };
    if copy == 0 {
        // SAFETY: the default action for what is to come.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        let below = stack.limit().as_ptr().wrapping_sub(1);
        // SAFETY: none; it is to fault.
        unsafe { below.write_volatile(0) };
        // SAFETY: ends the copy.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child.
    assert_eq!(unsafe { libc::waitpid(copy, &mut status, 0) }, copy);
    std::process::ExitStatus::from_raw(status).signal() == Some(libc::SIGSEGV)
}

#[test]
fn a_hundred_thousand_stacks_are_guarded() {
    const N: usize = 100_000;
    let pool = StackPool::new();
    if let Err(error) = pool.reserve(SIZE, N) {
        // Before Linux 6.13 guards are mappings; then this must be the reason.
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        skip::skipped(error);
        return;
    }
    let stacks: Vec<Stack> = (0..N).map(|_| pool.take(SIZE)).collect();
    assert!(pool.stats().slabs < 100, "{:?}", pool.stats());
    let mut limits: Vec<_> = stacks.iter().map(|stack| stack.limit().addr().get()).collect();
    limits.sort_unstable();
    assert!(limits.windows(2).all(|pair| pair[1] - pair[0] > SIZE), "they overlap");
    for stack in stacks.iter().step_by(N / 16) {
        touch(stack);
        assert!(guarded(stack));
    }
    stacks.into_iter().for_each(|stack| pool.give(stack));
}

#[test]
fn the_limit_of_mappings_is_an_error_with_its_name() {
    let output = child("the_limit_of_mappings_is_an_error_with_its_name", || {
        let pool = StackPool::with_protected_guards();
        let mut stacks = Vec::new();
        let error = loop {
            match pool.reserve(SIZE, 100) {
                Ok(()) => stacks.extend((0..100).map(|_| pool.take(SIZE))),
                Err(error) => break error,
            }
            assert!(stacks.len() < 1_000_000, "there is a limit on this machine");
        };
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
        // Two mappings each, and some left for the rest of the process: usually 32,200 stacks.
        let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("the limit");
        let mappings: usize = mappings.trim().parse().expect("a number");
        assert!(stacks.len() > mappings / 2 - 1024, "{} stacks", stacks.len());
        // Nothing is lost: all stacks work, are guarded, and can be used again; threads can be started.
        stacks.iter().for_each(touch);
        assert!(guarded(&stacks[0]) && guarded(&stacks[stacks.len() - 1]));
        std::thread::spawn(|| ()).join().expect("a thread");
        let live = stacks.len();
        assert_eq!(pool.stats().live, live);
        pool.give(stacks.pop().expect("many"));
        stacks.push(pool.take(SIZE));
        stacks.into_iter().for_each(|stack| pool.give(stack));
        pool.unreserve(SIZE, live);
        pool.trim();
        pool.reserve(SIZE, 100).expect("room again");
    });
    assert!(output.status.success(), "{}", stderr(&output));
}
