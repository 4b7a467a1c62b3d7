//! Errno: an error number of the system, kept without allocating. What fails without `std` fails with this.

use core::fmt;

use crate::sys;

/// An error number of the system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub(crate) i32);

impl Errno {
    /// The number.
    pub fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 128];
        write!(f, "{} (os error {})", sys::error_text(*self, &mut text), self.0)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({self})")
    }
}

impl core::error::Error for Errno {}

#[cfg(feature = "std")]
impl From<Errno> for std::io::Error {
    fn from(error: Errno) -> std::io::Error {
        std::io::Error::from_raw_os_error(error.0)
    }
}
