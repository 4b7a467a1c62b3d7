//! What several model tests share: memory whose unsynchronised use loom reports.

/// A plain number. Under loom each access is checked against the happens-before relation.
#[derive(Debug)]
pub(crate) struct RaceCell(
    #[cfg(loom)] loom::cell::UnsafeCell<u32>,
    #[cfg(not(loom))] std::cell::UnsafeCell<u32>,
);

// SAFETY: the tests' protocols order the accesses; that they do is what the models check.
unsafe impl Sync for RaceCell {}
// SAFETY: a plain number.
unsafe impl Send for RaceCell {}

impl RaceCell {
    /// A cell that holds 0.
    pub(crate) fn new() -> RaceCell {
        #[cfg(loom)]
        let cell = RaceCell(loom::cell::UnsafeCell::new(0));
        #[cfg(not(loom))]
        let cell = RaceCell(std::cell::UnsafeCell::new(0));
        cell
    }

    /// Writes; the protocol under test must exclude everybody else.
    pub(crate) fn set(&self, value: u32) {
        #[cfg(loom)]
        // SAFETY: loom reports the violation if it is not exclusive.
        self.0.with_mut(|p| unsafe { *p = value });
        #[cfg(not(loom))]
        // SAFETY: exclusive by the protocol under test.
        unsafe {
            *self.0.get() = value;
        }
    }

    /// Reads; the protocol under test must have ordered the writer before.
    pub(crate) fn get(&self) -> u32 {
        #[cfg(loom)]
        // SAFETY: loom reports the violation if it is not ordered.
        let value = self.0.with(|p| unsafe { *p });
        #[cfg(not(loom))]
        // SAFETY: ordered by the protocol under test.
        let value = unsafe { *self.0.get() };
        value
    }
}
