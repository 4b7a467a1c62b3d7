//! Under `--cfg loom`: locks, waits and cells that the model checker sees, in the shapes of the scheduler's.
//!
//! A lock is loom's mutex, a wait its condition variable. A goroutine's commit runs on the stack of its successor, maybe while
//! it is resumed already; in a model that is a thread of its own, for threads that say so by [`commit_elsewhere`].

use std::cell::UnsafeCell;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::time::Instant;

use gmp_sched::{Claim, WaitReason};

pub(crate) use loom::cell::Cell;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(test)]
pub(crate) use loom::thread;

/// Whether a model checker looks at every use of a [`Cell`].
pub(crate) const CHECKED: bool = true;

/// An open critical section, of which a model has no use.
#[derive(Debug)]
pub(crate) struct Critical(());

pub(crate) fn critical() -> Critical {
    Critical(())
}

/// Always the first: a model has to go the same way each time.
pub(crate) fn fastrand() -> u32 {
    0
}

/// Something on a stack that others use: using it when it is gone, or not for certain still there, is a race. What notices
/// is leaked, so that it is still there when the stack is not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lent(&'static Cell<()>);

impl Lent {
    pub(crate) fn new() -> Lent {
        Lent(Box::leak(Box::new(Cell::new(()))))
    }

    pub(crate) fn used(&self) {
        self.0.get();
    }

    pub(crate) fn gone(&self) {
        self.0.set(());
    }
}

/// Where a park's commit finds `items` of the stack that is left: in a leaked copy, so that a commit that comes too late
/// gets as far as the [`Lent`] that notices.
pub(crate) fn lend<T>(items: &[T]) -> *const T {
    let copy = Box::leak(Box::<[T]>::new_uninit_slice(items.len())).as_mut_ptr().cast::<T>();
    // SAFETY: as many items in both, which do not overlap; nobody drops the copies.
    unsafe { ptr::copy_nonoverlapping(items.as_ptr(), copy, items.len()) };
    copy
}

/// As `gmp_sched::Lock`.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    mutex: Mutex<()>,
    /// The guard of who holds it.
    held: UnsafeCell<Option<MutexGuard<'static, ()>>>,
    value: UnsafeCell<T>,
}

// SAFETY: the value and the guard are touched by who holds the mutex.
unsafe impl<T: Send> Sync for Lock<T> {}
// SAFETY: owning the lock is owning the value.
unsafe impl<T: Send> Send for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock { mutex: Mutex::new(()), held: UnsafeCell::new(None), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> LockGuard<'_, T> {
        self.acquire();
        LockGuard(self)
    }

    pub(crate) fn lock_with(&self, _section: Critical, _in_turns: bool) -> LockGuard<'_, T> {
        self.lock()
    }

    pub(crate) fn lock_in_section(&self, _section: &Critical) {
        self.acquire();
    }

    pub(crate) unsafe fn unlock_in_section(&self) {
        self.release();
    }

    pub(crate) fn value_ptr(&self) -> *mut T {
        self.value.get()
    }

    fn acquire(&self) {
        let guard = self.mutex.lock().expect("no poisoning here");
        // SAFETY: it is dropped in `release`, before the lock.
        let guard = unsafe { mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
        // SAFETY: the mutex is held.
        unsafe { *self.held.get() = Some(guard) };
    }

    fn release(&self) {
        // SAFETY: the mutex is held until the guard is dropped, below.
        let guard = unsafe { (*self.held.get()).take() };
        drop(guard);
    }
}

/// As `gmp_sched::LockGuard`.
#[derive(Debug)]
pub(crate) struct LockGuard<'a, T>(&'a Lock<T>);

impl<T> LockGuard<'_, T> {
    pub(crate) fn unlock(self) -> Critical {
        drop(self);
        critical()
    }

    pub(crate) unsafe fn park(self, waiter: Waiter, reason: WaitReason) {
        // SAFETY: passed on.
        unsafe { park(waiter, reason, move || drop(self)) };
    }
}

impl<T> Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// As `gmp_sched::Waiter`. What it points to is leaked, so that a wake that comes too late is the model's to notice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiter(&'static (Mutex<bool>, Condvar));

impl Waiter {
    pub(crate) fn current() -> Waiter {
        Waiter(Box::leak(Box::new((Mutex::new(false), Condvar::new()))))
    }

    pub(crate) fn in_section() -> (Waiter, Critical) {
        (Waiter::current(), critical())
    }

    pub(crate) unsafe fn ready_in(self, _section: &Critical) {
        // SAFETY: passed on.
        unsafe { self.ready() };
    }

    pub(crate) unsafe fn ready(self) {
        *self.0.0.lock().expect("no poisoning here") = true;
        self.0.1.notify_one();
    }

    fn wait(self) {
        let mut woken = self.0.0.lock().expect("no poisoning here");
        while !*woken {
            woken = self.0.1.wait(woken).expect("no poisoning here");
        }
    }
}

loom::thread_local! {
    static ELSEWHERE: Cell<bool> = Cell::new(false);
}

/// The commits of the calling thread's parks run on threads of their own from now on.
#[cfg(test)]
pub(crate) fn commit_elsewhere() {
    ELSEWHERE.with(|elsewhere| elsewhere.set(true));
}

/// As `gmp_sched::park`.
pub(crate) unsafe fn park<C: FnOnce()>(waiter: Waiter, _: WaitReason, commit: C) {
    struct Travels(Box<dyn FnOnce()>);
    // SAFETY: as in the scheduler, a commit runs on one thread, whichever.
    unsafe impl Send for Travels {}
    impl Travels {
        fn run(self) {
            (self.0)();
        }
    }
    if ELSEWHERE.with(Cell::get) {
        let commit: Box<dyn FnOnce() + '_> = Box::new(commit);
        // SAFETY: what the commit borrows is there as long as it runs: that is what the model is to show.
        let commit = unsafe { mem::transmute::<Box<dyn FnOnce() + '_>, Box<dyn FnOnce()>>(commit) };
        let commit = Travels(commit);
        loom::thread::spawn(move || commit.run());
    } else {
        commit();
    }
    waiter.wait();
}

/// As `gmp_sched::park_in`.
pub(crate) unsafe fn park_in<C: FnOnce()>(
    _section: Critical,
    waiter: Waiter,
    reason: WaitReason,
    commit: C,
) {
    // SAFETY: passed on.
    unsafe { park(waiter, reason, commit) }
}

/// As `gmp_sched::park_until`. Models have no clock: the deadline never comes.
pub(crate) unsafe fn park_until<C: FnOnce()>(
    waiter: Waiter,
    reason: WaitReason,
    _deadline: Instant,
    _claim: &Claim,
    commit: C,
) {
    // SAFETY: passed on.
    unsafe { park(waiter, reason, commit) }
}

/// Runs a model through every interleaving that loom explores.
#[cfg(test)]
pub(crate) fn model(body: impl Fn() + Sync + Send + 'static) {
    loom::model(body);
}
