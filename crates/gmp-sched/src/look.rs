//! The monitor's look at one P: who holds it, what does that thread do, and what is to be done about it.
//!
//! Nothing is done for a P that nobody waits for. Else it depends on the thread that holds it:
//!
//! | the thread | seen by | what happens |
//! |---|---|---|
//! | is in a declared blocking section | the P's lease | the P is taken (`blocking.rs`, B2) |
//! | comes by the scheduler | goroutines dispatched | it is asked to give way, if anything |
//! | sleeps in the kernel | its CPU clock stands still, the kernel says so | the P is taken (`retake.md`) |
//! | is ready, and gets no CPU | its CPU clock stands still | nothing: it is not in the way of anybody here |
//! | computes | its CPU clock advances | it is asked, then stopped (`preempt.rs`, `awake.rs`) |
//!
//! A timer that is due, or a ready descriptor that nobody looks at, does not wait as long as the others: for that a thread sleeps if it is asleep at the
//! moment; and one that has had its P for 200 µs loses it as a sleeper does, if it is ready and gets no CPU, or can be stopped at
//! a clock tick only. Until then it computes without a P, like one that has woken (`lost.rs`); if as many do as there are Ps, the
//! tick decides.
//!
//! Whatever the thread does, once nobody has been dispatched for long what waits with the P is moved (`desert.rs`).
//!
//! Slices are of CPU time, so that a goroutine is not taken for a hog because other processes kept it from running.

use crate::awake::Answer;
use crate::clock::{self, NEVER};
use crate::desert;
use crate::lease;
use crate::lost::{self, LostThreads};
use crate::m::M;
use crate::p::P;
use crate::scheduler::Scheduler;
use crate::sync::plain::Ordering;

/// How often it looks when something is: a blocked P, a waiting goroutine, an unanswered request.
const ALERT: u64 = 100_000;
/// How far apart two readings of a CPU clock are that say that it stands still. One that runs advances by nanoseconds;
/// this leaves room for an interrupt.
const STILL: u64 = 20_000;
/// When it looks again after a signal: a hundred times what one takes. Sooner, the monitor would use so much of the CPU
/// that the kernel makes it wait.
const UNANSWERED: u64 = 400_000;
/// A thread that gets no CPU is looked at after 100 µs, then after twice as long, this often.
const MOST_PUT_OFF: u32 = 4;
/// A blocking section shorter than this keeps its P: twice what a hand-over costs (Go: 20 µs).
const BLOCKED_FOR: u64 = 40_000;
/// A blocked P that nobody misses is taken after this, so that it can serve work that comes from outside.
const BLOCKED_AND_UNMISSED: u64 = 1_000_000;
/// What urgent work concedes to the goroutine that runs: more often would be spent on switching alone.
const URGENT_AFTER: u64 = 200_000;

/// What the monitor saw of a P when it looked last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// The number of the M that held it, whose thread's clock is read.
    holder: usize,
    tick: u32,
    /// When this tick was first seen; 0 when the P had no holder.
    since: u64,
    switches: u64,
    /// When a goroutine was last seen to be dispatched, or nobody to wait.
    moved: u64,
    lease: lease::Seen,
    lease_since: u64,
    /// The CPU clock of the holder's thread at the beginning of the slice, and when it was read; the same at the last look, but when that began.
    first: u64,
    first_at: u64,
    cpu: u64,
    read_at: u64,
    /// It was asked to give way in this slice.
    asked: bool,
    /// In this slice those who waited were left to a searcher at the last look.
    left: bool,
    /// Looks in a row at which the thread had got no CPU.
    put_off: u32,
}

/// Who waits beside the Ps' own queues.
#[derive(Debug)]
pub(crate) struct Need {
    /// A P idles: whoever waits is served there, and no goroutine has to give way.
    pub(crate) idle: bool,
    /// Somebody waits in the queues that belong to no P.
    pub(crate) missed: bool,
    /// An M looks for work, or is waking up to do so.
    pub(crate) searched: bool,
    /// That many Ps are wanted at once.
    pub(crate) urgent: usize,
}

impl Need {
    /// One P less is wanted at once, if this one was `pressed`.
    fn served(&mut self, pressed: bool) {
        self.urgent = self.urgent.saturating_sub(usize::from(pressed));
    }
}

/// Looks at one P; returns when to look again: also when its next timer becomes due, which makes it urgent.
pub(crate) fn look(
    sched: &'static Scheduler,
    p: &'static P,
    seen: &mut Seen,
    now: u64,
    need: &mut Need,
    lost: &mut LostThreads,
) -> u64 {
    let again = look_at_holder(sched, p, seen, now, need, lost);
    let due = p.timers.earliest();
    if due > now && again != NEVER { again.min(due) } else { again }
}

