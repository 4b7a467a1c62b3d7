//! How the runtime dies: one line on stderr, without allocating, then the exit that the situation calls for.

/// Writes to stderr past std's locks, which a stopped goroutine may hold.
pub(crate) fn write(text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the slice is valid for its length; fd 2 may be closed, which only fails.
        let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(n) {
            Ok(n) if n > 0 => rest = &rest[n.min(rest.len())..],
            _ => return,
        }
    }
}

/// An invariant is broken or a resource that cannot be done without is exhausted: SIGABRT.
#[cold]
pub(crate) fn abort(what: &str) -> ! {
    write("gmp: ");
    write(what);
    write("\n");
    std::process::abort()
}

/// No goroutine can ever run again: Go's message, and its exit status 2.
#[cold]
pub(crate) fn deadlock(what: &str) -> ! {
    write("fatal: ");
    write(what);
    write("\n");
    // SAFETY: ends the process at once, without exit handlers, which may wait for what never comes.
    unsafe { libc::_exit(2) }
}
