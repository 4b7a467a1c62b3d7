//! Five programs that are broken, each in its way: `cargo run --example debug -- deadlock`, and so on.
//!
//! `docs/debugging.md` shows what one does about each, and what one sees. `tests/debug_example.rs` sees whether it still
//! does.

mod deadlock;
mod hog;
mod leak;
mod lost;
mod overflow;

#[gmp::main(unsafe, max_procs = 2)]
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("deadlock") => deadlock::main(),
        Some("leak") => leak::main(),
        Some("hog") => hog::main(),
        Some("overflow") => overflow::main(),
        Some("lost") => lost::main(),
        _ => panic!("which one: deadlock, leak, hog, overflow, lost?"),
    }
}
