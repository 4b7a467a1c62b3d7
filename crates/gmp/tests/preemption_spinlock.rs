//! An allocator whose lock is spun for: whoever is stopped with it is let go on although the spinning ones never sleep, and
//! although no thread can be made meanwhile, since that allocates. In a child process, which SIGALRM ends when it hangs.

mod util;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gmp::runtime::Builder;

/// Whoever wants it spins.
struct Locked(AtomicBool);

impl Locked {
    fn with<T>(&self, f: impl FnOnce() -> T) -> T {
        while self.0.swap(true, Ordering::Acquire) {
            thread::yield_now();
        }
        (0..20).for_each(|_| spin_loop());
        let value = f();
        self.0.store(false, Ordering::Release);
        value
    }
}

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        self.with(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        self.with(|| unsafe { System.dealloc(block, layout) });
    }
}

#[global_allocator]
static ALLOCATOR: Locked = Locked(AtomicBool::new(false));

#[test]
fn who_holds_a_spun_lock_is_let_go_on() {
    let out = util::child("who_holds_a_spun_lock_is_let_go_on", || {
        // SAFETY: no handler is installed; the default ends the process.
        unsafe { libc::alarm(120) };
        let body = || {
            let all: Vec<_> = (0..6)
                .map(|_| gmp::go(|| (0..40_000).for_each(|_| drop(black_box(vec![1_u8; 100])))))
                .collect();
            all.into_iter().for_each(|one| one.join().unwrap());
        };
        let slice = std::time::Duration::from_millis(1);
        // SAFETY: no thread-local is kept over a park.
        unsafe { Builder::new().max_procs(2).time_slice(slice).run(body) };
    });
    assert!(out.status.success(), "{:?} {}", out.status, String::from_utf8_lossy(&out.stderr));
}
