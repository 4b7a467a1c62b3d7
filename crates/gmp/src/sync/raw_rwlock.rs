//! The reader-writer protocol: a count of readers that a writer makes negative.
//!
//! Reading costs one addition when no writer is about. Writers first agree among themselves through a
//! [`RawMutex`], so their contention is the mutex's; the one that holds it announces itself by taking
//! [`WRITER`] off the count, which stops new readers, and waits for those that are in. When it leaves it
//! lets in all readers that came meanwhile, and only then the next writer can announce itself: phases
//! alternate, and neither side starves. The scheme is that of Go's `sync.RWMutex`.
//!
//! Steps, cited below:
//! - **R1** a reader adds 1. Not negative: it is in. Negative: it waits at the gate for a grant.
//! - **R2** a reader that leaves subtracts 1. Negative: a writer waits; it subtracts 1 from `leaving`, and
//!   the one that brings `leaving` to 0 wakes the writer.
//! - **W1** a writer takes WRITER off the count and learns how many readers are in; it adds that number to
//!   `leaving`. If the sum is 0 they have all left by R2 meanwhile, and it is in; else it waits.
//! - **W2** a writer that leaves adds WRITER back, learns how many readers wait or are on their way to the
//!   gate, and leaves as many grants there. Then it unlocks the mutex.
//!
//! A reader that was counted in W2 may reach the gate later than a reader of the next phase, which then
//! takes its grant. The counts stay right: one of the two is in, the other waits for the next W2.

use gmp_sched::{Lock, WaitReason};

use super::atomic::{AtomicI32, Ordering};
use super::raw_mutex::RawMutex;
use super::wait_list::{End, PoppedList, WaitList, WaitNode, broken};

/// Taken off the count while a writer is in or waits; so there may be this many readers.
const WRITER: i32 = 1 << 30;

/// A reader-writer lock without a value.
#[derive(Debug)]
pub(crate) struct RawRwLock {
    /// Readers that are in or wait; minus WRITER while a writer is in or waits.
    readers: AtomicI32,
    /// Readers that the waiting writer waits for. Below zero for a moment, between R2 and W1.
    leaving: AtomicI32,
    writers: RawMutex,
    gate: Lock<Gate>,
}

/// Where those wait who have been counted.
#[derive(Debug)]
struct Gate {
    readers: WaitList,
    /// Readers that may enter and have not arrived here yet.
    grants: usize,
    /// At most one: it holds `writers`.
    writer: WaitList,
    /// The last reader has left, and the writer has not arrived here yet.
    writer_may_enter: bool,
}

impl RawRwLock {
    pub(crate) const fn new() -> RawRwLock {
        RawRwLock {
            readers: AtomicI32::new(0),
            leaving: AtomicI32::new(0),
            writers: RawMutex::new(),
            gate: Lock::new(Gate {
                readers: WaitList::new(),
                grants: 0,
                writer: WaitList::new(),
                writer_may_enter: false,
            }),
        }
    }

    /// R1. Parks the goroutine, blocks a plain thread, while a writer is in or waits.
    #[inline]
    pub(crate) fn read(&self) {
        // Acquire: pairs with Release in `unlock_write`; the last writer's writes are visible.
        let before = self.readers.fetch_add(1, Ordering::Acquire);
        // One comparison for "negative" and "too many".
        if before as u32 >= WRITER as u32 - 1 {
            self.read_slow(before);
        }
    }

    /// R1, if no writer is in or waits. Neither parks nor blocks.
    #[inline]
    pub(crate) fn try_read(&self) -> bool {
        // Relaxed: a first guess; the compare-and-swap decides.
        let mut n = self.readers.load(Ordering::Relaxed);
        while (0..WRITER - 1).contains(&n) {
            // Acquire: as in `read`.
            match self.readers.compare_exchange_weak(n, n + 1, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => n = now,
            }
        }
        false
    }

