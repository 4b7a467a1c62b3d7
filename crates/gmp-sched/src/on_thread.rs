//! Goroutines that have a thread while a dump is made: those that run, were stopped, or block their thread.
//!
//! | the thread | its stack comes from |
//! |---|---|
//! | was stopped, waits for a P, or is in a blocking section | the registers that it left (`halted.rs`) |
//! | sleeps in the kernel in a call that it has not declared | the kernel, which tells where it sleeps (`sys::asleep`) |
//! | computes, or is about to | itself, in the signal handler (`photo.rs`) |
//!
//! Where the kernel does not tell, a thread that sleeps has no stack, unless its call may be ended by a signal.
//!
//! A goroutine may go on meanwhile; what is shown of it is of one moment all the same.

use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use crate::arena;
use crate::clock;
use crate::g::{G, GoId};
use crate::halted::Registers;
use crate::m::M;
use crate::photo::{Outcome, Sheet};
use crate::scheduler::Scheduler;
use crate::sync::plain::{AtomicBool, AtomicPtr, Ordering};
use crate::sys;

/// Words of a stack that are copied at most, from the innermost frame outwards: a hundred frames of a KiB and some.
pub(crate) const WORDS: usize = 16 << 10;
/// How long a thread may take to answer, in nanoseconds: it may wait for a CPU, and it may be in a critical section.
const PATIENCE: u64 = 100_000_000;
/// The same where the process ends with this dump, and how much longer all of them together may take.
const LAST_PATIENCE: u64 = 2_000_000_000;
const FOR_ALL: u64 = 10;
/// Looks at a sheet, 50 µs apart, before the thread is asked again: it may have been stopped, and been let go on since.
const ASK_AGAIN: u32 = 20;

/// A goroutine and the stack that it has on its thread.
#[derive(Debug)]
#[non_exhaustive]
pub struct OnThread<'a> {
    /// Its number.
    pub id: GoId,
    /// Its thread sleeps in the kernel, in a call that the runtime has not been told of.
    pub asleep: bool,
    /// Where it is; none if that could not be found out.
    pub at: Option<Registers>,
    /// Whether the frame pointer in `at` is its: not where the kernel has told the rest, which it does on x86-64.
    pub frame_pointer: bool,
    /// A copy of its stack from `at.sp` on.
    pub stack: &'a [u64],
}

/// What is on a sheet.
pub(crate) struct Content {
    g: GoId,
    at: Registers,
    len: usize,
    /// Room for [`WORDS`].
    words: *mut u64,
}

// SAFETY: the memory that it points to is its own.
unsafe impl Send for Content {}

/// Where an M finds what it is asked for.
pub(crate) type Slot = crate::photo::Slot<Content>;

/// All Ms of all runtimes, the newest first.
pub(crate) static ALL: AtomicPtr<M> = AtomicPtr::new(ptr::null_mut());

/// Adds an M, by its thread, when that has been counted; one whose thread the system has refused never comes here.
pub(crate) fn add(m: &'static M) {
    let mut newest = ALL.load(Ordering::Relaxed); // Relaxed: only its address is used before the exchange.
    loop {
        m.older.set(newest);
        // Release: pairs with Acquire in `for_each`; publishes the M and its link.
        let this = ptr::from_ref(m).cast_mut();
        match ALL.compare_exchange_weak(newest, this, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => newest = now,
        }
    }
}

/// Every M of `sched`, the newest first.
pub(crate) fn for_each(sched: &'static Scheduler, visit: &mut dyn FnMut(&'static M)) {
    // Acquire: pairs with Release in `add`.
    let mut at: *const M = ALL.load(Ordering::Acquire);
    // Those of runtimes before need not be gone through, unless a thread that is counted has not begun.
    // Relaxed: an M is counted before it is added, and the load above has seen those that it will find.
    let mut left = sched.threads.load(Ordering::Relaxed);
    // SAFETY: Ms are never freed.
    while let Some(m) = unsafe { at.as_ref() }.filter(|_| left > 0) {
        if ptr::eq(m.sched, sched) {
            visit(m);
            left -= 1;
        }
        at = m.older.get();
    }
}

