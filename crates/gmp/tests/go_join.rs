//! Waiting for a goroutine's end: by `join`, and from asynchronous code.

mod sync_common;

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use gmp::chan::bounded;
use gmp::{Goexit, JoinHandle, block_on, go, goexit};
use sync_common::{goroutine, until};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }
}

#[test]
fn it_is_awaited() {
    goroutine(|| {
        let handles: Vec<_> = (0..100).map(|i| go(move || i)).collect();
        let sum = block_on(async {
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 4950);
    });
}

#[test]
fn a_thread_may_await_it_too() {
    goroutine(|| {
        let (tx, rx) = bounded::<u8>(0);
        let handle = go(move || rx.recv().unwrap());
        let waiter = thread::spawn(move || block_on(handle.into_future()).unwrap());
        tx.send(7).unwrap();
        assert_eq!(gmp::blocking(|| waiter.join().unwrap()), 7);
    });
}

#[test]
fn panics_and_goexit_are_delivered() {
    goroutine(|| {
        let end = |f: fn()| block_on(go(f).into_future()).unwrap_err();
        assert_eq!(end(|| panic!("why")).downcast_ref::<&str>(), Some(&"why"));
        assert!(end(|| goexit()).is::<Goexit>());
        assert!(go(|| goexit()).join().unwrap_err().is::<Goexit>());
    });
}

#[test]
fn the_latest_waker_is_woken_once_and_dropping_detaches() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let rx2 = rx.clone();
        let handle: JoinHandle<_> = go(move || rx2.recv());
        let ((old, old_waker), (new, new_waker)) = (Count::waker(), Count::waker());
        let mut future = pin!(handle.into_future());
        assert!(future.as_mut().poll(&mut Context::from_waker(&old_waker)).is_pending());
        assert!(future.as_mut().poll(&mut Context::from_waker(&new_waker)).is_pending());
        tx.send(()).unwrap();
        until(|| new.0.load(Ordering::Relaxed) == 1);
        let end = future.as_mut().poll(&mut Context::from_waker(&new_waker));
        assert!(matches!(end, Poll::Ready(Ok(Ok(())))));
        assert_eq!(old.0.load(Ordering::Relaxed), 0);

        let (gone, waker) = Count::waker();
        let (done, ended) = bounded(1);
        let mut future = go(move || (rx.recv(), done.send(()))).into_future();
        assert!(pin!(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        drop((future, waker));
        tx.send(()).unwrap();
        assert_eq!(ended.recv(), Ok(()));
        until(|| Arc::strong_count(&gone) == 1);
        assert_eq!(gone.0.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_waker_that_panics_hurts_nobody() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            // Not `panic!`: the main goroutine may return while it prints, holding the harness's lock.
            std::panic::resume_unwind(Box::new("expected"));
        }
    }
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let mut future = go(move || rx.recv()).into_future();
        let waker = Waker::from(Arc::new(Bad));
        assert!(pin!(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        tx.send(()).unwrap();
        assert_eq!(block_on(future).unwrap(), Ok(()));
    });
}