fn look_at_holder(
    sched: &'static Scheduler,
    p: &'static P,
    seen: &mut Seen,
    now: u64,
    need: &mut Need,
    lost: &mut LostThreads,
) -> u64 {
    // Acquire: pairs with Release in `M::set_p`.
    // SAFETY: Ms are never freed.
    let m = unsafe { p.m.load(Ordering::Acquire).as_ref() };
    let Some(m) = m else {
        *seen = Seen::default();
        sched.set_deserted(p, false);
        return NEVER;
    };
    let lease = p.lease.look();
    if lease != seen.lease {
        (seen.lease, seen.lease_since) = (lease, now);
    }
    if lease.is_takeable() {
        return look_blocked(sched, p, m, seen, now, need.missed);
    }
    let before = *seen;
    let (cpu, read_at) = (sched.cpu_time(m), clock::now());
    seen.read(sched, p, m, cpu, (now, read_at));
    let due = p.timers.earliest();
    let pressed = !need.idle && (need.urgent > 0 || due <= now);
    let missed = !need.idle && (need.missed || p.has_work());
    if !(pressed || missed || p.index >= sched.procs()) {
        // Nobody has been waiting until now.
        (seen.moved, seen.left) = (now, false);
        return due;
    }
    if pressed {
        // The cheap way costs nobody anything.
        p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request.
    }
    if seen.switches != before.switches {
        // It comes by and looks. A pair that plays ping-pong shares a slice.
        if now - seen.since >= sched.slice {
            p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request.
        }
        need.served(pressed);
        return if pressed { now + ALERT } else { seen.since + sched.slice };
    }
    let deserted = now - seen.moved >= desert::SLICES * sched.slice && sched.procs() > 1;
    sched.set_deserted(p, deserted);
    if deserted && p.has_work() {
        sched.clear_out(p);
    }
    let still = cpu.is_some() && seen.cpu == before.cpu && seen.holder == before.holder;
    if still && now - before.read_at < STILL {
        (seen.cpu, seen.read_at) = (before.cpu, before.read_at);
        return before.read_at + STILL;
    }
    let wall = now - seen.since;
    let used = if cpu.is_some() { seen.cpu.saturating_sub(seen.first) } else { wall };
    let computes = cpu.is_some() && (read_at - seen.first_at).saturating_sub(used) < STILL;
    // Whoever is wanted at once does not wait until one that sleeps now has slept for a while; and a goroutine that is ready
    // is then like one that computes. A hog that has had a CPU all the time until now has it no more because the monitor runs there.
    let hog = computes && sched.is_known_hog(m);
    let off = still || pressed && !hog && sched.is_off_cpu(m, cpu);
    if off {
        let asleep = sched.is_asleep(m);
        let put_off = still && !asleep && (!pressed || m.hold.is_seen_critical());
        if put_off && (due <= now || m.is_in_long_use() || sched.tied.len() > 0) {
            // The kernel looks for an idle CPU when a thread wakes, on few CPUs not even then, and later only at its ticks.
            // Not where nobody computes: a server whose client keeps it from a CPU of the same machine would be moved a
            // hundred times a second, and serve 4 % fewer requests.
            m.move_away();
        }
        if asleep {
            if take(sched, p, m, lost, now, (pressed, false)) {
                need.served(pressed);
            }
            // When others have the P: it takes longer than the rest of the look.
            sched.note_sleep(m, seen.cpu);
        }
        if still && (asleep || put_off) {
            (seen.cpu, seen.read_at) = (before.cpu, before.read_at);
            seen.put_off += 1;
        }
        if asleep || put_off {
            return now + ((ALERT / 2) << seen.put_off.min(MOST_PUT_OFF));
        }
    }
    seen.put_off = 0;
    let limit = if pressed { URGENT_AFTER.min(sched.slice) } else { sched.slice };
    // Whoever gets no CPU anyway loses nothing.
    let had = if pressed && off { wall } else { used };
    if had < limit {
        return now + limit - had;
    }
    // Between `go` and the start on a P that idled. Whoever has been woken for it may wait for this CPU, and asking a goroutine
    // to stop takes longer than the wake-up. A searcher that the kernel has put off its CPU is found out at the next look.
    if need.searched && !pressed && !std::mem::replace(&mut seen.left, true) {
        return due;
    }
    p.preempt.store(true, Ordering::Relaxed); // Relaxed: a request; the signal orders what matters.
    let asked = std::mem::replace(&mut seen.asked, true);
    if !(pressed || asked) {
        return now + ALERT;
    }
    if !deserted {
        need.served(pressed);
    }
    if !sched.config.preempt.is_some_and(|preempt| preempt.can_stop()) {
        if pressed && off && sched.lists.lock().has_m() {
            take(sched, p, m, lost, now, (pressed, true));
        }
        return now + ALERT;
    }
    let answer = sched.stop(m, hog);
    // Who is off its CPU because the monitor runs there serves the signal in a moment, and its spare wakes in the right place.
    let off_still = answer == Answer::Now && sched.is_off_cpu(m, cpu);
    let unreached = match answer {
        Answer::Now => off_still && still && now - before.read_at >= ALERT,
        Answer::Later => lost.computing() < sched.procs(),
        Answer::Asleep => true,
        Answer::Unknown | Answer::Never => false,
    };
    // Whoever is wanted at once cannot wait for a clock tick. Until that comes those who have lost their P compute as well: as
    // many as there are Ps at most, and if there are as many the tick decides.
    let takes = pressed && unreached && sched.has_stand_by(m);
    if takes && take(sched, p, m, lost, now, (pressed, answer != Answer::Asleep)) {
        return now + ALERT;
    }
    now + match answer {
        Answer::Now if !off_still => UNANSWERED,
        Answer::Now | Answer::Later | Answer::Unknown | Answer::Never => ALERT,
        Answer::Asleep => STILL,
    }
}

