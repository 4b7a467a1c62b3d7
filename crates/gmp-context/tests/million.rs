//! A million guarded stacks at the same time in a few mappings, used to their ends. In a child process, which gives the
//! 4 GiB back whatever happens. Where the machine cannot hold them, the reason is printed.
//! Not under the address sanitizer: its shadow of the address space would take as much again.
#![cfg(not(feature = "sanitizer"))]

use std::fs;

use gmp_context::{Stack, StackPool};

#[path = "support/skip.rs"]
mod skip;
mod support;
use support::{child, stderr};

const N: usize = 1_000_000;
const SIZE: usize = 64 << 10;
/// How many are taken: all in optimised builds. Once is enough for what is half the work, the first touch of their pages.
const USED: usize = if cfg!(debug_assertions) { N / 10 } else { N };
/// A page each, page tables, and what the rest of the machine should be left with.
const NEEDED: usize = USED * 4096 + N * 512 + (1 << 30);

/// Why this machine cannot have them, if it cannot.
fn obstacle() -> Option<String> {
    if std::env::var_os("GMP_TEST_RUNNER").is_some() {
        return Some("an emulator keeps books of every page".into());
    }
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available: usize = available.trim().trim_end_matches(" kB").parse().ok()?;
    if available << 10 < NEEDED {
        return Some(format!("{} MiB of memory available", available >> 10));
    }
    let mode = fs::read_to_string("/proc/sys/vm/overcommit_memory").ok()?;
    if mode.trim() == "2" {
        return Some("vm.overcommit_memory is 2".into());
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: only asks.
    unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    (limit.rlim_cur < 100 << 30).then(|| format!("RLIMIT_AS is {} bytes", limit.rlim_cur))
}

/// Whether the kernel refuses to write to the byte at `address`, as a fault would find it.
fn refused(zeroes: libc::c_int, address: *mut u8) -> bool {
    // SAFETY: the kernel either writes one byte of ours or says that it cannot.
    let result = unsafe { libc::read(zeroes, address.cast(), 1) };
    result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// Mappings of this process.
fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").expect("the mappings").lines().count()
}

#[test]
fn a_million_guarded_stacks_at_the_same_time() {
    if let Some(obstacle) = obstacle() {
        skip::skipped(obstacle);
        return;
    }
    let output = child("a_million_guarded_stacks_at_the_same_time", || {
        let before = mappings();
        let pool = StackPool::new();
        if let Err(error) = pool.reserve(SIZE, N) {
            // Before Linux 6.13 a guard is a mapping; then this must be the reason.
            assert!(error.to_string().contains("vm.max_map_count"), "{error}");
            skip::skipped(error);
            return;
        }
        // Taking one touches its uppermost page.
        let stacks: Vec<Stack> = (0..USED).map(|_| pool.take(SIZE)).collect();
        let stats = pool.stats();
        assert_eq!((stats.live, stats.reserved), (USED, N - USED));
        let mapped = mappings() - before;
        assert!(mapped < 1000, "{mapped} mappings for {} slabs", stats.slabs);
        // SAFETY: a path that ends with a zero.
        let zeroes = unsafe { libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY) };
        assert!(zeroes >= 0);
        let mut limits = Vec::with_capacity(USED);
        for (index, stack) in stacks.iter().enumerate() {
            let limit = stack.limit().as_ptr();
            assert!(refused(zeroes, limit.wrapping_sub(1)), "stack {index} has no guard");
            limits.push(limit.addr());
            if index % 1000 == 0 {
                assert!(!refused(zeroes, limit), "stack {index} cannot be used to its end");
                assert!(!refused(zeroes, stack.top().as_ptr().wrapping_sub(1)));
            }
        }
        limits.sort_unstable();
        assert!(limits.windows(2).all(|pair| pair[1] - pair[0] > SIZE), "they overlap");
        stacks.into_iter().for_each(|stack| pool.give(stack));
        pool.unreserve(SIZE, N);
        pool.trim();
        assert_eq!(pool.stats().slabs, 0, "all of them are released after the peak");
    });
    assert!(output.status.success(), "{}", stderr(&output));
    if let Some((_, why)) = String::from_utf8_lossy(&output.stdout).split_once("skipped: ") {
        skip::skipped(why);
    }
}