/// The photographer's equipment: one for the process, used by one at a time.
struct Studio {
    busy: AtomicBool,
    sheet: Sheet<Content>,
}

fn studio() -> &'static Studio {
    static STUDIO: OnceLock<Studio> = OnceLock::new();
    STUDIO.get_or_init(|| Studio {
        busy: AtomicBool::new(false),
        sheet: Sheet::new(Content {
            g: GoId(0),
            at: Registers { pc: 0, sp: 0, fp: 0, lr: 0 },
            len: 0,
            words: arena::map(WORDS * size_of::<u64>()).cast().as_ptr(),
        }),
    })
}

/// The right to use the studio. Whoever has it allocates nothing and takes no lock that user code can hold: a goroutine that
/// was stopped with it may wait for who waits for the studio.
pub(crate) struct Session(&'static Studio);

impl Session {
    /// Waits for it. To be called before a freeze, not in one: whoever has the studio may need a runtime that goes on.
    pub(crate) fn begin() -> Session {
        let studio = studio();
        // Acquire: pairs with Release in `drop`.
        while studio.busy.swap(true, Ordering::Acquire) {
            sys::nap();
        }
        Session(studio)
    }

    /// What lies on the sheet, which is nobody else's now.
    fn content(&mut self) -> &mut Content {
        // SAFETY: this session's, and offered to nobody (callers see to that).
        unsafe { &mut *self.0.sheet.content() }
    }

    /// The stack of `m` at rest.
    fn copy_halted(&mut self, m: &M) -> bool {
        let Some((at, rest)) = m.halted.read() else { return false };
        // That of this rest, if it is still so in the end.
        let (Some(id), Some(words)) = (running(m), words_from(at.sp)) else { return false };
        let content = self.content();
        // SAFETY: room for that many words.
        let read = unsafe { sys::peek(at.sp, content.words.cast(), words * size_of::<u64>()) };
        (content.g, content.at, content.len) = (id, at, words);
        read && m.halted.still(rest)
    }

    /// The stack of `m` where it sleeps in the kernel.
    fn copy_asleep(&mut self, sched: &Scheduler, m: &M) -> bool {
        let Some(cpu) = sched.cpu_time(m) else { return false };
        // Relaxed: written before its first goroutine, which `seen_g` has seen (Acquire; `set_g` has Release); 0 finds nothing.
        let tid = m.tid.load(Ordering::Relaxed);
        let Some(asleep) = sys::asleep(tid) else { return false };
        let at = Registers { pc: asleep.pc, sp: asleep.sp, fp: 0, lr: 0 };
        let (Some(id), Some(words)) = (running(m), words_from(at.sp)) else { return false };
        let content = self.content();
        // SAFETY: room for that many words.
        let read = unsafe { sys::peek(at.sp, content.words.cast(), words * size_of::<u64>()) };
        (content.g, content.at, content.len) = (id, at, words);
        // It has slept ever since if its clock has stood still.
        read && sched.cpu_time(m) == Some(cpu)
    }

    /// The stack of `m` as its own thread sees it, or at rest, if it comes to rest before it looks.
    fn photograph(&mut self, sched: &Scheduler, m: &M, patience: u64) -> bool {
        let begun = clock::now();
        let in_time = || clock::now() - begun < patience;
        while in_time() {
            match self.ask(sched, m, &in_time) {
                Outcome::Taken => return true,
                Outcome::Blank if self.copy_halted(m) => return true,
                Outcome::Blank if !sched.can_signal(m) => return false,
                Outcome::Refused | Outcome::Blank => sys::nap(),
            }
        }
        false
    }

    /// Asks `m` until it has answered, is at rest, or the time is over. The sheet is the session's again.
    fn ask(&self, sched: &Scheduler, m: &M, in_time: &dyn Fn() -> bool) -> Outcome {
        let sheet = &self.0.sheet;
        m.photo.offer(sheet);
        for looks in 0_u32.. {
            let outcome = sheet.outcome();
            if outcome != Outcome::Blank {
                return outcome;
            }
            let asked = looks % ASK_AGAIN != 0 || sched.signal(m);
            if !asked || !in_time() || m.halted.read().is_some() {
                break;
            }
            sys::nap();
        }
        if m.photo.withdraw() {
            return Outcome::Blank;
        }
        // The thread copies right now, or has done so.
        loop {
            let outcome = sheet.outcome();
            if outcome != Outcome::Blank {
                return outcome;
            }
            sys::nap();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release); // Release: pairs with Acquire in `begin`.
    }
}

/// How many words of the stack that `sp` lies in are copied; none if it is no stack of ours.
fn words_from(sp: usize) -> Option<usize> {
    let stack = gmp_context::stack_around(sp)?;
    Some(((stack.end - sp) / size_of::<u64>()).min(WORDS))
}

/// In the signal handler: fills the sheet, if one was offered. Async-signal-safe.
pub(crate) fn pose(m: &M, at: &Registers) {
    // SAFETY: there is one sheet, which is never freed.
    let Some(sheet) = (unsafe { m.photo.take() }) else { return };
    sheet.fill(|content| {
        let Some((g, words)) = m.g().zip(words_from(at.sp)) else { return false };
        // SAFETY: taken out of the slot: this thread's until it is filled.
        let content = unsafe { &mut *content };
        // SAFETY: the goroutine that this thread runs.
        let id = unsafe { g.as_ref() }.id();
        (content.g, content.at, content.len) = (id, *at, words);
        // By the kernel: a sanitizer would object to reading between the variables of a stack.
        // SAFETY: the sheet has room.
        unsafe { sys::peek(at.sp, content.words.cast(), words * size_of::<u64>()) }
    });
}

/// Shows the stacks of all goroutines of `sched` that have a thread. `interrupt` says that a system call in which a
/// thread sleeps may be ended by a signal, where the kernel does not tell its stack. Blocks the thread; allocates nothing.
pub(crate) fn visit_all(
    sched: &'static Scheduler,
    interrupt: bool,
    session: &mut Session,
    visit: &mut dyn FnMut(&OnThread<'_>),
) {
    let begun = clock::now();
    let patience = if interrupt { LAST_PATIENCE } else { PATIENCE };
    for_each(sched, &mut |m| {
        let Some(id) = running(m) else { return };
        let left = (FOR_ALL * patience).saturating_sub(clock::now() - begun);
        show(sched, m, id, interrupt, left.min(patience), session, visit);
    });
}

/// Shows the stack of the goroutine that `m` runs, as [`visit_all`] does; `visit` must not allocate or take a lock that user
/// code can hold.
pub(crate) fn visit_one(
    sched: &'static Scheduler,
    m: &'static M,
    visit: &mut dyn FnMut(&OnThread<'_>),
) {
    if let Some(id) = running(m) {
        show(sched, m, id, false, PATIENCE, &mut Session::begin(), visit);
    }
}

fn show(
    sched: &'static Scheduler,
    m: &'static M,
    id: GoId,
    interrupt: bool,
    patience: u64,
    session: &mut Session,
    visit: &mut dyn FnMut(&OnThread<'_>),
) {
    let mut frame_pointer = true;
    let (known, asleep) = if session.copy_halted(m) {
        (true, false)
    } else if session.copy_asleep(sched, m) {
        frame_pointer = false;
        (true, true)
    } else {
        let asleep = sched.is_asleep(m);
        let photographed = (interrupt || !asleep) && session.photograph(sched, m, patience);
        // It may have come to rest meanwhile.
        (photographed || session.copy_halted(m), asleep)
    };
    if !known {
        return visit(&OnThread { id, asleep, at: None, frame_pointer, stack: &[] });
    }
    let Content { g, at, len, words } = *session.content();
    // SAFETY: filled, and nobody else's before the next call.
    let stack = unsafe { std::slice::from_raw_parts(words, len) };
    visit(&OnThread { id: g, asleep, at: Some(at), frame_pointer, stack });
}

/// The goroutine that `m` runs, as another thread sees it.
pub(crate) fn running(m: &M) -> Option<GoId> {
    let g: NonNull<G> = m.seen_g()?;
    // SAFETY: slots are never freed.
    unsafe { G::describe(g) }.map(|seen| seen.id)
}
