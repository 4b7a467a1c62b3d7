//! Starting goroutines, waiting for them, and who one is.

use std::fmt;
use std::io;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::thread;

pub use gmp_sched::JoinFuture;
use gmp_sched::{Current, GoId, Options};

/// Starts a goroutine. It runs next on this processor when the caller waits or gives way, or on another
/// one. The arguments are what `f` captures. Neither parks nor blocks.
///
/// # Panics
///
/// When no runtime is running; when no stack can be had (see [`Builder::spawn`] for an error instead).
///
/// ```
/// # unsafe { gmp::run(|| {
/// let answer = gmp::go(|| 6 * 7);
/// assert_eq!(answer.join().unwrap(), 42);
/// # }) };
/// ```
#[track_caller]
pub fn go<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match gmp_sched::spawn(Options::default(), crate::local::with_locals(f)) {
        Ok(inner) => JoinHandle { inner },
        Err(e) => panic!("cannot start a goroutine: {e}"),
    }
}

/// A goroutine that can be waited for. Dropping it detaches the goroutine, which goes on by itself.
///
/// Asynchronous code awaits it: the output is that of [`join`](JoinHandle::join).
///
/// ```
/// # unsafe { gmp::run(|| {
/// let six = gmp::go(|| 6);
/// assert_eq!(gmp::block_on(async { six.await.unwrap() * 7 }), 42);
/// # }) };
/// ```
pub struct JoinHandle<T> {
    inner: gmp_sched::JoinHandle<T>,
}

impl<T> JoinHandle<T> {
    /// Waits for the end. Parks the goroutine, blocks a thread.
    ///
    /// # Errors
    ///
    /// The payload of the goroutine's panic, or [`Goexit`](crate::Goexit).
    pub fn join(self) -> thread::Result<T> {
        self.inner.join()
    }

    /// Whether it has ended, so that `join` will not wait. Neither parks nor blocks.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// The goroutine's number.
    pub fn id(&self) -> GoId {
        self.inner.id()
    }

    pub(crate) fn new(inner: gmp_sched::JoinHandle<T>) -> JoinHandle<T> {
        JoinHandle { inner }
    }
}

impl<T> IntoFuture for JoinHandle<T> {
    type Output = thread::Result<T>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        self.inner.into_future()
    }
}

// As std's: what the goroutine has done is seen through `join` only.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// A goroutine with properties of its own.
///
/// ```
/// # unsafe { gmp::run(|| {
/// let worker = gmp::Builder::new()
///     .name("worker")
///     .stack_size(1 << 20)
///     .spawn(|| gmp::current().name().map(str::to_owned))
///     .expect("room for one more stack");
/// assert_eq!(worker.join().unwrap().as_deref(), Some("worker"));
/// # }) };
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing before `spawn`"]
pub struct Builder {
    options: Options,
    pinned: bool,
}

impl Builder {
    /// The properties that [`go`] gives.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// A name, for panic messages and dumps.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.options.name = Some(name.into());
        self
    }

    /// Reserve of its stack in bytes, rounded up to a power of two. It is address space: pages cost memory
    /// when they are touched. At most 64 GiB.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.options.stack_size = Some(bytes);
        self
    }

    /// Keeps it on one OS thread, which runs nothing else, from its beginning to its end: see
    /// [`lock_os_thread`](crate::runtime::lock_os_thread).
    pub fn pinned(mut self) -> Builder {
        self.pinned = true;
        self
    }

    /// Starts the goroutine. Neither parks nor blocks.
    ///
    /// # Errors
    ///
    /// When no stack can be reserved: the error names the limit that was hit and what raises it. Nothing that
    /// exists is affected.
    ///
    /// # Panics
    ///
    /// When no runtime is running.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let pinned = self.pinned;
        let f = move || {
            let _locked = pinned.then(gmp_sched::lock_os_thread);
            f()
        };
        gmp_sched::spawn(self.options, crate::local::with_locals(f)).map(JoinHandle::new)
    }
}

/// A goroutine as its own code sees it.
#[derive(Debug, Clone, Copy)]
pub struct Goroutine {
    current: Current,
}

impl Goroutine {
    /// Its number.
    pub fn id(&self) -> GoId {
        self.current.id()
    }

    /// The name its builder gave it; "main" for the main goroutine.
    pub fn name(&self) -> Option<&str> {
        self.current.name()
    }

    /// Where it was started.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.current.spawned_at()
    }
}

/// The calling goroutine. Neither parks nor blocks.
///
/// # Panics
///
/// Outside goroutines.
///
/// ```
/// # unsafe { gmp::run(|| {
/// assert_eq!(gmp::current().name(), Some("main"));
/// let other = gmp::go(|| gmp::current().id());
/// assert_ne!(other.join().unwrap(), gmp::current().id());
/// # }) };
/// ```
#[track_caller]
pub fn current() -> Goroutine {
    match try_current() {
        Some(g) => g,
        None => panic!("gmp::current was called outside a goroutine; gmp::try_current tells"),
    }
}

/// The calling goroutine, or `None` on a plain thread. Neither parks nor blocks.
pub fn try_current() -> Option<Goroutine> {
    Current::get().map(|current| Goroutine { current })
}
