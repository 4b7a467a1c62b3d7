//! Channels: how goroutines, and threads, hand values to each other.
//!
//! Shapes follow std and crossbeam-channel, meaning follows Go. [`bounded`] makes a channel that holds so
//! many values, 0 being a rendezvous: a send ends when somebody has received. [`unbounded`] never makes a
//! sender wait. Both sides can be cloned, and every operation works from goroutines, which it parks, and from
//! plain threads, which it blocks. [`select!`](crate::select) waits for the first of several operations,
//! [`Select`] does so for a list that is made at run time.
//!
//! ```
//! use gmp::chan;
//!
//! let (tx, rx) = chan::bounded(2);
//! let producer = std::thread::spawn(move || (0..5).try_for_each(|i| tx.send(i)));
//! assert_eq!(rx.iter().sum::<i32>(), 10); // ends when `tx` is dropped
//! producer.join().unwrap().unwrap();
//! ```
//!
//! # Guarantees
//!
//! - Values are received in the order in which they were sent; who waits is served in the order of arrival.
//! - A channel is closed by `close`, or when all senders or all receivers are gone. Receivers get what was
//!   sent before, then [`RecvError`]; senders get their value back, also those that wait already.
//! - A value is received once, or comes back to its sender, or is dropped, once, with the last receiver.
//! - A send happens before its receive returns; a close before the receive that reports it; with capacity C
//!   the k-th receive before the (k+C)-th send returns.
//! - A refusal (`try_*`, `default`) is right at some moment of the call, that of `select!` for all its
//!   channels at once.
//!
//! # How it works today
//!
//! A lock, a ring or a chain of blocks, and two queues of waiters whose nodes lie on the waiting stacks
//! (`node`). A value goes straight from the sender's stack to the waiting receiver's, or back (`flow`). What
//! is needed to decide is kept apart from the element type (`core`), so that `select` is compiled once.
//! Waiting allocates nothing. In reading order: `node` (who waits), `core` (what is decided), `wait` (how), `transfer` and
//! `flow` (how values move), `ring`, `list` and `store` (where they lie), `sender`, `receiver`, `iter`,
//! `counter` (the handles), `select`, `gather` (several at once), `select_macro`, `arm`, `dynamic` (its two
//! faces), `timer`, `end`, `future`, `stream` (asynchronous code).

#[doc(hidden)]
pub mod arm;
pub(crate) mod core;
mod counter;
mod dynamic;
pub(crate) mod end;
mod err;
pub(crate) mod flow;
mod future;
mod gather;
mod iter;
mod list;
pub(crate) mod node;
mod receiver;
mod ring;
mod select;
mod select_macro;
mod sender;
mod store;
mod stream;
pub(crate) mod sync;
pub(crate) mod timer;
mod transfer;
mod wait;

#[cfg(test)]
mod tests;

use std::ptr::NonNull;

use self::core::UNBOUNDED;
use self::flow::Chan;

pub use dynamic::{Select, SelectedOperation};
pub use err::{
    RecvError, RecvTimeoutError, SelectTimeoutError, SendError, SendTimeoutError, TryRecvError,
    TrySelectError, TrySendError,
};
pub use future::RecvFuture;
pub use iter::{IntoIter, Iter, TryIter};
pub use receiver::Receiver;
pub use sender::Sender;

/// A channel that holds up to `cap` values; with 0, each send waits for its receive.
///
/// The places are allocated now. Panics when their size overflows, or `cap` exceeds `usize::MAX / 16`.
///
/// ```
/// use gmp::chan::{self, TrySendError};
///
/// let (tx, rx) = chan::bounded(1);
/// assert_eq!(tx.send("one"), Ok(()));
/// assert_eq!(tx.try_send("two"), Err(TrySendError::Full("two")));
/// assert_eq!(rx.recv(), Ok("one"));
/// ```
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    assert!(cap != UNBOUNDED, "gmp::chan::bounded: the capacity is out of range");
    channel(Chan::new(cap))
}

/// A channel that holds as many values as memory does. Sending never waits.
///
/// ```
/// let (tx, rx) = gmp::chan::unbounded();
/// (0..1_000).for_each(|i| tx.send(i).unwrap()); // never waits
/// assert_eq!(rx.len(), 1_000);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(Chan::new(UNBOUNDED))
}

/// A receiver to which nothing ever comes, as from Go's nil channel: in a `select!` it stands for an
/// operation that is switched off.
///
/// ```
/// // An arm that is switched off for now.
/// let (tx, jobs) = gmp::chan::bounded(1);
/// tx.send(7).unwrap();
/// let (paused, never) = (true, gmp::chan::never());
/// let job = gmp::select! {
///     recv(if paused { &never } else { &jobs }) -> job => job.ok(),
///     default => None,
/// };
/// assert_eq!(job, None);
/// ```
pub fn never<T>() -> Receiver<T> {
    Receiver::none()
}

fn channel<T>(chan: Chan<T>) -> (Sender<T>, Receiver<T>) {
    let chan = NonNull::from(Box::leak(Box::new(chan)));
    // SAFETY: leaked just now; a channel begins with one sender.
    let sender = unsafe { Sender::of(chan) };
    // SAFETY: as above; and with one receiver.
    (sender, unsafe { Receiver::of(chan) })
}
