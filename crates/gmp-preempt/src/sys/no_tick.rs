//! Systems without a timer that fires in the thread itself (`tick.rs`): nobody is asked later, so nobody has to know who might be.

use std::io;

use super::ThreadId;

pub(crate) fn timer_create(
    _thread: ThreadId,
    _signal: libc::c_int,
    _cookie: *const (),
) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn timer_set(_id: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn timer_delete(_id: u32) {}

pub(crate) fn restarts(_thread: ThreadId) -> io::Result<Option<bool>> {
    Err(io::ErrorKind::Unsupported.into())
}
