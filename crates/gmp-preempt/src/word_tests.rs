//! Models of the state word. The steps (A1, H1, ...) are those of `word.rs`.

use super::{Arrival, Ask, Resume, When::Later, When::Now, Word};
use crate::sync::{Arc, AtomicBool, AtomicU32, Futex, Ordering, model, thread};

/// A one-shot event between the threads of a model.
#[derive(Default)]
struct Event(Futex);

impl Event {
    fn set(&self) {
        self.0.0.store(1, Ordering::Release);
        self.0.wake();
    }

    fn wait(&self) {
        while self.0.0.load(Ordering::Acquire) == 0 {
            self.0.wait(0);
        }
    }
}

/// The successor resumes the thread as soon as the hand-over (H2) has happened: the thread must go on, and
/// must see what the resumer did before.
#[test]
fn resume_before_sleep_is_not_lost() {
    model(|| {
        let word = Arc::new(Word::default());
        let handed_over = Arc::new(Event::default());
        let processor = Arc::new(AtomicU32::new(0));
        assert_eq!(word.ask(Now), Ask::Send);
        word.sent();

        let resumer = {
            let (word, handed_over, processor) =
                (Arc::clone(&word), Arc::clone(&handed_over), Arc::clone(&processor));
            thread::spawn(move || {
                handed_over.wait();
                processor.store(7, Ordering::Relaxed);
                assert_eq!(word.resume(), Resume::Released);
            })
        };

        let Arrival::Stop(stopping) = word.arrive() else { panic!("asked, but not stopped") };
        handed_over.set();
        stopping.sleep();
        assert_eq!(processor.load(Ordering::Relaxed), 7, "the resumer's work is visible");
        assert!(!word.is_stopped());
        resumer.join().unwrap();
    });
}

/// What is prepared before `ask` is visible to the handler.
#[test]
fn ask_publishes_to_the_handler() {
    model(|| {
        let word = Arc::new(Word::default());
        let successor = Arc::new(AtomicU32::new(0));
        let stopped = {
            let (word, successor) = (Arc::clone(&word), Arc::clone(&successor));
            thread::spawn(move || {
                let Arrival::Stop(stopping) = word.arrive() else { return };
                assert_eq!(successor.load(Ordering::Relaxed), 3);
                stopping.decline();
            })
        };
        successor.store(3, Ordering::Relaxed);
        assert_eq!(word.ask(Now), Ask::Send);
        stopped.join().unwrap();
        word.sent(); // only now: its own Release would publish as well
    });
}

/// Who sees the thread stopped sees what it did before.
#[test]
fn stop_publishes_to_who_looks() {
    model(|| {
        let word = Arc::new(Word::default());
        let work = Arc::new(AtomicU32::new(0));
        assert_eq!(word.ask(Now), Ask::Send);
        word.sent();
        let monitor = {
            let (word, work) = (Arc::clone(&word), Arc::clone(&work));
            thread::spawn(move || {
                while !word.is_stopped() {
                    thread::yield_now();
                }
                assert_eq!(work.load(Ordering::Relaxed), 5);
                assert_eq!(word.resume(), Resume::Released);
            })
        };
        work.store(5, Ordering::Relaxed);
        let Arrival::Stop(stopping) = word.arrive() else { panic!("asked, but not stopped") };
        stopping.sleep();
        monitor.join().unwrap();
    });
}

/// However many ask, one signal is sent until the thread has taken the request.
#[test]
fn at_most_one_signal_is_under_way() {
    model(|| {
        let word = Arc::new(Word::default());
        let sent = Arc::new(AtomicU32::new(0));
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let (word, sent) = (Arc::clone(&word), Arc::clone(&sent));
                thread::spawn(move || match word.ask(Now) {
                    Ask::Send => {
                        sent.fetch_add(1, Ordering::Relaxed);
                        word.sent();
                    }
                    other => assert_eq!(other, Ask::Pending),
                })
            })
            .collect();
        for asker in askers {
            asker.join().unwrap();
        }
        assert_eq!(sent.load(Ordering::Relaxed), 1);
        assert!(matches!(word.arrive(), Arrival::Stop(_)));
        assert!(matches!(word.arrive(), Arrival::Nothing), "one request, one stop");
    });
}