    /// R2. Neither parks nor blocks; allowed in critical sections.
    ///
    /// # Safety
    ///
    /// The caller is a reader that is in, and gives up what the lock protects.
    #[inline]
    pub(crate) unsafe fn unlock_read(&self) {
        // Release: pairs with Acquire in `write`; this reader's reads come before the writer's writes.
        if self.readers.fetch_sub(1, Ordering::Release) < 0 {
            self.unlock_read_slow();
        }
    }

    /// W1. Parks the goroutine, blocks a plain thread, while anybody else is in.
    #[inline]
    pub(crate) fn write(&self) {
        self.writers.lock();
        // Acquire: pairs with Release in `unlock_read` and `unlock_write`.
        let readers = self.readers.fetch_sub(WRITER, Ordering::Acquire);
        if readers != 0 {
            self.write_slow(readers);
        }
    }

    /// W1, if nobody is in. Neither parks nor blocks.
    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        if !self.writers.try_lock() {
            return false;
        }
        // Acquire: as in `write`.
        if self.readers.compare_exchange(0, -WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return true;
        }
        // SAFETY: taken above.
        unsafe { self.writers.unlock() };
        false
    }

    /// W2. Neither parks nor blocks; allowed in critical sections.
    ///
    /// # Safety
    ///
    /// The caller is the writer that is in, and gives up what the lock protects.
    #[inline]
    pub(crate) unsafe fn unlock_write(&self) {
        // Release: pairs with Acquire in `read`, `try_read` and `write`; publishes this writer's writes.
        let readers = self.readers.fetch_add(WRITER, Ordering::Release) + WRITER;
        if readers != 0 {
            self.admit(readers);
        }
        // SAFETY: a writer holds it from W1 until here.
        unsafe { self.writers.unlock() };
    }

    #[cold]
    fn read_slow(&self, before: i32) {
        if before >= 0 {
            // Guards were leaked by the billion; going on would let the count overflow into a writer's.
            broken("more than a billion readers of one RwLock");
        }
        let node = WaitNode::new(0);
        let mut gate = self.gate.lock();
        if gate.grants > 0 {
            gate.grants -= 1;
            return;
        }
        node.wait(gate, |gate| &mut gate.readers, End::Back, WaitReason::RwLockRead, || ());
    }

    #[cold]
    fn unlock_read_slow(&self) {
        // AcqRel: pairs with itself and with `write_slow`: the last one out passes on what all did.
        if self.leaving.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let writer = {
            let mut gate = self.gate.lock();
            let writer = gate.writer.pop();
            gate.writer_may_enter = writer.is_none();
            writer
        };
        if let Some(writer) = writer {
            writer.wake(0);
        }
    }

    #[cold]
    fn write_slow(&self, readers: i32) {
        // AcqRel: pairs with `unlock_read_slow`.
        if self.leaving.fetch_add(readers, Ordering::AcqRel) + readers == 0 {
            return;
        }
        let node = WaitNode::new(0);
        let mut gate = self.gate.lock();
        if std::mem::take(&mut gate.writer_may_enter) {
            return;
        }
        node.wait(gate, |gate| &mut gate.writer, End::Back, WaitReason::RwLockWrite, || ());
    }

    /// W2: lets in the `readers` that came while the writer was in.
    #[cold]
    fn admit(&self, readers: i32) {
        let mut enter = PoppedList::new();
        {
            let mut gate = self.gate.lock();
            for _ in 0..readers {
                match gate.readers.pop() {
                    Some(reader) => enter.push(reader),
                    None => gate.grants += 1,
                }
            }
        }
        enter.wake(0);
    }
}

#[cfg(test)]
impl RawRwLock {
    /// How many readers are parked.
    pub(super) fn parked_readers(&self) -> usize {
        self.gate.lock().readers.len()
    }

    /// How many writers are parked.
    pub(super) fn parked_writers(&self) -> usize {
        self.gate.lock().writer.len() + self.writers.parked()
    }

    /// Whether a writer holds the lock or has announced itself.
    pub(super) fn has_writer(&self) -> bool {
        // Relaxed: polled.
        self.readers.load(Ordering::Relaxed) < 0
    }
}
