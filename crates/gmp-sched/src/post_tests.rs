//! A watcher and those who want it awake: it never sleeps on with a P in its hands, nor past a timer.

use std::sync::Arc;

use super::*;
use crate::sync::{Condvar, Mutex, model, thread};
use crate::testing::RaceCell;

/// A runtime with the Ms 0 and 1, one timer, and a poller whose wake a poll that sleeps uses up.
struct Case {
    /// Else the watcher sleeps in its parker, whose wake this is then.
    has_poller: bool,
    post: Post<u8>,
    ms: [u8; 2],
    /// The lock of the lists, and who watches.
    watcher: Mutex<Option<usize>>,
    handed: [AtomicBool; 2],
    /// When the timer is due.
    timer: AtomicU64,
    wake: Mutex<bool>,
    woken: Condvar,
}

impl Case {
    fn new(watcher: Option<usize>, has_poller: bool) -> Arc<Case> {
        Arc::new(Case {
            has_poller,
            post: Post::new(),
            ms: [0; 2],
            watcher: Mutex::new(watcher),
            handed: [AtomicBool::new(false), AtomicBool::new(false)],
            timer: AtomicU64::new(u64::MAX),
            wake: Mutex::new(false),
            woken: Condvar::new(),
        })
    }

    fn m(&self, index: usize) -> *mut u8 {
        ptr::from_ref(&self.ms[index]).cast_mut()
    }

    fn timer(&self) -> u64 {
        self.timer.load(Ordering::Relaxed)
    }

    fn poke(&self, index: usize) {
        if !self.has_poller || self.post.is_at(self.m(index)) {
            *self.wake.lock().unwrap() = true;
            self.woken.notify_all();
        }
    }

    /// Hands the watcher a P, if there is a watcher.
    fn hand(&self) -> bool {
        let watcher = self.watcher.lock().unwrap().take();
        if let Some(index) = watcher {
            self.handed[index].store(true, Ordering::Release);
            self.poke(index);
        }
        watcher.is_some()
    }

    fn arm(&self) {
        self.timer.store(1, Ordering::Relaxed);
        if self.post.sleeps_past(1) {
            let watcher = *self.watcher.lock().unwrap();
            if let Some(index) = watcher {
                self.poke(index);
            }
        }
    }

    /// Until the timer, or a wake.
    fn sleep(&self, until: u64) {
        if until < u64::MAX {
            return;
        }
        let mut wake = self.wake.lock().unwrap();
        while !*wake {
            wake = self.woken.wait(wake).unwrap();
        }
        *wake = false;
    }

    /// As in `sleep.rs`: until there is a reason to be awake.
    fn watch(&self, me: usize) {
        loop {
            let until = {
                let watcher = self.watcher.lock().unwrap();
                if *watcher != Some(me) {
                    break;
                }
                self.post.announce(self.m(me), || self.timer())
            };
            let awake = || self.handed[me].load(Ordering::Relaxed) || self.timer() < until;
            if !awake() {
                let sleep = || {
                    if mutant("post_looks_once") || !awake() {
                        self.sleep(until)
                    }
                };
                if !self.has_poller {
                    self.sleep(until);
                } else if !self.post.poll(|| false, sleep) {
                    thread::yield_now();
                }
            }
            self.post.leave(self.m(me));
            if self.handed[me].load(Ordering::Relaxed) || self.timer() == 1 {
                break;
            }
        }
        self.end(me);
    }

    fn end(&self, me: usize) {
        let mut watcher = self.watcher.lock().unwrap();
        let mine = *watcher == Some(me);
        if mutant("post_vacates_others") || mine || watcher.is_none() {
            self.post.vacate();
        }
        if mine {
            *watcher = None;
        }
    }
}

/// Runs `wake` beside an M that watches: if the watcher slept on, loom would report that all threads sleep.
fn watched(has_poller: bool, wake: fn(&Case)) {
    model(move || {
        let case = Case::new(Some(1), has_poller);
        let watcher = {
            let case = case.clone();
            thread::spawn(move || case.watch(1))
        };
        wake(&case);
        watcher.join().expect("watcher");
    });
}

#[test]
fn model_a_timer_armed_early_wakes_the_watcher() {
    watched(true, Case::arm);
}

#[test]
fn model_a_timer_armed_early_wakes_who_watches_without_a_poller() {
    watched(false, Case::arm);
}

#[test]
fn model_a_p_handed_over_wakes_the_watcher() {
    watched(true, |case| assert!(case.hand()));
}

/// M 0 was handed a P and is on its way out while M 1 begins to watch.
fn relieved(wake: fn(&Case)) {
    model(move || {
        let case = Case::new(Some(0), true);
        case.post.announce(case.m(0), || u64::MAX);
        *case.watcher.lock().unwrap() = Some(1);
        let leaver = {
            let case = case.clone();
            thread::spawn(move || {
                case.post.leave(case.m(0));
                case.end(0);
            })
        };
        let watcher = {
            let case = case.clone();
            thread::spawn(move || case.watch(1))
        };
        wake(&case);
        watcher.join().expect("watcher");
        leaver.join().expect("leaver");
    });
}

#[test]
fn model_the_next_watcher_hears_of_a_timer() {
    relieved(Case::arm);
}

#[test]
fn model_the_next_watcher_hears_of_a_p() {
    relieved(|case| assert!(case.hand()));
}

/// V3: M 0 is handed a P when it has not polled yet; M 1 watches from then on, and may use up the wake.
#[test]
fn model_a_wake_that_another_used_up_is_not_missed() {
    model(|| {
        let case = Case::new(Some(0), true);
        let first = {
            let case = case.clone();
            thread::spawn(move || case.watch(0))
        };
        assert!(case.hand());
        *case.watcher.lock().unwrap() = Some(1);
        let second = {
            let case = case.clone();
            thread::spawn(move || case.watch(1))
        };
        assert!(case.hand());
        first.join().expect("the first");
        second.join().expect("the second");
    });
}

/// V4: when the next runtime has begun nobody of the last one polls.
#[test]
fn model_who_stops_does_not_poll_beside_the_next() {
    model(|| {
        let last = Arc::new((Post::<u8>::new(), AtomicBool::new(false), RaceCell::new()));
        let late = {
            let last = last.clone();
            thread::spawn(move || {
                let (post, stops, poller) = &*last;
                post.poll(|| stops.load(Ordering::Relaxed), || poller.set(1));
            })
        };
        let (post, stops, poller) = &*last;
        stops.store(true, Ordering::Relaxed);
        while post.is_polled() {
            thread::yield_now();
        }
        poller.set(2);
        late.join().expect("the late one");
    });
}
