//! Park and ready around one event, modelled: who resumes a waiter finds it saved, and nobody is lost.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};
use crate::testing::RaceCell;

/// A goroutine parks for an event while another thread makes it happen. The "registers" are plain memory
/// written before the commit; whoever resumes reads them, so a missing order is a race that loom reports.
#[test]
fn model_a_waiter_is_saved_before_it_is_resumed() {
    model(|| {
        struct Shared {
            word: JoinWord,
            saved: RaceCell,
            result: RaceCell,
            resumed: AtomicUsize,
        }
        let shared = Arc::new(Shared {
            word: JoinWord::new(true),
            saved: RaceCell::new(),
            result: RaceCell::new(),
            resumed: AtomicUsize::new(0),
        });
        let resume = |s: &Shared| {
            assert_eq!(s.saved.get(), 1, "resumed before it was saved");
            assert_eq!(s.resumed.fetch_add(1, Ordering::Relaxed), 0, "resumed twice");
        };
        let finisher = {
            let s = shared.clone();
            thread::spawn(move || {
                s.result.set(42);
                if let Finish::Ready(waiter) = s.word.finish() {
                    assert_eq!(waiter, 16);
                    resume(&s);
                }
            })
        };
        // The parking side: save, then commit.
        shared.saved.set(1);
        if shared.word.wait(16) == Wait::Done {
            assert_eq!(shared.result.get(), 42, "done without a result");
            resume(&shared);
        }
        finisher.join().expect("finisher");
        assert_eq!(shared.resumed.load(Ordering::Relaxed), 1, "lost wake-up");
    });
}

/// The handle gives up while the goroutine ends: exactly one of them gets the task, and it sees what the other did.
#[test]
fn model_a_task_has_one_owner_in_the_end() {
    model(|| {
        struct Shared {
            word: JoinWord,
            result: RaceCell,
            looked: RaceCell,
            owners: AtomicUsize,
        }
        let shared = Arc::new(Shared {
            word: JoinWord::new(true),
            result: RaceCell::new(),
            looked: RaceCell::new(),
            owners: AtomicUsize::new(0),
        });
        let own = |s: &Shared| {
            assert_eq!(s.owners.fetch_add(1, Ordering::Relaxed), 0, "freed twice");
            assert_eq!((s.result.get(), s.looked.get()), (42, 7), "freed while in use");
        };
        let finisher = {
            let s = shared.clone();
            thread::spawn(move || {
                s.result.set(42);
                if s.word.finish() == Finish::Mine {
                    own(&s);
                }
            })
        };
        shared.looked.set(7);
        if shared.word.detach() == Detach::Mine {
            own(&shared);
        }
        finisher.join().expect("finisher");
        assert_eq!(shared.owners.load(Ordering::Relaxed), 1, "leaked");
    });
}

/// A future gives up while the goroutine ends: its bell goes to one of them, and so does the task.
#[test]
fn model_a_bell_is_rung_or_given_back() {
    model(|| {
        const WORD: usize = 16 | BELL;
        struct Shared {
            word: JoinWord,
            bells: AtomicUsize,
            owners: AtomicUsize,
        }
        let shared = Arc::new(Shared {
            word: JoinWord::new(true),
            bells: AtomicUsize::new(0),
            owners: AtomicUsize::new(0),
        });
        let count = |n: &AtomicUsize| assert_eq!(n.fetch_add(1, Ordering::Relaxed), 0, "twice");
        let finisher = {
            let s = shared.clone();
            thread::spawn(move || {
                loop {
                    match s.word.finish() {
                        Finish::Bell => {
                            s.word.take_bell().into_iter().for_each(|_| count(&s.bells))
                        }
                        Finish::Mine => break count(&s.owners),
                        Finish::Left => break,
                        Finish::Ready(_) => unreachable!("nobody but a future waits"),
                    }
                }
            })
        };
        let registered = shared.word.wait(WORD) == Wait::Registered;
        match shared.word.detach() {
            Detach::Left => {}
            Detach::Bell(_) => count(&shared.bells),
            Detach::Mine => count(&shared.owners),
        }
        finisher.join().expect("finisher");
        assert_eq!(shared.bells.load(Ordering::Relaxed), usize::from(registered), "the bell");
        assert_eq!(shared.owners.load(Ordering::Relaxed), 1, "the task");
    });
}
