//! What gmp is measured with: see `README.md` beside this package.
//!
//! The program `gmp-bench` holds the workloads; `contract` what all measured programs share, `rivals`
//! and `twins` the programs of the others. `cargo xtask bench` runs them all.

#![doc = include_str!("../README.md")]
