//! The public shapes of api.md that other tests do not happen to use: traits, signatures, statics.

mod sync_common;

use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::Hash;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::chan::{self, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender};
use gmp::chan::{TryRecvError, TrySendError};
use gmp::context::{Cancel, Context, ContextError, Never, Stop};
use gmp::sync::{
    Barrier, Condvar, ErrGroup, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock, Semaphore,
    SingleFlight, WaitGroup,
};
use gmp::time::{Ticker, Timer};
use gmp::{GoId, JoinHandle, ScopedJoinHandle, go, scope};
use sync_common::goroutine;

/// Not `Debug`, `Clone` or `Eq`.
struct Plain;

/// Promise Z7.
#[test]
fn errors_are_errors() {
    fn error<E: Error + Debug + Display + Send + Sync + 'static>() {}
    fn value<E: Copy + Eq + Clone>() {}
    error::<SendError<Plain>>();
    error::<TrySendError<Plain>>();
    error::<SendTimeoutError<Plain>>();
    error::<RecvError>();
    error::<TryRecvError>();
    error::<RecvTimeoutError>();
    error::<ContextError>();
    value::<(SendError<u8>, TrySendError<u8>, SendTimeoutError<u8>)>();
    value::<(RecvError, TryRecvError, RecvTimeoutError, ContextError)>();
    assert_eq!(SendError(5).into_inner(), 5);
    assert_eq!(TrySendError::Full(5).into_inner() + TrySendError::Closed(1).into_inner(), 6);
    assert_eq!(SendTimeoutError::Timeout(5).into_inner(), 5);
    assert_eq!(ContextError::Canceled.to_string(), "context canceled");
    assert_eq!(ContextError::DeadlineExceeded.to_string(), "context deadline exceeded");
}

#[test]
fn handles_may_travel_be_shared_and_caught() {
    fn shared<T: Send + Sync + Debug + UnwindSafe + RefUnwindSafe>() {}
    shared::<(Sender<Vec<u8>>, Receiver<Vec<u8>>)>();
    shared::<(Mutex<u8>, RwLock<u8>, Condvar, Once, OnceLock<u8>, LazyLock<u8>)>();
    shared::<(Barrier, Semaphore, WaitGroup, ErrGroup<u8>, SingleFlight<u8, u8>)>();
    shared::<(Context, Cancel, Stop)>();
    shared::<(Timer, Ticker, Receiver<Instant>)>();
    shared::<JoinHandle<u8>>();
    fn scoped<T: Send + Sync + Debug>() {}
    scoped::<(ScopedJoinHandle<'_, u8>, MutexGuard<'_, u8>)>();
    fn future<F: Future<Output = T> + Send, T>(_: F) {}
    let (tx, rx) = chan::bounded::<u8>(1);
    future(rx.recv_async());
    future(Box::pin(async move { (rx.recv_async().await, tx) }));
    fn id<T: Copy + Eq + Ord + Hash + Display + Debug>() {}
    id::<GoId>();
}

static COUNT: Mutex<u32> = Mutex::new(0);
static TABLE: RwLock<Vec<u32>> = RwLock::new(Vec::new());
static SIGNAL: Condvar = Condvar::new();
static NAME: OnceLock<String> = OnceLock::new();
static LAZY: LazyLock<String> = LazyLock::new(|| "lazy".to_string());
static TICKETS: Semaphore = Semaphore::new(2);
static MEETING: Barrier = Barrier::new(1);
static START: Once = Once::new();

#[test]
fn everything_can_be_static() {
    assert!(
        catch_unwind(|| {
            let mut count = COUNT.lock();
            *count += 1;
            panic!("expected");
        })
        .is_err()
    );
    let mut count = COUNT.try_lock().expect("released, not poisoned");
    assert!(!SIGNAL.wait_for(&mut count, Duration::from_millis(1)));
    assert_eq!(*count, 1);
    TABLE.write().push(1);
    assert_eq!(TABLE.read().len() + LAZY.len() + NAME.get_or_init(String::new).len(), 5);
    assert!(TICKETS.try_acquire(3).is_none() && TICKETS.try_acquire(2).is_some());
    assert!(MEETING.wait().is_leader());
    START.call_once(|| ());
    assert_eq!(Mutex::new(3).into_inner() + *Mutex::new(4).get_mut(), 7);
}

#[test]
fn contexts_and_groups_fit_together() {
    goroutine(|| {
        let (context, cancel) = Context::background().with_value("v").with_cancel();
        let done: &Receiver<Never> = context.done();
        assert!(done.try_recv().is_err() && cancel.cause().is_none());
        let (group, inner) = ErrGroup::<String>::with_context(&context);
        group.set_limit(2);
        let waits = inner.clone();
        group.go(move || {
            waits.done().recv().unwrap_err();
            Err(waits.cause().unwrap().to_string())
        });
        cancel.cancel_with("enough");
        assert_eq!(group.wait(), Err("enough".to_string()));
        let cause: Option<Arc<dyn Error + Send + Sync>> = cancel.cause();
        assert_eq!(cause.unwrap().to_string(), "enough");
        assert_eq!(
            (inner.value::<&str>(), inner.err()),
            (Some(&"v"), Some(ContextError::Canceled))
        );
        let (timed, _cancel) = Context::background().with_timeout(Duration::ZERO);
        let cause = timed.cause().unwrap();
        assert_eq!(cause.downcast_ref(), Some(&ContextError::DeadlineExceeded));

        let flights = SingleFlight::new();
        assert_eq!(flights.run("key".to_string(), || 1), (1, false));
        flights.forget(&"key".to_string());
        let group = WaitGroup::new();
        let count = Arc::new(Mutex::new(0));
        for _ in 0..3 {
            let count = Arc::clone(&count);
            group.clone().go(move || *count.lock() += 1);
        }
        group.wait();
        let total = scope(|s| s.go(|| *count.lock()).join().unwrap());
        assert_eq!(total + go(|| 4).join().unwrap(), 7);
        assert_eq!(chan::never::<u8>().try_iter().next(), None);
    });
}
