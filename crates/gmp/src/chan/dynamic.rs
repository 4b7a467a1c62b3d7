//! `Select`: waiting for the first of a list of operations that is made at run time.
//!
//! The shape is crossbeam-channel's: register operations, select one, then complete it. Between the two the
//! operation is decided but its value has not moved, which the channels must bear. A receive has its value
//! already, in a place of its own. A send has no value yet: it was promised a place in the buffer
//! (`State::reserved`), or was paired with a receiver that waits a moment longer.

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use super::core::{Core, Side, UNBOUNDED};
use super::err::{RecvError, SelectTimeoutError, SendError, TrySelectError};
use super::gather::Lane;
use super::node::{Node, Outcome};
use super::receiver::Receiver;
use super::select::{Case, Limit, Status, select};
use super::sender::Sender;
use super::timer;
use super::transfer::Settled;

/// A list of operations, of which one is chosen: any of those that are ready, each with the same
/// probability.
///
/// ```
/// use gmp::chan::{self, Select};
///
/// let (tx, rx) = chan::bounded(1);
/// let other = chan::never::<i32>();
/// let mut select = Select::new();
/// let receive = select.recv(&other);
/// let send = select.send(&tx);
/// let op = select.select();
/// assert_ne!(op.index(), receive);
/// assert_eq!(op.index(), send);
/// op.send(&tx, 7).unwrap();
/// assert_eq!(rx.recv(), Ok(7));
/// ```
pub struct Select<'a> {
    cases: Vec<Case<'a>>,
    places: Vec<Option<Source>>,
    lanes: Vec<Lane<'a>>,
    biased: bool,
}

/// Where the receives of an operation get their places from, and the place at hand.
struct Source {
    make: fn() -> Place,
    at_hand: Option<Place>,
}

/// A place for one value on the heap.
struct Place {
    slot: NonNull<()>,
    /// Drops the value.
    clear: unsafe fn(*mut ()),
    /// Frees the place.
    free: unsafe fn(*mut ()),
}

impl Place {
    fn new<T>() -> Place {
        let slot = NonNull::from(Box::leak(Box::new(MaybeUninit::<T>::uninit()))).cast();
        Place {
            slot,
            // SAFETY: called with a place that holds a `T` (callers).
            clear: |slot| unsafe { ptr::drop_in_place(slot.cast::<T>()) },
            // SAFETY: from `Box::leak`, freed once, in `drop`.
            free: |slot| drop(unsafe { Box::from_raw(slot.cast::<MaybeUninit<T>>()) }),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // SAFETY: the place's own function, once.
        unsafe { (self.free)(self.slot.as_ptr()) };
    }
}

impl<'a> Select<'a> {
    /// An empty list.
    pub fn new() -> Select<'a> {
        Select { cases: Vec::new(), places: Vec::new(), lanes: Vec::new(), biased: false }
    }

    /// An empty list that prefers what was registered first.
    pub fn new_biased() -> Select<'a> {
        Select { biased: true, ..Select::new() }
    }

    /// Adds a send; returns its index. Indices count from 0.
    pub fn send<T>(&mut self, sender: &'a Sender<T>) -> usize {
        // SAFETY: no slot: the value comes later.
        let case = unsafe { Case::new(Some(sender.core()), Side::Send, ptr::null_mut(), None) };
        self.add(case, None)
    }

    /// Adds a receive; returns its index.
    pub fn recv<T>(&mut self, receiver: &'a Receiver<T>) -> usize {
        // SAFETY: the slot is set before each select, to a place for a `T`.
        let case = unsafe { Case::new(receiver.core(), Side::Recv, ptr::null_mut(), None) };
        self.add(case, Some(Source { make: Place::new::<T>, at_hand: None }))
    }

    fn add(&mut self, case: Case<'a>, source: Option<Source>) -> usize {
        self.cases.push(case);
        self.places.push(source);
        self.lanes.push(Lane::new());
        self.cases.len() - 1
    }

    /// Takes an operation out; the indices of the others stay. Panics if there is no such index.
    pub fn remove(&mut self, index: usize) {
        // SAFETY: never ready, so the slot is not used.
        self.cases[index] = unsafe { Case::new(None, Side::Recv, ptr::null_mut(), None) };
        self.places[index] = None;
    }

    /// Waits until an operation is ready; with none in the list, for ever. Parks the goroutine, or blocks
    /// the thread. The operation must be completed with [`SelectedOperation::send`] or `recv`, soon: the
    /// other side may be waiting for that.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        loop {
            if let Some(operation) = self.run(Limit::Never) {
                return operation;
            }
        }
    }

    /// Chooses an operation that is ready now. Neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// When none is.
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.run(Limit::Now).ok_or(TrySelectError)
    }

    /// As [`select`](Select::select), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// When the time is over.
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.run(timer::after(timeout).map_or(Limit::Never, Limit::At)).ok_or(SelectTimeoutError)
    }

    /// As [`select`](Select::select), until `deadline`.
    ///
    /// # Errors
    ///
    /// When the time is over.
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.run(Limit::At(deadline)).ok_or(SelectTimeoutError)
    }

    fn run(&mut self, limit: Limit) -> Option<SelectedOperation<'a>> {
        for (case, source) in self.cases.iter_mut().zip(&mut self.places) {
            if let Some(source) = source {
                let place = source.at_hand.get_or_insert_with(source.make);
                case.set_slot(place.slot.as_ptr());
            }
        }
        let (index, status) = select(&mut self.cases, || &mut self.lanes[..], limit, self.biased)?;
        let place = self.places[index].as_mut().and_then(|source| source.at_hand.take());
        let core = self.cases[index].core?;
        Some(SelectedOperation { index, status, core, place })
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("operations", &self.cases.len()).finish_non_exhaustive()
    }
}

