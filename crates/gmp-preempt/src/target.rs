//! One thread, as its monitor sees it: ask it to stop, see that it has, let it go on.
//!
//! A [`Target`] joins the state word (`word.rs`, where the protocol is) to a real thread: its id for
//! signals, its CPU clock, and the callback that decides on the thread itself whether it stops. Monitors
//! hold it by `Arc`; the thread holds one more reference until it detaches, so the handler never counts
//! references and never frees. What a monitor does with it is its own affair (`monitor.rs` is one).

use std::{fmt, io, sync::Arc, time::Duration};

use crate::{
    current::{self, ATTACHMENT},
    probe::Rest,
    signal,
    sigstack::SignalStack,
    sys, tick,
    word::{Arrival, Ask, Resume, Stopping, When, Word},
};

/// Decides, on the target thread, whether it stops now, and passes on what the thread owns.
///
/// Called in the signal handler, or at the end of a [critical section](crate::critical()), with the `ctx`
/// of [`Target::attach`]. `true`: the thread sleeps until [`Target::resume`], which may be called as soon
/// as this function has begun. `false`: the thread goes on as if nothing had happened.
///
/// It must be async-signal-safe: no allocation, no lock, no panic, no blocking. Atomics, a futex wake-up
/// and [`Target::resume`] of another thread are fine.
pub type OnStop = unsafe fn(ctx: *const ()) -> bool;

/// A thread that can be stopped at any instruction and resumed later.
///
/// # Guarantees
/// - Between `on_stop` returning `true` and [`resume`](Target::resume) the thread executes nothing but
///   signal handlers. Registers, thread-locals, locks and `errno` are then as before: it never moves.
/// - A resume is not lost, whether it comes before or after the thread has gone to sleep.
/// - At most one signal is under way, beside one of [`request_later`](Target::request_later). None is sent once [`detach`](Target::detach) has returned or the
///   thread has ended.
pub struct Target {
    word: Word,
    thread: sys::ThreadId,
    timer: tick::Timer,
    on_stop: OnStop,
    ctx: *const (),
}

// SAFETY: `word` and `thread` are shared by design; `on_stop` and `ctx` are only used on the attached
// thread itself, and who passed them to `attach` vouched for them until it has detached.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { word, thread, timer: _, on_stop: _, ctx: _ } = self;
        f.debug_struct("Target").field("thread", thread).field("word", word).finish()
    }
}

