//! Without the feature `sanitizer`: nothing, under the same names as in `sanitizer.rs`, where they are explained.

use core::ptr::NonNull;

use crate::context::{Context, Entry};

pub(crate) struct Departure;

#[inline(always)]
pub(crate) fn leave(_target: Context) -> Departure {
    Departure
}

#[inline(always)]
pub(crate) fn leave_for_good(_target: Context) {}

#[inline(always)]
pub(crate) fn arrive(_departure: &Departure, _leaving: Context) {}

#[inline(always)]
pub(crate) fn fresh(top: NonNull<u8>, entry: Entry) -> (NonNull<u8>, Entry) {
    (top, entry)
}

#[inline(always)]
pub(crate) fn prepared(_context: Context) {}

pub(crate) struct Elsewhere;

#[inline(always)]
pub(crate) fn call_on(_top: NonNull<u8>) -> Elsewhere {
    Elsewhere
}

impl Elsewhere {
    #[inline(always)]
    pub(crate) fn begin(&mut self) -> Back {
        Back
    }
}

pub(crate) struct Back;
