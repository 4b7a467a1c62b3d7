//! The attributes as the compiler sees them, on a runtime that only notes what it is asked.
//!
//! The real one depends on this crate; its own tests run goroutines.

extern crate self as gmp;

use std::process::{ExitCode, Termination};

use gmp_macros as attributes;

/// What the expansions name in the real crate.
mod runtime {
    use std::cell::RefCell;
    use std::time::Duration;

    thread_local! {
        /// The options of the last run on this thread; a test runs on a thread of its own.
        pub(crate) static SEEN: RefCell<Option<Builder>> = const { RefCell::new(None) };
    }

    #[derive(Debug, Default, Clone, PartialEq, Eq)]
    pub(crate) struct Builder {
        pub(crate) max_procs: usize,
        pub(crate) max_threads: usize,
        pub(crate) stack_size: usize,
        pub(crate) time_slice: Duration,
    }

    impl Builder {
        pub(crate) fn new() -> Builder {
            Builder::default()
        }
        pub(crate) fn max_procs(self, max_procs: usize) -> Builder {
            Builder { max_procs, ..self }
        }
        pub(crate) fn max_threads(self, max_threads: usize) -> Builder {
            Builder { max_threads, ..self }
        }
        pub(crate) fn stack_size(self, stack_size: usize) -> Builder {
            Builder { stack_size, ..self }
        }
        pub(crate) fn time_slice(self, time_slice: Duration) -> Builder {
            Builder { time_slice, ..self }
        }
        /// # Safety
        ///
        /// None is needed: it only calls. The real one has the contract.
        pub(crate) unsafe fn run<T>(self, f: impl FnOnce() -> T + Send) -> T {
            SEEN.set(Some(self));
            f()
        }
    }
}

/// What `leak_check` names.
mod testing {
    use std::cell::RefCell;

    thread_local! {
        pub(crate) static LEFT: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn leaked() -> Vec<&'static str> {
        LEFT.take()
    }
}

#[attributes::test(
    unsafe,
    max_procs = 3,
    max_threads = 7,
    stack_size = "64 KiB",
    time_slice = "2ms"
)]
fn options_reach_the_builder() {
    let seen = runtime::SEEN.take().expect("the body runs inside `run`");
    assert_eq!((seen.max_procs, seen.max_threads, seen.stack_size), (3, 7, 64 << 10));
    assert_eq!(seen.time_slice.as_millis(), 2);
}

#[attributes::test(unsafe)]
fn what_is_not_given_is_not_set() {
    assert_eq!(runtime::SEEN.take(), Some(runtime::Builder::default()));
}

#[attributes::test(unsafe)]
fn results_and_the_question_mark() -> Result<(), std::num::ParseIntError> {
    let n: u8 = "7".parse()?;
    if n == 7 {
        return Ok(());
    }
    unreachable!("seven is seven");
}

#[attributes::test(unsafe)]
#[should_panic(expected = "on purpose")]
fn other_attributes_keep_their_meaning() {
    panic!("on purpose");
}

#[attributes::test(unsafe, leak_check)]
fn nothing_left_behind() {}

#[attributes::test(unsafe, leak_check)]
#[should_panic(expected = "left goroutines behind")]
fn something_left_behind() {
    testing::LEFT.set(vec!["goroutine 7"]);
}

/// Stands in for a crate's root, where `main` lives.
mod program {
    use super::{ExitCode, Termination};

    #[super::attributes::main(unsafe, max_procs = 2)]
    pub(super) fn main() -> impl Termination {
        ExitCode::from(3)
    }
}

#[test]
fn main_gives_what_its_body_gives() {
    let code = program::main().report();
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
    assert_eq!(runtime::SEEN.take().map(|seen| seen.max_procs), Some(2));
}

mod program_without_end {
    #[super::attributes::main(unsafe)]
    pub(super) fn main() -> ! {
        panic!("no way back");
    }
}

#[test]
#[should_panic(expected = "no way back")]
fn main_may_return_never() {
    program_without_end::main()
}