/// An operation that was chosen and is to be completed. It cannot fail to be ready any more, but the channel
/// may have been closed.
///
/// Panics when it is dropped instead, or completed with another channel: somebody else may count on it. (The
/// other side is let go first; a value that was received is dropped.)
#[must_use]
pub struct SelectedOperation<'a> {
    index: usize,
    /// `Idle` once completed.
    status: Status,
    core: &'a Core,
    /// Of a receive.
    place: Option<Place>,
}

impl SelectedOperation<'_> {
    /// Which operation it is.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Completes a send. Neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// Gives the value back when the channel is closed.
    pub fn send<T>(mut self, sender: &Sender<T>, value: T) -> Result<(), SendError<T>> {
        let is_it = self.place.is_none() && ptr::eq(self.core, sender.core());
        assert!(is_it, "gmp::chan: passed a sender that was not selected");
        let status = std::mem::replace(&mut self.status, Status::Idle);
        let value = ManuallyDrop::new(value);
        let settled = match status {
            Status::Paired(receiver) => {
                let slot = ptr::from_ref(&*value).cast();
                // SAFETY: the receiver was popped for this send and waits for the value, which is given away.
                unsafe { deliver(self.core, receiver, slot) };
                Settled::Done
            }
            Status::Permit if self.core.cap == UNBOUNDED => sender.chan().send_slow(&value),
            Status::Permit => sender.chan().send_permitted(&value),
            _ => Settled::Closed,
        };
        if settled == Settled::Done {
            Ok(())
        } else {
            Err(SendError(ManuallyDrop::into_inner(value)))
        }
    }

    /// Completes a receive. Neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// When the channel is closed and everything that was sent has been received.
    pub fn recv<T>(mut self, receiver: &Receiver<T>) -> Result<T, RecvError> {
        let is_it = receiver.has_core(self.core);
        let place = self.place.as_ref().filter(|_| is_it).map(|place| place.slot);
        let Some(slot) = place else {
            panic!("gmp::chan: passed a receiver that was not selected")
        };
        match std::mem::replace(&mut self.status, Status::Idle) {
            // SAFETY: `Done` says that the place was filled, with a `T` since it is that channel's.
            Status::Done => Ok(unsafe { slot.cast::<T>().read() }),
            _ => Err(RecvError),
        }
    }
}

/// Hands the value in `slot` to a receiver that was paired with a dynamic send.
///
/// # Safety
///
/// `receiver` was popped from `core` by the caller; `slot` holds a value of the channel, given away.
unsafe fn deliver(core: &Core, receiver: NonNull<Node>, slot: *const ()) {
    // SAFETY: it waits until its outcome is set, which is done below (N3; a task: see `future`).
    let node = unsafe { receiver.as_ref() };
    if node.is_task() {
        let st = core.lock();
        // SAFETY: a value and the place of a task that waits for one.
        unsafe { (core.ops.relay)(slot, node.slot.get()) };
        // SAFETY: a task's, under the lock.
        let waker = unsafe { Node::end_task(receiver, Outcome::Done) };
        drop(st);
        waker.into_iter().for_each(std::task::Waker::wake);
    } else {
        // SAFETY: a value, and the place of a receiver that waits for one.
        unsafe { (core.ops.relay)(slot, node.slot.get()) };
        // SAFETY: popped for this send (contract).
        unsafe { Node::wake(receiver, Outcome::Done) };
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.status, Status::Idle) {
            Status::Idle => return,
            Status::Paired(receiver) => {
                let st = self.core.lock();
                let wake = super::core::Wake::take(receiver, Outcome::Again);
                drop(st);
                wake.wake(Outcome::Again);
            }
            Status::Permit if self.core.cap != UNBOUNDED => {
                // SAFETY: the permit is this operation's, and given back once.
                unsafe { (self.core.ops.return_permit)(self.core) };
            }
            Status::Done => {
                if let Some(place) = &self.place {
                    // SAFETY: `Done` says that the place was filled.
                    unsafe { (place.clear)(place.slot.as_ptr()) };
                }
            }
            _ => {}
        }
        if !std::thread::panicking() {
            panic!("gmp::chan: a SelectedOperation was dropped without being completed");
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectedOperation").field("index", &self.index).finish_non_exhaustive()
    }
}
