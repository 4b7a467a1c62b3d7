//! Critical sections: from enter to leave the goroutine is not stopped by a preemption signal.
//!
//! A goroutine can be stopped at any instruction of user code, and its P given away. If it held a lock of
//! the runtime then, everybody would wait for its next turn. So every such lock is held in a critical
//! section only, and the signal handler leaves at once while one is open. The price is a rule: inside,
//! nothing may wait for a stopped goroutine, so **no allocation, no free, no user code, no std lock, no
//! panic, no blocking** (HACKING.md). The counter is plain, written by its own thread only; the handler
//! runs on that same thread, so a compiler fence orders the two.

use std::marker::PhantomData;

use crate::current;
use crate::m::M;

/// An open critical section. Sections nest; dropping the guard closes this one.
///
/// On threads that do not belong to the runtime it does nothing: they are never stopped.
#[derive(Debug)]
pub struct Critical {
    m: Option<&'static M>,
    /// Bound to the thread that entered.
    _not_send: PhantomData<*const ()>,
}

/// Opens a critical section. Neither parks nor blocks; about a nanosecond.
#[inline]
pub fn critical() -> Critical {
    let m = current::m();
    if let Some(m) = m {
        m.enter_critical();
    }
    Critical { m, _not_send: PhantomData }
}

impl Critical {
    /// The M that is in the section, if the thread is one.
    #[inline]
    pub(crate) fn m(&self) -> Option<&'static M> {
        self.m
    }
}

impl Drop for Critical {
    #[inline]
    fn drop(&mut self) {
        if let Some(m) = self.m {
            m.leave_critical();
        }
    }
}
