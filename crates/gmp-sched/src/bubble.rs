//! Bubbles: groups of goroutines with a clock of their own, which jumps when all of them wait for one another.
//!
//! The rules are those of Go's `testing/synctest`. A goroutine belongs to the bubble of the one that spawned it. It is
//! *durably blocked* when only another goroutine of the bubble, or the bubble's clock, can end its wait; which waits
//! are, is said by their reason. The bubble counts its *active* goroutines, those that are not:
//!
//! - **B1** who begins a durable wait is taken off the count in the commit of its park, when others can end it already;
//!   who ends the wait puts it on again before making it runnable. Spawning counts, ending takes off.
//! - **B2** who brings the count to zero *settles*. Nobody of the bubble runs now, and nobody outside may end a wait
//!   inside, so it is alone: it wakes whoever waits for this moment (`wait`), else lets the clock jump to the next
//!   timer and fires it, else the bubble is at its end, or in a deadlock.
//! - **B3** while it fires timers the settler counts as active, so that those it wakes cannot settle meanwhile.
//!
//! The count is 0 at most once at a time, so settling needs no lock; it happens in critical sections and on g0, and
//! allocates nothing. Time stands still once the root has ended, as in Go.

use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::time::Instant;

use crate::active::{Active, Left};
use crate::clock;
use crate::g::G;
use crate::join::{Finish, JoinWord, Wait};
use crate::m::M;
use crate::park;
use crate::sync::plain::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::task::{self, Options};
use crate::timers::Timers;
use crate::wait::{WaitReason, Waiter};

/// One bubble. Never freed: goroutines of a deadlocked one point to it for ever.
#[derive(Debug)]
pub(crate) struct Bubble {
    /// Its time.
    now: AtomicU64,
    /// Goroutines that have not ended.
    alive: AtomicUsize,
    /// Those of them that are not durably blocked.
    active: Active,
    root_ended: AtomicBool,
    /// Kept apart: timers that were never cancelled may point to it when the bubble is gone.
    timers: &'static Timers,
    /// The goroutine that waits until all others are durably blocked.
    idle_waiter: AtomicPtr<()>,
    /// What the caller waits for.
    over: JoinWord,
    outcome: AtomicU8,
}

const DONE: u8 = 0;
const STUCK: u8 = 1;
const LEFT_BEHIND: u8 = 2;

/// Bubbles by number; a number is used again after all others were.
static BUBBLES: [AtomicPtr<Bubble>; NUMBERS] = [const { AtomicPtr::new(ptr::null_mut()) }; NUMBERS];
/// Numbers, 0 excluded.
const NUMBERS: usize = 1 << 16;

/// The bubble with this number.
pub(crate) fn get(number: u16) -> Option<&'static Bubble> {
    // Acquire: pairs with Release in `open`.
    // SAFETY: bubbles are never freed.
    unsafe { BUBBLES[usize::from(number)].load(Ordering::Acquire).as_ref() }
}

/// The number of the caller's bubble; 0 outside. Neither parks nor blocks.
pub fn current_bubble() -> u16 {
    let g = crate::current::m().and_then(M::g);
    // SAFETY: the calling goroutine.
    g.map_or(0, |g| unsafe { g.as_ref() }.bubble())
}

/// The time in the caller's bubble; `None` outside. Neither parks nor blocks.
pub fn bubble_now() -> Option<Instant> {
    // Acquire: pairs with Release in `settle`.
    get(current_bubble()).map(|bubble| clock::to_instant(bubble.now.load(Ordering::Acquire)))
}

/// How a bubble ended, if not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BubbleDeadlock {
    /// All its goroutines wait for one another, and no timer is set.
    AllBlocked,
    /// The root has ended, and goroutines that wait are left.
    LeftBehind,
}

