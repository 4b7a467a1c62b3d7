//! A P on its way to a thread that waits: it has one owner at every moment, and it arrives.

use std::sync::Arc;

use super::*;
use crate::hold::Hold;
use crate::sync::{Condvar, Mutex, fence, model, thread};
use crate::testing::RaceCell;
use crate::wakeword::{EMPTY, PARKED, WakeWord};

/// Where a thread sleeps: the word of its parker, before a kernel made of a lock and a condition.
struct Parker {
    word: WakeWord<AtomicU32>,
    kernel: Mutex<()>,
    woken: Condvar,
}

impl Parker {
    fn new() -> Parker {
        Parker {
            word: WakeWord::over(AtomicU32::new(EMPTY)),
            kernel: Mutex::new(()),
            woken: Condvar::new(),
        }
    }

    fn park(&self) {
        if self.word.consume() || !self.word.announce() {
            return;
        }
        while !self.word.is_notified() {
            let held = self.kernel.lock().unwrap();
            // Relaxed: the kernel's look, ordered by its lock.
            if self.word.raw().load(Ordering::Relaxed) == PARKED {
                drop(self.woken.wait(held).unwrap());
            }
        }
        let _ = self.word.finish();
    }

    fn notify(&self) {
        // SAFETY: a reference is valid throughout.
        if unsafe { WakeWord::notify(&self.word) } {
            let _held = self.kernel.lock().unwrap();
            self.woken.notify_one();
        }
    }
}

/// A P; what belongs to it is touched by who owns it.
struct Proc {
    owned: RaceCell,
    /// Whether anybody says that he holds it.
    held: AtomicBool,
}

impl Proc {
    fn new() -> Proc {
        Proc { owned: RaceCell::new(), held: AtomicBool::new(true) }
    }

    fn use_it(&self) {
        self.owned.set(self.owned.get() + 1);
    }

    /// As in `M::set_p`.
    fn hold(&self) {
        self.held.store(true, Ordering::Release);
        // SeqCst fence: pairs with the one in `begin_stop`.
        fence(Ordering::SeqCst);
    }

    fn lay_down(&self) {
        // Release: pairs with Acquire in `is_held`.
        self.held.store(false, Ordering::Release);
    }

    fn is_held(&self) -> bool {
        // Acquire: pairs with Release in `lay_down`.
        self.held.load(Ordering::Acquire)
    }
}

/// A runtime with two Ps, a goroutine that is locked to thread 0, and thread 1, which runs everything else.
struct Case {
    ps: [Proc; 2],
    /// The registers of the goroutine.
    goroutine: RaceCell,
    /// It can be taken out of the queue.
    queued: Mutex<bool>,
    /// The lock of the lists, and which Ps idle.
    idle: Mutex<Vec<usize>>,
    handed: Handed<Proc, RaceCell, ()>,
    parker: Parker,
    stops: AtomicBool,
}

impl Case {
    fn new() -> Arc<Case> {
        Arc::new(Case {
            ps: [Proc::new(), Proc::new()],
            goroutine: RaceCell::new(),
            queued: Mutex::new(false),
            idle: Mutex::new(Vec::new()),
            handed: Handed::new(),
            parker: Parker::new(),
            stops: AtomicBool::new(false),
        })
    }

    fn stops(&self) -> bool {
        // Relaxed: as in `is_stopping`.
        self.stops.load(Ordering::Relaxed)
    }

    /// As in `Scheduler::begin_stop`.
    fn begin_stop(&self) {
        self.stops.store(true, Ordering::SeqCst);
        // SeqCst fence: pairs with the one in `hold`.
        fence(Ordering::SeqCst);
    }

    /// X1.
    fn park_goroutine(&self) {
        self.goroutine.set(1);
        *self.queued.lock().unwrap() = true;
    }

    /// X2.
    fn give_away(&self, p: usize) {
        self.ps[p].use_it();
        self.idle.lock().unwrap().push(p);
    }

    /// X3 and X5: the P on which the goroutine goes on.
    fn wait_for_turn(&self) -> Option<&Proc> {
        let mut found = None;
        let take = || {
            let Some((p, errand)) = self.handed.take() else { return false };
            let Errand::Goroutine(g) = errand else { panic!("a P without the goroutine") };
            // SAFETY: the case outlives its threads.
            assert_eq!(unsafe { g.as_ref() }.get(), 1);
            found = Some(p);
            true
        };
        let handed = wait(take, || self.stops(), || self.parker.park());
        // SAFETY: as above.
        let p = handed.then(|| found.map(|p| unsafe { p.as_ref() })).flatten()?;
        p.hold();
        Some(p)
    }

    /// X4, by thread 1 with P `p`, if the goroutine is in the queue.
    fn take_up(&self, p: usize) -> bool {
        if !std::mem::take(&mut *self.queued.lock().unwrap()) {
            return false;
        }
        self.ps[p].use_it();
        self.ps[p].lay_down();
        let errand = Errand::Goroutine(NonNull::from(&self.goroutine));
        self.handed.put(ptr::from_ref(&self.ps[p]).cast_mut(), errand);
        self.parker.notify();
        true
    }
}

