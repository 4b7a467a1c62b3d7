//! Everything that waits works everywhere: two parties meet at each primitive, each of them in every place that code
//! can be in. The places are goroutines, plain threads, goroutines that keep their thread, goroutines of a scope,
//! and destructors that run while a goroutine or a thread unwinds.

mod channels;
mod groups;
mod locks;
mod moments;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use gmp::{go, scope};

/// Where a party runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Goroutine,
    Thread,
    /// A goroutine under `lock_os_thread`.
    Locked,
    /// A goroutine of a scope, of a goroutine.
    Scoped,
    /// A destructor, while its goroutine unwinds.
    Unwinding,
    /// A destructor, while its thread unwinds.
    UnwindingThread,
}

const PLACES: [Place; 6] = [
    Place::Goroutine,
    Place::Thread,
    Place::Locked,
    Place::Scoped,
    Place::Unwinding,
    Place::UnwindingThread,
];

/// A party that was started.
enum Party<T> {
    Goroutine(gmp::JoinHandle<T>),
    Thread(thread::JoinHandle<T>),
}

impl<T> Party<T> {
    fn join(self) -> T {
        let ended = match self {
            Party::Goroutine(handle) => handle.join(),
            // std blocks the thread: the others need its P meanwhile.
            Party::Thread(handle) => gmp::blocking(|| handle.join()),
        };
        ended.expect("a party has failed")
    }
}

impl Place {
    fn start<F, T>(self, f: F) -> Party<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self {
            Place::Goroutine => Party::Goroutine(go(f)),
            Place::Thread => Party::Thread(thread::spawn(f)),
            Place::Locked => Party::Goroutine(go(move || {
                let _locked = gmp::runtime::lock_os_thread();
                f()
            })),
            Place::Scoped => Party::Goroutine(go(|| scope(|s| s.go(f).join().expect("no panic")))),
            Place::Unwinding => Party::Goroutine(go(|| while_unwinding(f))),
            Place::UnwindingThread => Party::Thread(thread::spawn(|| while_unwinding(f))),
        }
    }
}

/// Runs `f` in a destructor while the caller unwinds, and catches that.
fn while_unwinding<F: FnOnce() -> T, T>(f: F) -> T {
    struct OnDrop<'a, F: FnOnce() -> T, T>(Option<F>, &'a mut Option<T>);
    impl<F: FnOnce() -> T, T> Drop for OnDrop<'_, F, T> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            *self.1 = self.0.take().map(|f| f());
        }
    }
    let mut result = None;
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _runs = OnDrop(Some(f), &mut result);
        // A panic without a message.
        resume_unwind(Box::new(()));
    }));
    assert!(unwound.is_err());
    result.expect("the destructor has run")
}

/// Runs `meet` in the main goroutine with every pair of places.
fn in_all_places(meet: impl Fn(Place, Place) + Sync) {
    // SAFETY: no test here keeps a thread-local over a park.
    unsafe {
        gmp::run(|| {
            for a in PLACES {
                PLACES.into_iter().for_each(|b| meet(a, b));
            }
        });
    }
}

/// Starts both and gives what they return.
fn both<A, B>(
    (a, f): (Place, impl FnOnce() -> A + Send + 'static),
    (b, g): (Place, impl FnOnce() -> B + Send + 'static),
) -> (A, B)
where
    A: Send + Debug + 'static,
    B: Send + Debug + 'static,
{
    let (first, second) = (a.start(f), b.start(g));
    (first.join(), second.join())
}

#[test]
fn the_places_are_what_they_say() {
    in_all_places(|a, b| {
        let look = || (gmp::try_current().is_some(), thread::panicking());
        let expected = |place| match place {
            Place::Goroutine | Place::Locked | Place::Scoped => (true, false),
            Place::Thread => (false, false),
            Place::Unwinding => (true, true),
            Place::UnwindingThread => (false, true),
        };
        assert_eq!(both((a, look), (b, look)), (expected(a), expected(b)));
    });
}
