//! The timer flavour of a receiver: a channel whose readiness is a moment.
//!
//! `gmp::time` builds `Timer`, `Ticker`, `after` and `tick` on [`TimerCore`]. There is no sender: a tick is
//! there when the clock says so, and whoever receives takes it, as in Go since 1.23. So nothing fires while
//! nobody waits, and there is no buffer in which a stale tick could survive a stop or a reset. Who waits
//! carries the moment as the deadline of its wait; a stop or reset wakes the waiters, who look again.
//!
//! A stop returns true exactly when it took away a tick that was still to be received: the taking and the
//! stop hold the same lock.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::{Core, Ops};
use super::node::Outcome;
use super::receiver::Receiver;
use super::sync::Waiter;
use super::transfer::{Got, Sent, Settled};
use crate::time::now;

/// A timer's channel.
#[repr(C)]
pub(crate) struct TimerCore {
    core: Core,
    /// # Safety
    ///
    /// Touched with the lock of `core` held only.
    schedule: UnsafeCell<Schedule>,
}

// SAFETY: the schedule is guarded by the lock.
unsafe impl Sync for TimerCore {}

#[derive(Debug, Clone, Copy)]
struct Schedule {
    /// When the next tick is there; `None` when stopped, or when the only tick was received.
    when: Option<Instant>,
    /// The time between ticks; `None` for a single one. Not zero.
    period: Option<Duration>,
}

impl Schedule {
    /// Takes the tick that is due at `now`. Ticks that were missed are dropped, the phase is kept.
    fn take(&mut self, now: Instant) -> Option<Instant> {
        let when = self.when.filter(|&when| when <= now)?;
        self.when = self.period.and_then(|period| {
            let late = now.saturating_duration_since(when).as_nanos();
            let missed = late / period.as_nanos().max(1);
            when.checked_add(multiple(period, missed + 1)?)
        });
        Some(when)
    }
}

/// `period * times`, if it fits.
fn multiple(period: Duration, times: u128) -> Option<Duration> {
    let nanos = period.as_nanos().checked_mul(times)?;
    let secs = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(secs, (nanos % 1_000_000_000) as u32))
}

impl TimerCore {
    const OPS: &'static Ops = &Ops {
        recv: |core, _, slot| {
            // SAFETY: the core of a timer, its lock held (contract of Ops).
            match unsafe { TimerCore::schedule(core) }.take(now()) {
                Some(tick) => {
                    // SAFETY: the slot takes an `Instant`, the only type a timer's receiver has.
                    unsafe { slot.cast::<Instant>().write(tick) };
                    Got::Taken { wake: None, garbage: None }
                }
                None => Got::Empty,
            }
        },
        // Nobody sends: there is no sender, so none of these is called.
        send: |_, _, _| Sent::Closed,
        relay: |_, _| {},
        large: false,
        grow: |_| {},
        free: |_| {},
        return_permit: |_| {},
        // SAFETY: as in `recv`.
        when: Some(|core, _| unsafe { TimerCore::schedule(core) }.when),
        over: None,
    };

    /// A timer that ticks at `when`, and then every `period`. Starts nothing.
    pub(crate) fn new(when: Option<Instant>, period: Option<Duration>) -> Arc<TimerCore> {
        let schedule = Schedule { when, period };
        Arc::new(TimerCore { core: Core::new(0, Self::OPS), schedule: UnsafeCell::new(schedule) })
    }

    /// A receiver of its ticks. All receivers of a timer share them: each tick is received once.
    pub(crate) fn receiver(self: &Arc<Self>) -> Receiver<Instant> {
        Receiver::timer(Arc::clone(self))
    }

    /// Stops it. True when that took away a tick that was still to be received, or to come; afterwards none
    /// is received. Neither parks nor blocks.
    pub(crate) fn stop(&self) -> bool {
        self.reset(None, None)
    }

    /// Sets it anew; the old ticks are gone. The result means what it means for `stop`. Neither parks nor
    /// blocks.
    pub(crate) fn reset(&self, when: Option<Instant>, period: Option<Duration>) -> bool {
        let st = self.core.lock();
        // SAFETY: the lock is held.
        let schedule = unsafe { &mut *self.schedule.get() };
        let old = std::mem::replace(schedule, Schedule { when, period });
        drop(st);
        self.core.wake_all(Outcome::Again);
        old.when.is_some()
    }

    /// # Safety
    ///
    /// `core` is the core of a timer and its lock is held, longer than the result is used; there is one
    /// result at a time.
    #[expect(clippy::mut_from_ref, reason = "the lock makes it unique, but is held by the caller")]
    unsafe fn schedule(core: &Core) -> &mut Schedule {
        // SAFETY: the core is the first field (repr C) of a timer (contract).
        let timer = unsafe { &*ptr::from_ref(core).cast::<TimerCore>() };
        // SAFETY: the lock is held (contract).
        unsafe { &mut *timer.schedule.get() }
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// When the next tick is there.
    pub(super) fn when(&self) -> Option<Instant> {
        let _st = self.core.lock();
        // SAFETY: the lock is held.
        unsafe { Self::schedule(&self.core) }.when
    }

    /// Takes a tick that is due.
    pub(super) fn try_take(&self) -> Option<Instant> {
        let _st = self.core.lock();
        // SAFETY: the lock is held.
        unsafe { Self::schedule(&self.core) }.take(now())
    }

    /// Waits for a tick, until `deadline` if there is one. Parks the goroutine, or blocks the thread.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Option<Instant> {
        loop {
            let waiter = Waiter::current();
            let st = self.core.lock();
            let now = now();
            // SAFETY: the lock is held.
            let schedule = unsafe { Self::schedule(&self.core) };
            if let Some(tick) = schedule.take(now) {
                return Some(tick);
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                return None;
            }
            let until = earlier(deadline, schedule.when);
            // SAFETY: the caller's waiter; there are no senders. Whoever wakes says `Again`.
            let _woken = unsafe { self.core.wait_for_news(st, waiter, until) };
        }
    }

    /// A taken tick in the words of `flow`: into the slot of a `Receiver<Instant>`.
    pub(super) fn settle(tick: Option<Instant>, slot: *mut ()) -> Settled {
        let Some(tick) = tick else { return Settled::NotReady };
        // SAFETY: the receivers of a timer are `Receiver<Instant>` (see `Receiver::timer`).
        unsafe { slot.cast::<Instant>().write(tick) };
        Settled::Done
    }
}

/// The earlier of two moments, either of which may never come.
pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The moment `timeout` from now; `None` when that is never.
pub(super) fn after(timeout: Duration) -> Option<Instant> {
    now().checked_add(timeout)
}