/// Runs `f` as the root of a new bubble, and waits until all its goroutines have ended. Parks the goroutine.
/// `stuck` is called with the number of the bubble when it deadlocks; its goroutines stay parked for ever.
///
/// # Errors
///
/// The root's panic.
///
/// # Panics
///
/// Outside goroutines, and in a bubble. When no stack can be had.
///
/// # Safety
///
/// What `f` captures, and what it returns, may change threads.
#[track_caller]
pub unsafe fn bubble<F, T>(f: F, stuck: impl FnOnce(u16, BubbleDeadlock)) -> std::thread::Result<T>
where
    F: FnOnce() -> T,
{
    let Some(g) = crate::current::m().and_then(M::g) else {
        panic!("testing::bubble was called outside a goroutine")
    };
    // SAFETY: the calling goroutine, which is not moved.
    let header = unsafe { g.as_ref() };
    assert!(header.bubble() == 0, "testing::bubble was called inside a bubble");
    let (number, bubble) = open();
    let root = move || {
        struct Ends(&'static Bubble);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.root_ended.store(true, Ordering::Release); // Release: pairs with Acquire in `settle`.
            }
        }
        let _ends = Ends(bubble);
        f()
    };
    // What the caller spawns now is of the bubble.
    header.bubble.store(number, Ordering::Relaxed); // Relaxed: this goroutine's own.
    // SAFETY: contract.
    let root = unsafe { task::spawn_unchecked(Options::default(), root) };
    header.bubble.store(0, Ordering::Relaxed); // Relaxed: as above.
    let root = match root {
        Ok(root) => root,
        Err(e) => panic!("cannot start the root of a bubble: {e}"),
    };
    // Until now the caller counted as active.
    bubble.deactivate();
    let waiter = Waiter::current();
    let raw = waiter.into_raw().as_ptr().expose_provenance();
    let commit = || {
        if bubble.over.wait(raw) == Wait::Done {
            // SAFETY: `finish` found nobody, so this is the only call.
            unsafe { waiter.ready() };
        }
    };
    // SAFETY: the caller's waiter; `finish` readies it, or the commit does.
    unsafe { park::park(waiter, WaitReason::BubbleRun, commit) };
    // Relaxed: ordered by the join word.
    let deadlock = match bubble.outcome.load(Ordering::Relaxed) {
        DONE => None,
        STUCK => Some(BubbleDeadlock::AllBlocked),
        _ => Some(BubbleDeadlock::LeftBehind),
    };
    // A panic of the root says more than what it left behind.
    let result = root.is_finished().then(|| root.join());
    match (result, deadlock) {
        (Some(Err(payload)), _) => Err(payload),
        (Some(result), None) => {
            close(number);
            result
        }
        (_, deadlock) => {
            stuck(number, deadlock.unwrap_or(BubbleDeadlock::AllBlocked));
            panic!("deadlock in a bubble")
        }
    }
}

/// Waits until every other goroutine of the caller's bubble is durably blocked. Parks the goroutine.
///
/// # Panics
///
/// Outside bubbles, and when another goroutine of the bubble does the same.
pub fn wait_for_bubble() {
    let Some(bubble) = get(current_bubble()) else {
        panic!("testing::wait was called outside a bubble")
    };
    let waiter = Waiter::current();
    // Relaxed: cleared before whoever waited goes on.
    assert!(bubble.idle_waiter.load(Ordering::Relaxed).is_null(), "testing::wait: one at a time");
    // Release: pairs with Acquire in `settle`. It is readied by who brings the count to zero only, and the caller
    // counts until its commit has begun.
    bubble.idle_waiter.store(waiter.into_raw().as_ptr(), Ordering::Release);
    // SAFETY: the caller's waiter; `settle` takes it out and readies it once.
    unsafe { park::park(waiter, WaitReason::BubbleWait, || ()) };
}

/// A new bubble, with its caller as its only active party.
fn open() -> (u16, &'static Bubble) {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap_or_else(|e| e.into_inner());
    for _ in 1..NUMBERS {
        *next = next.wrapping_add(1).max(1);
        if get(*next).is_none() {
            let bubble = Box::leak(Box::new(Bubble {
                now: AtomicU64::new(clock::now()),
                alive: AtomicUsize::new(0),
                active: Active::new(1),
                root_ended: AtomicBool::new(false),
                timers: spare_timers(),
                idle_waiter: AtomicPtr::new(ptr::null_mut()),
                over: JoinWord::new(true),
                outcome: AtomicU8::new(DONE),
            }));
            // Release: pairs with Acquire in `get`.
            BUBBLES[usize::from(*next)].store(bubble, Ordering::Release);
            return (*next, bubble);
        }
    }
    panic!("65,535 bubbles are deadlocked: too many")
}

/// Timers of bubbles that ended with none set.
static SPARE: Mutex<Vec<&'static Timers>> = Mutex::new(Vec::new());

