//! A test that cannot run here says why.

/// Prints why.
#[expect(clippy::print_stdout, reason = "it is to be read in the output of the tests")]
pub(crate) fn skipped(why: impl std::fmt::Display) {
    println!("skipped: {why}");
}