impl Seen {
    /// Takes the readings of this look; another holder, or another slice, begins anew.
    fn read(
        &mut self,
        sched: &'static Scheduler,
        p: &P,
        m: &'static M,
        cpu: Option<u64>,
        (now, read_at): (u64, u64),
    ) {
        // Relaxed: compared only.
        let tick = p.tick.load(Ordering::Relaxed);
        let begins = tick != self.tick || self.since == 0 || self.holder != m.id;
        (self.cpu, self.read_at, self.holder) = (cpu.unwrap_or(0), now, m.id);
        let switches = p.counters.switches.get();
        if begins || switches != self.switches {
            (self.switches, self.moved) = (switches, now);
            sched.set_deserted(p, false);
        }
        if begins {
            sched.reclaim_spare(m);
            (self.tick, self.since, self.first, self.first_at) = (tick, now, self.cpu, read_at);
            (self.asked, self.left, self.put_off) = (false, false, 0);
        }
    }
}

/// A P that was taken from a sleeper goes to the oldest of those that were stopped: it may hold what the sleeper waits
/// for (`preempt.rs`, H6). Unless a timer is due: then to whoever runs that.
pub(crate) fn lend(sched: &'static Scheduler, p: &'static P, pressed: bool) {
    let oldest = if pressed { None } else { sched.tied.oldest() };
    // SAFETY: in the queue, so alive.
    let thread = oldest.and_then(|g| unsafe { g.as_ref() }.tied().map(|thread| (g, thread)));
    let Some((g, thread)) = thread else { return sched.pass_on(p, true) };
    p.begin_slice();
    p.counters.switches.bump();
    sched.pass_to(p, g, thread, false);
}

/// Takes `p` from `m` without its thread's knowledge (`retake.md`), which `computes` or sleeps; false if that is about to call the
/// runtime.
fn take(
    sched: &'static Scheduler,
    p: &'static P,
    m: &'static M,
    lost: &mut LostThreads,
    now: u64,
    (pressed, computes): (bool, bool),
) -> bool {
    let cpu = sched.cpu_time(m).unwrap_or(0);
    if !sched.monitor.may_retake(sched) || !lost::retake(sched, m, p) {
        return false;
    }
    lost.add(m, cpu, now, computes);
    lend(sched, p, pressed);
    true
}

/// A P whose holder is in a blocking section.
fn look_blocked(
    sched: &'static Scheduler,
    p: &'static P,
    m: &'static M,
    seen: &Seen,
    now: u64,
    missed: bool,
) -> u64 {
    let blocked = now - seen.lease_since;
    let wanted = missed || p.has_work() || p.timers.earliest() <= now;
    if blocked < if wanted { BLOCKED_FOR } else { BLOCKED_AND_UNMISSED } {
        return now + ALERT;
    }
    // AcqRel: counted before the P can be seen idle, for the deadlock detector.
    sched.blocked.fetch_add(1, Ordering::AcqRel);
    if !p.lease.retake(seen.lease) {
        sched.blocked.fetch_sub(1, Ordering::AcqRel); // AcqRel: as above.
        return now + ALERT;
    }
    p.counters.handoffs.bump();
    sched.reclaim_spare(m);
    sched.pass_on(p, wanted);
    now + ALERT
}
