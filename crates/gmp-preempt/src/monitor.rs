//! Time slices for plain threads: what a runtime does with the other files, in small.
//!
//! A [`Monitor`] has a number of slots, and threads enroll with it. No more of them compute at a time than
//! there are slots; each gets a slice, then the slot goes to who has waited longest. A thread that sleeps
//! in the kernel loses its slot without being disturbed. The hand-over is done by the thread that stops,
//! in its handler: the monitor has told it beforehand whom to let go on, so its own thread is not in the
//! way of a switch. It sleeps while there is nothing to decide. For programs; a runtime brings its own
//! policy and uses [`Target`] directly.

use std::{fmt, io, marker::PhantomData, ptr, sync::Arc, thread, time::Duration, time::Instant};

use crate::{
    Target, critical,
    roster::Roster,
    sync::plain::{AtomicBool, AtomicPtr, AtomicU32, Mutex, MutexGuard, OnceLock, Ordering},
    sys,
};

/// The most threads that can be enrolled with one monitor at a time. The table is allocated beforehand.
const CAPACITY: usize = 4096;

/// Shares a number of slots among the threads that enroll with it.
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let monitor = gmp_preempt::Monitor::new(1, Duration::from_millis(1))?;
/// let sums: Vec<u64> = std::thread::scope(|scope| {
///     let threads: Vec<_> = (0..3)
///         .map(|_| scope.spawn(|| monitor.enroll().map(|_turn| (0..1_000_000_u64).sum())))
///         .collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<std::io::Result<_>>()
/// })?;
/// assert_eq!(sums, [499_999_500_000; 3]);
/// # Ok(())
/// # }
/// ```
pub struct Monitor {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

/// The calling thread's membership; it ends when this is dropped.
#[must_use = "the thread leaves the monitor when this is dropped"]
pub struct Enrolled<'a> {
    monitor: &'a Monitor,
    member: Arc<Member>,
    /// Of the thread that enrolled, so not `Send`.
    _thread: PhantomData<*const ()>,
}

impl fmt::Debug for Enrolled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolled").finish_non_exhaustive()
    }
}

impl Monitor {
    /// Starts a monitor: at most `slots` of its threads compute at a time, for `slice` each while others
    /// wait. A slice of 10 ms costs a thousandth of a CPU, one of 1 ms a hundredth.
    ///
    /// # Errors
    /// `InvalidInput` when `slots` or `slice` is zero; what starting a thread reports.
    pub fn new(slots: usize, slice: Duration) -> io::Result<Monitor> {
        if slots == 0 || slice.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a monitor needs at least one slot and a slice that is not zero",
            ));
        }
        let shared = Arc::new(Shared {
            roster: Mutex::new(Roster::new(slots, slice, CAPACITY)),
            bell: Bell::default(),
            quit: AtomicBool::new(false),
        });
        let run = Arc::clone(&shared);
        let thread = thread::Builder::new().name("gmp-monitor".into()).spawn(move || run.run())?;
        Ok(Monitor { shared, thread: Some(thread) })
    }

    /// Enrolls the calling thread and waits for its first slice. Blocks the thread until it has a slot.
    ///
    /// # Errors
    /// `AlreadyExists` when the thread is enrolled or otherwise attached; `Other` when the
    /// monitor has 4096 threads already; what [`Target::attach`] reports.
    pub fn enroll(&self) -> io::Result<Enrolled<'_>> {
        let member = Arc::new(Member {
            target: OnceLock::new(),
            order: AtomicPtr::new(NOTHING),
            halted: AtomicBool::new(false),
            shared: Arc::clone(&self.shared),
        });
        // SAFETY: `on_stop` keeps the rules, and `ctx` is the member, which lives until the thread has
        // detached: `Enrolled::drop` detaches before it lets go, and if it never runs it never lets go.
        let target = unsafe { Target::attach(on_stop, Arc::as_ptr(&member).cast()) }?;
        let target = member.target.get_or_init(|| target);

        let held = critical();
        let has_slot = self.shared.roster().enroll(&member, Instant::now());
        drop(held);

        match has_slot {
            Some(true) => {}
            Some(false) => target.stop_self(),
            None => {
                target.detach();
                return Err(io::Error::other("the monitor has 4096 threads already"));
            }
        }
        Ok(Enrolled { monitor: self, member, _thread: PhantomData })
    }
}

impl Drop for Monitor {
    /// Lets every thread go on (only those whose [`Enrolled`] was forgotten are left) and ends the
    /// monitor's own. Blocks until that has ended.
    fn drop(&mut self) {
        // Release: pairs with Acquire in `run`.
        self.shared.quit.store(true, Ordering::Release);
        self.shared.bell.ring();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing to add.
            let _: thread::Result<()> = thread.join();
        }
    }
}

impl Enrolled<'_> {
    /// The thread, as monitors see it: its CPU time, whether it is stopped.
    pub fn target(&self) -> &Target {
        self.member.target()
    }
}

