//! Every name that gmp promises, used as programs use it: a name or signature that changes does not compile here.
//!
//! Generic functions are also called with their types spelled out, so that the order of their parameters is held, too.
//! What is promised of the traits of these types is in `api_shapes.rs`, what they do in the tests of each.

mod channels;
mod contexts;
mod entry;
mod files;
mod goroutines;
mod locks;
mod outside;
mod seeing;
mod selects;
mod sockets;
mod times;
