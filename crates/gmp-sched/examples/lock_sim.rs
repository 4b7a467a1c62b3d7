//! Simulates cores that do nothing but take one spinning lock, on machines that have more of them than this one.
//!
//! Only what decides is simulated. A cache line that is elsewhere takes a while to come, and the lock's line is passed on
//! to one core at a time; whoever has taken the lock needs three more lines, which are where the last holder was. The
//! policies are the one that `lock.rs` had, pauses that do not depend on how many wait, and the one that it has, pauses in
//! proportion to that; both with the longer pauses of `lock_in_turns`.

#![expect(clippy::print_stdout, reason = "its result")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// All times are in nanoseconds, as far as they were measured where `lock.rs` was tuned.
const SECTION: u64 = 10;
const OUTSIDE: u64 = 8;
const DATA_LINES: u64 = 3;
const PAUSES: u64 = 1_500;
/// Before the CPU is yielded, in multiples of the first pause.
const SPIN_FIRSTS: u64 = 15;
const MOST_AWAY: u64 = 64;
const LOOK: u64 = 22;
const LOOKS: u32 = 16;
const YIELD: u64 = 400;
const YIELDS: u32 = 64;
const NAP: u64 = 50_000;
const END: u64 = 3_000_000;

/// What a core does next.
#[derive(Clone, Copy)]
enum Step {
    Want,
    /// `left`: first pauses to come before the CPU is yielded.
    Look {
        round: u32,
        left: u64,
        looks: u32,
    },
    Yield {
        yields: u32,
        looks: u32,
    },
    Release,
}

struct Machine {
    /// What a line costs that is elsewhere.
    line: u64,
    proportional: bool,
    events: BinaryHeap<Reverse<(u64, usize)>>,
    steps: Vec<Step>,
    since: Vec<u64>,
    taken: bool,
    away: u64,
    /// Who may write the lock's line, and who has a copy.
    owner: Option<usize>,
    sharers: Vec<bool>,
    line_busy_until: u64,
    data_at: Option<usize>,
    sections: u64,
    longest: u64,
    random: u64,
}

impl Machine {
    fn new(cores: usize, line: u64, proportional: bool) -> Machine {
        Machine {
            line,
            proportional,
            events: (0..cores).map(|core| Reverse((37 * core as u64, core))).collect(),
            steps: vec![Step::Want; cores],
            since: vec![0; cores],
            taken: false,
            away: 0,
            owner: None,
            sharers: vec![false; cores],
            line_busy_until: 0,
            data_at: None,
            sections: 0,
            longest: 0,
            random: 0x1234_5678,
        }
    }

    /// `mean`, a tenth more or less: no two cores are in step.
    fn about(&mut self, mean: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        mean * 9 / 10 + self.random % (mean / 5 + 1)
    }

    /// When `core`, which wants the lock's line at `now`, has it.
    fn fetch(&mut self, core: usize, now: u64, to_write: bool) -> u64 {
        let here = self.owner == Some(core) || (!to_write && self.sharers[core]);
        if here {
            return now + if to_write { 5 } else { 1 };
        }
        self.line_busy_until = now.max(self.line_busy_until) + self.line;
        self.owner = to_write.then_some(core);
        if to_write {
            self.sharers.fill(false);
        }
        self.sharers[core] = true;
        self.line_busy_until
    }

    /// Takes the lock if it is free; when that is decided, and whether.
    fn try_take(&mut self, core: usize, now: u64) -> (u64, bool) {
        let at = self.fetch(core, now, true);
        let free = !std::mem::replace(&mut self.taken, true);
        if free {
            let moved = if self.data_at == Some(core) { 0 } else { DATA_LINES * self.line };
            self.data_at = Some(core);
            self.next(core, at + moved + SECTION, Step::Release);
        }
        (at, free)
    }

    fn next(&mut self, core: usize, at: u64, step: Step) {
        self.steps[core] = step;
        self.events.push(Reverse((at, core)));
    }

    /// A look by somebody who waits: when it is over, unless it has led to the lock.
    fn look(&mut self, core: usize, now: u64) -> Option<u64> {
        let mut at = self.fetch(core, now, false);
        if !self.taken {
            let (later, got) = self.try_take(core, at);
            if got {
                self.away -= 1;
                self.longest = self.longest.max(later - self.since[core]);
                return None;
            }
            at = later;
        }
        Some(at)
    }

    /// How many first pauses the wait of this round is long.
    fn firsts(&self, round: u32) -> u64 {
        let others = if self.proportional { self.away.min(MOST_AWAY) } else { 1 };
        others << round
    }

    /// The wait of `round`, after which it looks, as `Patience::wait` says.
    fn wait(&mut self, core: usize, now: u64, round: u32, left: u64) {
        let firsts = self.firsts(round);
        let pause = self.about(PAUSES * firsts);
        let left = left.saturating_sub(firsts);
        self.next(core, now + pause, Step::Look { round: round + 1, left, looks: 0 });
    }

    fn step(&mut self, core: usize, now: u64) {
        match self.steps[core] {
            Step::Want => {
                self.since[core] = now;
                let (at, got) = self.try_take(core, now);
                if !got {
                    self.away += 1;
                    self.wait(core, at, 0, SPIN_FIRSTS);
                }
            }
            Step::Look { round, left, looks } => {
                let Some(at) = self.look(core, now) else { return };
                if looks < LOOKS {
                    self.next(core, at + LOOK, Step::Look { round, left, looks: looks + 1 });
                } else if left > 0 {
                    self.wait(core, at, round, left);
                } else {
                    self.next(core, at + YIELD, Step::Yield { yields: 0, looks: 0 });
                }
            }
            Step::Yield { yields, looks } => {
                let Some(at) = self.look(core, now) else { return };
                if looks > 0 {
                    return self.next(core, at + LOOK, Step::Yield { yields, looks: looks - 1 });
                }
                // Nobody else wants the CPU: each yield is in vain.
                let (pause, looks) = match yields {
                    YIELDS.. => (NAP, 0),
                    _ if self.proportional && self.away > 1 => {
                        let firsts = self.firsts(0);
                        (YIELD + self.about(PAUSES * firsts), LOOKS)
                    }
                    _ => (YIELD, 0),
                };
                self.next(core, at + pause, Step::Yield { yields: yields + 1, looks });
            }
            Step::Release => {
                let at = self.fetch(core, now, true);
                self.taken = false;
                self.sections += 1;
                let outside = self.about(OUTSIDE);
                self.next(core, at + outside, Step::Want);
            }
        }
    }

    /// Nanoseconds per section of all cores together, and the longest wait.
    fn run(mut self) -> (u64, u64) {
        while let Some(Reverse((now, core))) = self.events.pop() {
            if now > END {
                break;
            }
            self.step(core, now);
        }
        (END / self.sections.max(1), self.longest)
    }
}

fn main() {
    println!("ns per section (longest wait in µs)");
    for line in [60, 100] {
        for cores in [1, 2, 4, 8, 16, 32] {
            let [fixed, proportional] =
                [false, true].map(|proportional| Machine::new(cores, line, proportional).run());
            println!(
                "a line costs {line:3}, {cores:2} cores: fixed pauses {:4} ({:4}), in proportion {:3} ({:3})",
                fixed.0,
                fixed.1 / 1_000,
                proportional.0,
                proportional.1 / 1_000
            );
        }
    }
}