/// One who asks at once does not wait for a timer that somebody else has set; and there is one stop, whichever
/// signal comes first, until somebody asks again.
#[test]
fn who_asks_now_overtakes_a_timer() {
    model(|| {
        let word = Arc::new(Word::default());
        let (timers, signals) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let patient = {
            let (word, timers) = (Arc::clone(&word), Arc::clone(&timers));
            thread::spawn(move || match word.ask(Later) {
                Ask::Send => {
                    timers.fetch_add(1, Ordering::Relaxed);
                    word.sent();
                }
                other => assert_eq!(other, Ask::Pending),
            })
        };
        if word.ask(Now) == Ask::Send {
            signals.fetch_add(1, Ordering::Relaxed);
            word.sent();
        }
        patient.join().unwrap();
        assert_eq!(signals.load(Ordering::Relaxed), 1, "a signal is sent, timer or not");
        assert!(timers.load(Ordering::Relaxed) <= 1);
        assert_eq!(word.ask(Later), Ask::Pending, "the signal serves this one, too");
        assert_eq!(word.ask(Now), Ask::Pending, "and that is under way");
        assert!(matches!(word.arrive(), Arrival::Stop(_)));
        assert!(matches!(word.arrive(), Arrival::Nothing), "the signal that comes second");
    });
}

/// A timer that cannot be set takes its own request back, and not the one that has overtaken it.
#[test]
fn a_timer_that_fails_leaves_who_asks_now_alone() {
    model(|| {
        let word = Arc::new(Word::default());
        let patient = {
            let word = Arc::clone(&word);
            thread::spawn(move || match word.ask(Later) {
                Ask::Send => word.unsent(Later),
                other => assert_eq!(other, Ask::Pending),
            })
        };
        assert_eq!(word.ask(Now), Ask::Send);
        word.sent();
        patient.join().unwrap();
        assert!(word.is_signalled(), "its signal would find nothing");
        assert!(matches!(word.arrive(), Arrival::Stop(_)));
    });
}

/// A request that waits for a tick is served like any other, and leaves nothing behind.
#[test]
fn a_request_at_a_tick_is_served_once() {
    model(|| {
        let word = Word::default();
        assert_eq!(word.ask(Later), Ask::Send);
        word.sent();
        assert!(word.is_requested());
        let Arrival::Stop(stopping) = word.arrive() else { panic!("asked, but not stopped") };
        stopping.decline();
        assert!(!word.is_requested());
        assert_eq!(word.ask(Now), Ask::Send);
        word.unsent(Now);
        assert_eq!(word.ask(Later), Ask::Send);
        word.unsent(Now);
        assert_eq!(word.ask(Later), Ask::Send, "what failed leaves nothing either");
    });
}

/// Nobody signals a thread that has ended (A2 is never after D2), and nobody waits for ever. One asker: two
/// add nothing, for each holds its own count, and take loom twenty seconds.
#[test]
fn detach_waits_for_senders() {
    model(|| {
        let word = Arc::new(Word::default());
        let alive = Arc::new(AtomicBool::new(true));
        let asker = {
            let (word, alive) = (Arc::clone(&word), Arc::clone(&alive));
            thread::spawn(move || {
                if word.ask(Now) == Ask::Send {
                    assert!(alive.load(Ordering::Relaxed), "a signal to an ended thread");
                    word.sent();
                }
            })
        };
        word.detach();
        alive.store(false, Ordering::Relaxed);
        assert_eq!(word.ask(Now), Ask::Gone);
        assert!(matches!(word.arrive(), Arrival::Nothing), "a late signal does not stop");
        assert!(!word.is_requested(), "and nobody looks for what it has left");
        asker.join().unwrap();
    });
}

/// A thread that detaches in the handler's way: a request that it never serves does not keep the end of a
/// section busy.
#[test]
fn an_unserved_request_ends_with_detach() {
    model(|| {
        let word = Word::default();
        assert_eq!(word.ask(Now), Ask::Send);
        word.sent();
        assert!(word.is_requested());
        word.detach();
        assert!(!word.is_requested());
        assert!(matches!(word.arrive(), Arrival::Nothing));
    });
}

/// A signal that could not be sent leaves nothing behind that would keep later requests away.
#[test]
fn a_failed_signal_can_be_asked_again() {
    model(|| {
        let word = Word::default();
        assert_eq!(word.ask(Now), Ask::Send);
        word.unsent(Now);
        assert!(!word.is_requested());
        assert_eq!(word.ask(Now), Ask::Send);
        word.sent();
        word.detach();
        assert!(word.is_detached());
    });
}

/// A resume while the handler still decides, followed by "no, it does not stop", is used up.
#[test]
fn decline_after_resume_is_running() {
    model(|| {
        let word = Arc::new(Word::default());
        let stopping = word.stop_now();
        let resumer = {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                let _: Resume = word.resume();
            })
        };
        stopping.decline();
        resumer.join().unwrap();
        assert!(!word.is_stopped());
        assert_eq!(word.resume(), Resume::NotStopped);
    });
}
