//! The queues that goroutines wait in to run.
//!
//! | queue | puts | takes | order |
//! |---|---|---|---|
//! | [`local::Ring`] of a P | the M that holds the P | that M one at a time; thieves, half at once | FIFO |
//! | `next` of a P | that M | that M; thieves, when it has been there for long | one place |
//! | [`global::Global`] | anybody | every M, a batch at a time | FIFO |
//! | [`tied::Tied`] | whoever finds that a thread waits for a P | every M; the monitor, for a P it has retaken | FIFO with the global queue |
//!
//! Goroutines travel between them in [`list::List`]s, linked through the G itself, so moving them never
//! allocates.

pub(crate) mod global;
pub(crate) mod list;
pub(crate) mod local;
pub(crate) mod tied;