fn spare_timers() -> &'static Timers {
    let spare = SPARE.lock().unwrap_or_else(|e| e.into_inner()).pop();
    spare.unwrap_or_else(|| Box::leak(Box::new(Timers::new())))
}

/// The number may be used again.
fn close(number: u16) {
    if let Some(bubble) = get(number).filter(|bubble| bubble.timers.earliest() == clock::NEVER) {
        SPARE.lock().unwrap_or_else(|e| e.into_inner()).push(bubble.timers);
    }
    // Release: as in `open`.
    BUBBLES[usize::from(number)].store(ptr::null_mut(), Ordering::Release);
}

impl Bubble {
    /// B1: one less is active. The last one settles.
    fn deactivate(&self) {
        self.left(self.active.remove());
    }

    fn left(&self, left: Left) {
        match left {
            Left::Others => {}
            Left::Nobody => self.settle(),
        }
    }

    /// B2.
    #[cold]
    fn settle(&self) {
        loop {
            // Acquire: pairs with Release in `wait_for_bubble`.
            let idle = self.idle_waiter.swap(ptr::null_mut(), Ordering::Acquire);
            if let Some(raw) = NonNull::new(idle) {
                // SAFETY: stored by `wait_for_bubble`, which is parked: it was active until its commit.
                let waiter = unsafe { Waiter::from_raw(raw) };
                // SAFETY: taken out once.
                return unsafe { waiter.ready() };
            }
            let alive = self.alive.load(Ordering::Acquire); // Acquire: pairs with AcqRel in `ended`.
            // Acquire: pairs with Release where the root ends.
            let root_ended = self.root_ended.load(Ordering::Acquire);
            let due = self.timers.earliest();
            if alive == 0 || root_ended || due == clock::NEVER {
                let outcome = match (alive, root_ended) {
                    (0, _) => DONE,
                    (_, true) => LEFT_BEHIND,
                    (_, false) => STUCK,
                };
                return self.end(outcome);
            }
            self.active.add(); // B3
            // Relaxed: only the settler writes.
            let now = due.max(self.now.load(Ordering::Relaxed));
            self.now.store(now, Ordering::Release); // Release: pairs with Acquire in `bubble_now`.
            self.timers.run_due(now, &mut |waiter| {
                // SAFETY: a timer passes each waiter once per park.
                unsafe { waiter.ready() };
            });
            if self.active.remove() == Left::Others {
                return;
            }
        }
    }

    fn end(&self, outcome: u8) {
        // Relaxed: published by the join word.
        self.outcome.store(outcome, Ordering::Relaxed);
        if let Finish::Ready(raw) = self.over.finish() {
            let word = NonNull::new(ptr::with_exposed_provenance_mut(raw));
            // SAFETY: registered in `bubble`.
            let waiter = unsafe { Waiter::from_raw(word.unwrap_or(NonNull::dangling())) };
            // SAFETY: taken out once.
            unsafe { waiter.ready() };
        }
    }
}

/// A goroutine of bubble `number` is about to run for the first time.
#[cold]
pub(crate) fn launched(number: u16) {
    if let Some(bubble) = get(number) {
        bubble.alive.fetch_add(1, Ordering::Relaxed); // Relaxed: its spawner is active until later.
        bubble.active.add();
    }
}

/// A goroutine of bubble `number` has ended.
#[cold]
pub(crate) fn ended(number: u16) {
    if let Some(bubble) = get(number) {
        bubble.alive.fetch_sub(1, Ordering::AcqRel); // AcqRel: pairs with Acquire in `settle`.
        bubble.deactivate();
    }
}

/// A goroutine of bubble `number` begins a durable wait: runs its commit.
#[cold]
pub(crate) fn block(number: u16, commit: impl FnOnce()) {
    let Some(bubble) = get(number) else { return commit() };
    bubble.left(bubble.active.block(commit));
}

/// A goroutine of bubble `number`, which waited durably, is about to be made runnable.
#[cold]
pub(crate) fn unblock(number: u16) {
    if let Some(bubble) = get(number) {
        bubble.active.add();
    }
}

/// The timers that a goroutine of bubble `number` uses.
pub(crate) fn timers_of(number: u16) -> Option<&'static Timers> {
    get(number).map(|bubble| bubble.timers)
}

/// Whether `g` waits durably, as its state says.
pub(crate) fn is_durable(header: &G) -> bool {
    header.bubble() != 0 && header.reason().is_durable()
}
