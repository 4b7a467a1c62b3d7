//! How the runtime dies: one line on stderr, without allocating, then the exit that the situation calls for.

use std::any::Any;

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
    abort_with(&[what])
}

fn abort_with(what: &[&str]) -> ! {
    write("gmp: ");
    what.iter().for_each(|part| write(part));
    write("\n");
    std::process::abort()
}

/// The runtime's own code has panicked where nobody can catch it: SIGABRT, with the message, which a hook may have kept quiet.
#[cold]
pub(crate) fn panicked(place: &str, payload: &(dyn Any + Send)) -> ! {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref().copied()).unwrap_or("no message");
    abort_with(&["the scheduler has panicked ", place, ": ", text])
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
