//! The live view of a gmp process: what the program `gmp-top` is made of.
//!
//! A process that was started with `GMP_TOP=path` serves snapshots of itself on a Unix socket; this crate asks for one a
//! second and draws it. Reading order: `client.rs` the protocol, `app.rs` what the keys do, `draw.rs` the picture.
//! Nothing here depends on gmp: the two meet on the socket.

mod app;
mod client;
mod draw;
mod rates;

pub use app::{App, Order, Reaction};
pub use client::{Client, Proc, Site, Snapshot, Threads};
pub use draw::{draw, plain};
pub use rates::Rates;
