//! Who wants which signal, and the thread that tells them.
//!
//! A thread, because signals come when nothing runs, and because a program may use `notify` without a runtime.
//! It blocks in `read` on the pipe that the handler writes to, with all signals blocked itself, and sends
//! without waiting. Called by users.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::IntoRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::handler;
use super::number::{LARGEST, Signal};
use crate::chan::{self, Receiver, Sender, TrySendError};
use crate::io::pipe::set_nonblocking;
use crate::sys;

/// Signals that a receiver keeps for whoever has not looked yet.
const KEPT: usize = 128;

/// All that `notify` has set up. A std lock, held briefly: the thread that dispatches takes it too.
static TABLE: Mutex<Table> =
    Mutex::new(Table { subscribers: Vec::new(), installed: 0, runs: false });

struct Table {
    subscribers: Vec<Subscriber>,
    /// The signals whose handler is ours, a bit each.
    installed: u128,
    /// The thread exists.
    runs: bool,
}

struct Subscriber {
    /// What it wants, a bit each.
    wants: u128,
    sender: Sender<Signal>,
}

fn table() -> MutexGuard<'static, Table> {
    // A panic under the lock cannot leave it half changed.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bit(signal: Signal) -> u128 {
    1 << signal.index()
}

/// The given signals, as they come; all that can be caught if none is given. Their default effects, such as
/// ending the process, do not happen as long as the receiver exists. Signals that cannot be caught are left out
/// (see the module). Neither parks nor blocks; works without a runtime, too.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::signal::{Signal, notify};
/// let signals = notify(&[Signal::SIGUSR1]);
/// assert!(signals.is_empty());
/// # }) };
/// ```
///
/// # Panics
///
/// When the process has no descriptors or threads left at the first call, or the system does not know a signal.
#[must_use = "the signals take effect again when the receiver is dropped"]
pub fn notify(signals: &[Signal]) -> Receiver<Signal> {
    let all: Vec<Signal> =
        if signals.is_empty() { Signal::all().collect() } else { signals.to_vec() };
    let (sender, receiver) = chan::bounded(KEPT);
    let outcome = gmp_sched::blocking(|| subscribe(&all, sender));
    if let Err(error) = outcome {
        panic!("gmp::signal::notify: {error}");
    }
    receiver
}

/// Waits for Ctrl-C (`SIGINT`), which does not end the process meanwhile; afterwards the next one does again.
/// Parks.
///
/// # Panics
///
/// As for [`notify`].
pub fn ctrl_c() {
    // It fails only for a channel whose sender is gone, and the table keeps it.
    let _ = notify(&[Signal::SIGINT]).recv();
}

fn subscribe(signals: &[Signal], sender: Sender<Signal>) -> io::Result<()> {
    let mut table = table();
    table.forget_the_gone();
    if !table.runs {
        start()?;
        table.runs = true;
    }
    let mut wants = 0;
    for signal in signals.iter().copied().filter(|signal| signal.is_deliverable()) {
        wants |= bit(signal);
        if table.installed & bit(signal) == 0 {
            handler::install(signal)?;
            table.installed |= bit(signal);
        }
    }
    table.subscribers.push(Subscriber { wants, sender });
    Ok(())
}

impl Table {
    fn forget_the_gone(&mut self) {
        self.subscribers.retain(|subscriber| !subscriber.sender.is_closed());
    }

    /// Sends a signal to those who want it. False: nobody is left who does.
    fn send(&mut self, signal: Signal) -> bool {
        let mut met = false;
        for subscriber in self.subscribers.iter().filter(|s| s.wants & bit(signal) != 0) {
            // Full: it is dropped.
            met |= !matches!(subscriber.sender.try_send(signal), Err(TrySendError::Closed(_)));
        }
        met
    }
}

/// Starts the thread.
fn start() -> io::Result<()> {
    let (outlet, inlet) = sys::pipe()?;
    let outlet = File::from(outlet);
    set_nonblocking(std::os::fd::AsFd::as_fd(&outlet), false)?;
    // A thread inherits the mask of its maker: signals are for the program's threads.
    let before = block_signals()?;
    let spawned = thread::Builder::new().name("gmp-signals".into()).spawn(move || run(outlet));
    restore_signals(&before);
    spawned?;
    // Open for ever: a signal may come at any time.
    handler::set_bell(inlet.into_raw_fd());
    Ok(())
}

fn block_signals() -> io::Result<libc::sigset_t> {
    let mut all = std::mem::MaybeUninit::uninit();
    let mut before = std::mem::MaybeUninit::uninit();
    // SAFETY: a set to be filled.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: `all` was filled, `before` has room.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) } {
        // SAFETY: written, since the call succeeded.
        0 => Ok(unsafe { before.assume_init() }),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: a set that the system gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

/// The thread's life.
fn run(mut outlet: File) {
    let mut bells = [0; 64];
    // It ends only with the process, or when somebody closes foreign descriptors.
    while matches!(outlet.read(&mut bells), Ok(1..)) {
        for signal in (1..=LARGEST as i32).filter_map(Signal::from_raw) {
            for _ in 0..handler::take_pending(signal) {
                pass_on(signal);
            }
        }
    }
}

fn pass_on(signal: Signal) {
    let mut table = table();
    if table.send(signal) {
        return;
    }
    table.forget_the_gone();
    if table.installed & bit(signal) != 0 {
        table.installed &= !bit(signal);
        // Under the lock, so that a `notify` that comes now installs afterwards.
        handler::restore_and_repeat(signal);
    }
}
