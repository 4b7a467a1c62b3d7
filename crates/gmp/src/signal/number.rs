//! A signal's number, with its name.
//!
//! The constants are those that all supported systems have. Whoever uses `gmp::signal` meets it.

use std::fmt;

/// The largest number that is told apart: Linux has 64.
pub(super) const LARGEST: usize = 64;

/// A signal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// Constants and names.
macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Signal = Signal(libc::$name);)*

            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(libc::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    /// The terminal is gone; by convention: read the configuration again.
    SIGHUP,
    /// Ctrl-C.
    SIGINT,
    /// Ctrl-\.
    SIGQUIT,
    /// An illegal instruction. Not delivered.
    SIGILL,
    /// A breakpoint. Not delivered.
    SIGTRAP,
    /// `abort`.
    SIGABRT,
    /// A memory fault. Not delivered.
    SIGBUS,
    /// An arithmetic fault. Not delivered.
    SIGFPE,
    /// Ends the process. Not delivered.
    SIGKILL,
    /// For the program's own purposes.
    SIGUSR1,
    /// A memory fault. Not delivered.
    SIGSEGV,
    /// For the program's own purposes.
    SIGUSR2,
    /// A pipe or socket without a reader was written to.
    SIGPIPE,
    /// An alarm clock.
    SIGALRM,
    /// A request to end.
    SIGTERM,
    /// A child has ended or was stopped.
    SIGCHLD,
    /// Continues a stopped process.
    SIGCONT,
    /// Stops the process. Not delivered.
    SIGSTOP,
    /// Ctrl-Z.
    SIGTSTP,
    /// A background process reads from the terminal.
    SIGTTIN,
    /// A background process writes to the terminal.
    SIGTTOU,
    /// Urgent data on a socket; the runtime's own. Not delivered.
    SIGURG,
    /// Too much processor time.
    SIGXCPU,
    /// Too large a file.
    SIGXFSZ,
    /// An alarm clock that counts the process's own time.
    SIGVTALRM,
    /// A profiler's clock.
    SIGPROF,
    /// The terminal has another size.
    SIGWINCH,
    /// Something is possible on a descriptor.
    SIGIO,
    /// A system call that does not exist. Not delivered.
    SIGSYS,
}

/// Cannot be caught, or must not be.
const KEPT: [i32; 9] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGURG,
];

impl Signal {
    /// The signal of that number, if it is one: 1 to 64.
    pub fn from_raw(number: i32) -> Option<Signal> {
        let fits = usize::try_from(number).is_ok_and(|n| (1..=LARGEST).contains(&n));
        fits.then_some(Signal(number))
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Whether it can be delivered to a channel.
    pub(super) fn is_deliverable(self) -> bool {
        !KEPT.contains(&self.0)
    }

    /// All of the standard ones that can be delivered.
    pub(super) fn all() -> impl Iterator<Item = Signal> {
        (1..32).map(Signal).filter(|signal| signal.name().is_some() && signal.is_deliverable())
    }

    /// As an index.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> i32 {
        signal.0
    }
}

#[cfg(test)]
mod tests {
    use super::Signal;

    #[test]
    fn numbers_and_names() {
        assert_eq!(Signal::from_raw(libc::SIGTERM), Some(Signal::SIGTERM));
        assert_eq!(Signal::SIGTERM.as_raw(), libc::SIGTERM);
        assert_eq!(format!("{} {:?}", Signal::SIGINT, Signal::SIGHUP), "SIGINT SIGHUP");
        assert_eq!(Signal::from_raw(50).unwrap().to_string(), "signal 50");
        assert_eq!((Signal::from_raw(0), Signal::from_raw(65)), (None, None));
        assert_eq!(Signal::from_raw(-1), None);
    }

    #[test]
    fn all_means_all_that_can_be_caught() {
        let all: Vec<_> = Signal::all().collect();
        assert!(all.contains(&Signal::SIGINT) && all.contains(&Signal::SIGCHLD));
        assert!(!all.contains(&Signal::SIGKILL) && !all.contains(&Signal::SIGURG));
    }
}