/// X1 to X5: the goroutine is taken up before its M has given its own P away, or while it looks, or when it sleeps.
#[test]
fn model_a_locked_goroutine_goes_on_with_the_p_of_who_took_it_up() {
    model(|| {
        let case = Case::new();
        let locked = {
            let case = case.clone();
            thread::spawn(move || {
                case.park_goroutine();
                case.give_away(0);
                let p = case.wait_for_turn().expect("nothing stops");
                assert!(ptr::eq(p, &case.ps[1]), "its own was given away");
                p.use_it();
            })
        };
        while !case.take_up(1) {
            thread::yield_now();
        }
        // The taker idles from here on, and is given what the other has left.
        if case.idle.lock().unwrap().pop().is_some() {
            case.ps[0].use_it();
        }
        locked.join().expect("the locked one");
    });
}

/// X6, when the goroutine waits for something that never comes.
#[test]
fn model_the_end_ends_a_thread_whose_goroutine_has_parked() {
    model(|| {
        let case = Case::new();
        let locked = {
            let case = case.clone();
            thread::spawn(move || {
                case.give_away(0);
                assert!(case.wait_for_turn().is_none());
            })
        };
        case.begin_stop();
        let seen = !case.idle.lock().unwrap().is_empty();
        // Else its X2 comes after this: it sees that the runtime stops.
        if seen {
            case.parker.notify();
        }
        locked.join().expect("the locked one");
    });
}

/// X4 and X5 against X6: what belongs to a P that nobody holds is the end's, whether it arrives in time or not.
#[test]
fn model_a_p_on_its_way_is_the_ends() {
    model(|| {
        let case = Case::new();
        case.park_goroutine();
        let locked = {
            let case = case.clone();
            thread::spawn(move || {
                let Some(p) = case.wait_for_turn() else { return };
                if !case.stops() {
                    p.use_it();
                }
                p.lay_down();
            })
        };
        let taker = {
            let case = case.clone();
            thread::spawn(move || assert!(case.take_up(1)))
        };
        case.begin_stop();
        while case.ps[1].is_held() {
            thread::yield_now();
        }
        case.ps[1].use_it();
        case.parker.notify();
        taker.join().expect("the taker");
        locked.join().expect("the locked one");
    });
}

/// A thread that asks in the middle of a goroutine.
struct Asker {
    ask: Ask,
    hold: Hold<Proc>,
    parker: Parker,
    ps: [Proc; 2],
    /// How often it has been let go on in its handler and not gone on yet.
    resumed: Mutex<bool>,
    resumes: Condvar,
}

impl Asker {
    fn new() -> Arc<Asker> {
        Arc::new(Asker {
            ask: Ask::new(),
            hold: Hold::new(),
            parker: Parker::new(),
            ps: [Proc::new(), Proc::new()],
            resumed: Mutex::new(false),
            resumes: Condvar::new(),
        })
    }

    /// A2, by who owns P `p`.
    fn pass(&self, p: usize) {
        self.ps[p].use_it();
        self.hold.set(ptr::from_ref(&self.ps[p]).cast_mut());
        match self.ask.close() {
            Rests::InParker => self.parker.notify(),
            Rests::InHandler => {
                let mut resumed = self.resumed.lock().unwrap();
                assert!(!std::mem::replace(&mut *resumed, true), "let go on twice");
                self.resumes.notify_one();
            }
        }
    }

    /// A thread that does so.
    fn passed(self: &Arc<Asker>, p: usize) -> thread::JoinHandle<()> {
        let case = self.clone();
        thread::spawn(move || case.pass(p))
    }

    /// A3, and what follows.
    fn go_on(&self) -> &Proc {
        while self.ask.is_open() {
            self.parker.park();
        }
        // SAFETY: Ps live as long as the case.
        let p = unsafe { self.hold.p().as_ref() }.expect("the ask is closed, and there is no P");
        p.use_it();
        p
    }

    /// The thread's handler, which has found the P that was just written: it waits there until it is let go on.
    fn rest_in_handler(&self) {
        let mut resumed = self.resumed.lock().unwrap();
        while !*resumed {
            resumed = self.resumes.wait(resumed).unwrap();
        }
        *resumed = false;
    }
}

#[test]
fn model_an_ask_is_answered() {
    model(|| {
        let case = Asker::new();
        case.ask.open();
        let passes = case.passed(0);
        assert!(ptr::eq(case.go_on(), &case.ps[0]));
        passes.join().expect("who passes");
    });
}

/// A signal between the halves of A2: the first P is passed on, the goroutine queued again, and a second one comes.
#[test]
fn model_an_ask_that_a_signal_disturbs_is_answered_once_more() {
    model(|| {
        let case = Asker::new();
        case.ask.open();
        let passes = case.passed(0);
        // SAFETY: Ps live as long as the case.
        let Some(p) = (unsafe { case.hold.p_in_handler().as_ref() }) else {
            // No signal: nobody has given it anything yet.
            case.go_on();
            return passes.join().expect("who passes");
        };
        // H3: the P leaves again, and by H4 the goroutine is queued.
        p.use_it();
        case.hold.set(ptr::null_mut());
        let again = case.passed(1);
        case.rest_in_handler();
        assert!(ptr::eq(case.go_on(), &case.ps[1]));
        again.join().expect("who passes again");
        passes.join().expect("who passes");
    });
}
