//! Contexts: cancellation, deadlines and values that travel down a tree of calls.
//!
//! A [`Context`] is handed from function to function, and to goroutines. Whoever waits for something also
//! waits for [`done`](Context::done), which is closed when the work is no longer wanted: because a
//! [`Cancel`] was used or dropped, here or further up, or because a deadline has passed.
//!
//! ```
//! use gmp::context::{Context, ContextError};
//!
//! let (context, cancel) = Context::background().with_value("request 7").with_cancel();
//! let (below, _cancel_below) = context.with_cancel();
//! cancel.cancel();
//! assert_eq!(below.err(), Some(ContextError::Canceled));
//! assert_eq!(below.value::<&str>(), Some(&"request 7"));
//! ```
//!
//! # Guarantees
//!
//! - When `cancel` returns, every context below is cancelled, also when somebody else was at it at the time.
//! - `err` is `Some` if and only if `done` is closed, for every observer.
//! - A cancelled or dropped child is no longer known to its parent: nothing accumulates in a long-lived one.
//! - Cancelling costs O(contexts below), and no stack, however deep the tree is.
//!
//! # How it works today
//!
//! A `Context` is two counted pointers: the nearest *scope*, that is what can be cancelled (`scope.rs`), and
//! the newest of a chain of values (`value.rs`).

mod cancel;
mod error;
mod node;
mod scope;
mod slab;
mod value;

#[cfg(test)]
mod tests;

pub use cancel::{Cancel, Stop};
pub use error::{ContextError, Never};
pub use node::{Context, background};
