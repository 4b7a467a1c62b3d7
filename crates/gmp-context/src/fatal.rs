//! The end of the process when an invariant of this crate is broken: one line on standard error, then abort.
//!
//! Allocates nothing and takes no lock, so any module may call it anywhere, also in a signal handler.

use crate::sys;

/// Writes `gmp: <invariant>` and aborts.
#[cold]
pub(crate) fn fatal(invariant: &str) -> ! {
    for part in ["gmp: ", invariant, "\n"] {
        sys::write_stderr(part.as_bytes());
    }
    sys::abort()
}

/// Longest number: 20 decimal digits, or 18 hexadecimal characters.
const DIGITS: usize = 20;

/// A number in decimal, without allocating.
pub(crate) struct Decimal {
    text: [u8; DIGITS],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(number: usize) -> Decimal {
        let mut text = [0; DIGITS];
        let start = digits(&mut text, number, 10);
        Decimal { text, start }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

/// A number in hexadecimal, with its `0x`, without allocating.
pub(crate) struct Hex(Decimal);

impl Hex {
    pub(crate) fn new(number: usize) -> Hex {
        let mut text = [0; DIGITS];
        let start = digits(&mut text, number, 16) - 2;
        text[start..start + 2].copy_from_slice(b"0x");
        Hex(Decimal { text, start })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Writes the digits at the end of `text`; returns where they start.
fn digits(text: &mut [u8; DIGITS], mut number: usize, base: usize) -> usize {
    let mut start = DIGITS;
    loop {
        start -= 1;
        text[start] = b"0123456789abcdef"[number % base];
        number /= base;
        if number == 0 {
            return start;
        }
    }
}