impl Drop for Enrolled<'_> {
    fn drop(&mut self) {
        let shared = &self.monitor.shared;
        let held = critical();
        let left = shared.roster().leave(&self.member, Instant::now());
        shared.bell.ring();
        drop(held);
        self.member.target().detach();
        drop(left);
    }
}

/// What a monitor's thread, its members and their handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Locked by the monitor's thread, and by members in critical sections only.
    roster: Mutex<Roster>,
    bell: Bell,
    quit: AtomicBool,
}

impl Shared {
    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The monitor's thread. Never allocates: see `roster.rs`.
    fn run(&self) {
        loop {
            let heard = self.bell.heard();
            let now = Instant::now();
            // Acquire: pairs with Release in `Monitor::drop`.
            let quit = self.quit.load(Ordering::Acquire);
            let timeout = if quit {
                if self.roster().release(now) {
                    return;
                }
                Some(Duration::from_millis(1)) // a member in a critical section rings no bell
            } else {
                let look = self.roster().schedule(now);
                look.map(|look| look.saturating_duration_since(Instant::now()))
            };
            self.bell.wait(heard, timeout);
        }
    }
}

/// What a member is told to do when its handler asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// Stop.
    Halt,
    /// Stop, and let this member, which has halted, go on.
    Pass(*const Member),
}

const NOTHING: *mut Member = ptr::null_mut();
/// Not the address of any member: those are aligned.
const HALT: *mut Member = ptr::without_provenance_mut(1);

/// One enrolled thread.
#[derive(Debug)]
pub(crate) struct Member {
    /// Set before anybody else sees the member.
    target: OnceLock<Arc<Target>>,
    /// `NOTHING`, `HALT`, or the member to let go on; taken by the handler, or back by the roster.
    ///
    /// # Safety
    /// That member lives until this one has halted: it is `Promised` until its thread is let go on, and
    /// `Roster::leave` waits for this one then.
    order: AtomicPtr<Member>,
    /// It has carried its order out and needs nothing more.
    halted: AtomicBool,
    shared: Arc<Shared>,
}

impl Member {
    pub(crate) fn target(&self) -> &Target {
        self.target.get().expect("a member is attached before it is enrolled")
    }

    /// Leaves an order for the handler.
    pub(crate) fn give(&self, order: Order) {
        let order = match order {
            Order::Halt => HALT,
            Order::Pass(next) => next.cast_mut(),
        };
        // Release: pairs with Acquire in `on_stop`; the successor is as the roster left it.
        self.order.store(order, Ordering::Release);
    }

    /// Takes the order back; false if there is none any more.
    pub(crate) fn revoke(&self) -> bool {
        // Relaxed: either this swap or the handler's gets the order; nothing else depends on it.
        self.order.swap(NOTHING, Ordering::Relaxed) != NOTHING
    }

    pub(crate) fn has_halted(&self) -> bool {
        // Acquire: pairs with Release in `on_stop`; its handler is through with its successor.
        self.halted.load(Ordering::Acquire)
    }

    /// Lets the halted member go on.
    pub(crate) fn go_on(&self) {
        // Relaxed: published by the resume below, whose Release comes after it.
        self.halted.store(false, Ordering::Relaxed);
        self.target().resume();
    }
}

/// In the handler of a member: carries out its order, if it has one.
///
/// # Safety
/// `ctx` is the calling thread's `Member`.
unsafe fn on_stop(ctx: *const ()) -> bool {
    // SAFETY: the caller's promise.
    let member = unsafe { &*ctx.cast::<Member>() };
    // Acquire: pairs with Release in `give`.
    let order = member.order.swap(NOTHING, Ordering::Acquire);
    if order == NOTHING {
        return false;
    }
    if order != HALT {
        // SAFETY: alive — the field's invariant, until `halted` is set below.
        unsafe { &*order }.go_on();
    }
    // Release: pairs with Acquire in `has_halted`.
    member.halted.store(true, Ordering::Release);
    member.shared.bell.ring();
    true
}

/// Wakes the monitor's thread. Rung by members, their handlers and the monitor's owner.
#[derive(Debug, Default)]
struct Bell(AtomicU32);

impl Bell {
    /// What to give to `wait`: taken before the look at what the bell is rung for.
    fn heard(&self) -> u32 {
        // Acquire: pairs with Release in `ring`.
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps until the bell has been rung since `heard`, or the timeout. May return for no reason.
    fn wait(&self, heard: u32, timeout: Option<Duration>) {
        sys::futex_wait(&self.0, heard, timeout);
    }

    /// Async-signal-safe.
    fn ring(&self) {
        // Release: pairs with Acquire in `heard`; what it is rung for is visible.
        self.0.fetch_add(1, Ordering::Release);
        sys::futex_wake(&self.0);
    }
}