impl Target {
    /// Registers the calling thread; installs the process-wide handler if this is the first.
    ///
    /// The thread gets a signal stack of [`SignalStack::MIN`](crate::SIGNAL_STACK_MIN) bytes if it has
    /// none as large, and takes the signal even if it was created with it blocked; both are undone by
    /// [`detach`](Target::detach), which the end of the thread calls if nobody else has. Allocates; blocks
    /// neither.
    ///
    /// # Errors
    /// `AlreadyExists` when the thread is attached; what `sigaction`, `sigaltstack`, `pthread_sigmask` or
    /// `mmap` report.
    ///
    /// # Safety
    /// Until the thread has detached, `on_stop(ctx)` may be called on it at any instruction outside of
    /// critical sections: `ctx` must stay valid for that and `on_stop` must keep the rules of [`OnStop`].
    pub unsafe fn attach(on_stop: OnStop, ctx: *const ()) -> io::Result<Arc<Target>> {
        if current::with(|local| local.target().is_some()) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "this thread is attached already",
            ));
        }
        signal::install()?;
        let stack = SignalStack::ensure()?;
        let was_blocked = signal::unblock()?;
        let thread = sys::ThreadId::current();
        let timer = tick::Timer::default();
        let target = Arc::new(Target { word: Word::default(), thread, timer, on_stop, ctx });
        let attachment = Attachment { target: Arc::clone(&target), was_blocked, _stack: stack };
        ATTACHMENT
            .try_with(|slot| *slot.borrow_mut() = Some(attachment))
            .map_err(|_| io::Error::other("this thread is ending"))?;
        // SAFETY: lives until the next call — the attachment owns a reference, and clears this before
        // it lets go.
        current::with(|local| unsafe { local.set_target(Arc::as_ptr(&target)) });
        Ok(target)
    }

    /// Asks the thread to stop. Callable by any thread and in handlers; neither blocks nor allocates.
    ///
    /// `Ok` says that the thread has been asked, by this call or by an earlier one that it has not served
    /// yet, or that it is stopped or about to decide (then that decision answers this call too). In a critical section it serves the request at the section's end; a
    /// thread that blocks the signal, or sleeps uninterruptibly, serves it when that ends.
    ///
    /// # Errors
    /// `ESRCH` when the thread has detached; what the kernel reports when it refuses the signal.
    pub fn request(&self) -> io::Result<()> {
        self.ask(When::Now, || signal::send(self.thread))
    }

    /// Asks the thread to stop at a place where no system call of it sees that: none fails with `EINTR`, whenever it
    /// begins.
    ///
    /// The price is time: the thread stops at a tick of the kernel's clock that finds it running, after up to 10 ms of CPU
    /// time (4 ms with `HZ=250`) if it computes, and at some later tick if it computes for a part of the time only.
    /// [`request`](Target::request) does not wait for that. Else as `request`. What it rests on, and which kernels have it, is in
    /// `tick.rs`; on older ones, and in `io_uring_enter`, it can still happen that a call is interrupted.
    ///
    /// # Errors
    /// `Unsupported` where the system has no such thing; `EAGAIN` when the process has as many timers and queued signals as
    /// it may (`RLIMIT_SIGPENDING`). Then the thread has not been asked, and `request` may do. Else as `request`.
    pub fn request_later(&self) -> io::Result<()> {
        self.ask(When::Later, || self.timer.set(self.thread))
    }

    fn ask(&self, when: When, send: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // An asker that is itself stopped between A1 and A3 would make `detach` wait for its resume.
        let _held = crate::critical();
        match self.word.ask(when) {
            Ask::Send => match send() {
                Ok(()) => {
                    self.word.sent();
                    Ok(())
                }
                Err(error) => {
                    self.word.unsent(when);
                    Err(error)
                }
            },
            Ask::Pending | Ask::Stopped => Ok(()),
            Ask::Gone => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }

    /// Lets the stopped thread go on; nothing if it is not stopped. May come before the thread has gone
    /// to sleep. Async-signal-safe; neither blocks nor allocates. The word's memory is not read after the
    /// thread has been released, only its address is.
    pub fn resume(&self) {
        match self.word.resume() {
            Resume::Released | Resume::NotStopped => {}
        }
    }

    /// Whether the thread is stopped or about to decide whether it stops.
    pub fn is_stopped(&self) -> bool {
        self.word.is_stopped()
    }

    /// The CPU time that the thread has used so far. Callable by any thread; 0.3 to 0.7 µs.
    ///
    /// # Errors
    /// `ESRCH` when the thread has detached, `EINVAL` when it has ended meanwhile.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        self.present()?;
        sys::cpu_time(self.thread)
    }

    /// Whether the kernel has the thread asleep, as against running or ready to run. Some tens of
    /// microseconds: the answer to what a CPU clock that stands still leaves open. Allocates nothing.
    ///
    /// # Errors
    /// `ESRCH` when the thread has detached; `Unsupported` where the system does not tell.
    pub fn is_asleep(&self) -> io::Result<bool> {
        self.present()?;
        sys::is_asleep(self.thread)
    }

    /// As [`is_asleep`](Target::is_asleep), with how often it has gone to sleep: whether a thread that is ready to run was
    /// put off its CPU, or wakes from a system call. Twice as long.
    ///
    /// # Errors
    /// As [`is_asleep`](Target::is_asleep).
    pub fn rest(&self) -> io::Result<Rest> {
        self.present()?;
        sys::rest(self.thread)
    }

    /// Whether the system call in which the thread sleeps goes on after [`request`](Target::request), as far as that is known:
    /// it waits for a page, for a lock or another futex without a timeout, for a pipe (not to write more than fits at once), or
    /// uninterruptibly. `Some(false)` of other
    /// calls, `None` of a thread that does not sleep. Some tens of microseconds. Allocates nothing.
    ///
    /// # Errors
    /// As [`is_asleep`](Target::is_asleep).
    pub fn restarts(&self) -> io::Result<Option<bool>> {
        self.present()?;
        sys::restarts(self.thread)
    }

    /// Stops the calling thread of its own will: calls `on_stop`, and sleeps until
    /// [`resume`](Target::resume) if that says so.
    ///
    /// # Panics
    /// When the calling thread is not this target.
    pub fn stop_self(&self) {
        assert!(self.is_current(), "gmp: stop_self by another thread");
        let held = crate::critical();
        self.decide(self.word.stop_now());
        drop(held);
    }

    /// Ends the registration of the calling thread; nothing if it has ended already.
    ///
    /// Once it has returned no signal is sent any more, and one that is still pending (blocked by the
    /// thread) will be recognised and dropped. Blocks while another thread is in the middle of sending
    /// (one system call).
    ///
    /// # Panics
    /// When the calling thread is not this target and the target is still attached.
    pub fn detach(&self) {
        if self.is_current() {
            let attachment =
                ATTACHMENT.try_with(|slot| slot.try_borrow_mut().ok()?.take()).ok().flatten();
            drop(attachment);
        } else {
            assert!(self.word.is_detached(), "gmp: detach by another thread");
        }
    }

    /// Whether a signal is on its way for a request that waits to be served; not a timer's.
    pub(crate) fn is_signalled(&self) -> bool {
        self.word.is_signalled()
    }

    /// Whether a request waits to be served.
    #[inline]
    pub(crate) fn is_requested(&self) -> bool {
        self.word.is_requested()
    }

    /// By the thread itself, in the handler or in a critical section: serves a request, if there is one.
    pub(crate) fn serve(&self) {
        match self.word.arrive() {
            Arrival::Stop(stopping) => self.decide(stopping),
            Arrival::Nothing => {}
        }
    }

    fn decide(&self, stopping: Stopping<'_>) {
        // Kept here as well as in the handler: a section may end between a system call and the look at
        // what it has left in errno.
        let errno = sys::errno();
        // SAFETY: on the attached thread, not in a critical section of its code — the callers are the
        // handler, a section's end, and the thread itself; `attach`'s caller vouched for the rest.
        if unsafe { (self.on_stop)(self.ctx) } {
            stopping.sleep();
        } else {
            stopping.decline();
        }
        sys::set_errno(errno);
    }

    fn is_current(&self) -> bool {
        current::with(|local| local.target().is_some_and(|target| std::ptr::eq(target, self)))
    }

    fn present(&self) -> io::Result<()> {
        if self.word.is_detached() {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    }
}

/// The thread's own side of its registration; dropping it detaches.
#[derive(Debug)]
pub(crate) struct Attachment {
    target: Arc<Target>,
    was_blocked: bool,
    /// Restored when dropped, which is after the signal has been fended off.
    _stack: Option<SignalStack>,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.target.word.detach();
        // SAFETY: null.
        current::with(|local| unsafe { local.set_target(std::ptr::null()) });
        self.target.timer.delete();
        if self.was_blocked {
            signal::block();
        }
    }
}
