//! The attribute macros of gmp: `#[gmp::main(unsafe)]` and `#[gmp::test(unsafe)]`.
//!
//! Starting the runtime is the one `unsafe` act of a program that uses gmp, because a goroutine may
//! continue on another OS thread after it parked, and safe Rust can write code that minds. These
//! attributes carry that word and the runtime's options, so that a program needs no set-up code.
//! They are re-exported by gmp, whose paths their expansions name; nobody else needs this crate.
//!
//! ```
//! # // Stands in for the runtime, which depends on this crate.
//! # extern crate self as gmp;
//! # use gmp_macros as gmp_attributes;
//! # pub mod runtime {
//! #     pub struct Builder;
//! #     impl Builder {
//! #         pub fn new() -> Builder { Builder }
//! #         pub fn max_procs(self, _: usize) -> Builder { self }
//! #         pub fn stack_size(self, _: usize) -> Builder { self }
//! #         pub unsafe fn run<T>(self, f: impl FnOnce() -> T + Send) -> T { f() }
//! #     }
//! # }
//! # pub use gmp_attributes::main;
//! #[gmp::main(unsafe, max_procs = 4, stack_size = "1 MiB")]
//! fn main() -> Result<(), std::num::ParseIntError> {
//!     let n: u32 = "42".parse()?; // this is the main goroutine
//!     assert_eq!(n, 42);
//!     Ok(())
//! }
//! ```
//!
//! | option | takes | `Builder` method |
//! |---|---|---|
//! | `unsafe` | nothing, required | the contract of `docs/contract.md` |
//! | `max_procs` | an integer from 1 | `max_procs` |
//! | `max_threads` | an integer from 1 | `max_threads` |
//! | `stack_size` | bytes, or a string such as `"64 KiB"`, `"1 MiB"` | `stack_size` |
//! | `time_slice` | a string such as `"500 us"`, `"10ms"` | `time_slice` |
//! | `leak_check` | nothing; tests only | goroutines that outlive the test fail it |
//!
//! # Code map
//!
//! `options.rs` reads what stands in the parentheses, `units.rs` the sizes and durations in it,
//! `expand.rs` checks the function and writes the new one.
//!
//! # Limits
//!
//! The function takes no arguments and no generics and is not `async`. The crate gmp has to be
//! known as `gmp` where the attribute stands.

mod expand;
mod options;
mod units;

use proc_macro::TokenStream;

use crate::expand::Entry;

/// Makes the body of `main` the main goroutine.
///
/// When it returns, the process ends with its value as the status, whatever the other goroutines
/// are doing, as in Go. Any return type of std's `main` will do. The options are in the
/// [crate's documentation](crate).
///
/// `unsafe` is the promise of `docs/contract.md`: no code of the process ties itself to an OS
/// thread across a point where its goroutine may park. Without it the attribute does not compile:
///
/// ```compile_fail
/// #[gmp_macros::main]
/// fn main() {}
/// ```
///
/// Nor does it on a function that std would not take as `main`, or with an option that it does not
/// know:
///
/// ```compile_fail
/// #[gmp_macros::main(unsafe)]
/// async fn main() {}
/// ```
///
/// ```compile_fail
/// #[gmp_macros::main(unsafe)]
/// fn main(argument: u8) {}
/// ```
///
/// ```compile_fail
/// #[gmp_macros::main(unsafe, stack_size = "1 furlong")]
/// fn main() {}
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Entry::Main, options.into(), function.into()).into()
}

/// Makes a test whose body is the main goroutine of a runtime of its own.
///
/// Tests of one process take turns, because there is one scheduler per process; other attributes,
/// such as `#[should_panic]`, keep their meaning. The options are those of [`macro@main`], and
/// `leak_check`: the test fails if goroutines that it started are left when it returns.
///
/// ```compile_fail
/// #[gmp_macros::test]
/// fn needs_the_word_unsafe() {}
/// ```
///
/// ```compile_fail
/// #[gmp_macros::test(unsafe)]
/// fn takes<T>() {}
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Entry::Test, options.into(), function.into()).into()
}
