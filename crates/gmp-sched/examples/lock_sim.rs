//! Simulates cores that do nothing but take one spinning lock, on machines that have more of them than this one.
//!
//! Only what decides is simulated. A cache line that is elsewhere takes a while to come, and the lock's line is passed on
//! to one core at a time; whoever has taken the lock needs three more lines, which are where the last holder was. The
//! policies are the one that `lock.rs` had, pauses that do not depend on how many wait, and the one that it has, pauses in
//! proportion to that; both with the longer pauses of those who take turns.

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
    /// `looks`: how many follow without another wait, as long as it finds the lock taken.
    Look {
        patience: Patience,
        looks: u32,
    },
    Release,
}

/// As in `lock.rs`, but for `left`, which counts first pauses.
#[derive(Clone, Copy)]
struct Patience {
    round: u32,
    left: u64,
    yields: u32,
}

/// What a look at the lock has led to, and when.
enum Look {
    Got,
    Taken(u64),
    /// It was free, and somebody else was faster.
    Missed(u64),
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

    /// A look by somebody who stays away: it takes the lock if that is free.
    fn look(&mut self, core: usize, now: u64) -> Look {
        let at = self.fetch(core, now, false);
        if self.taken {
            return Look::Taken(at);
        }
        let (at, got) = self.try_take(core, at);
        if !got {
            return Look::Missed(at);
        }
        self.away -= 1;
        self.longest = self.longest.max(at - self.since[core]);
        Look::Got
    }

    /// Waits for the next look, as `Patience::wait` does.
    fn wait(&mut self, core: usize, now: u64, mut patience: Patience) {
        let others = if self.proportional { self.away.min(MOST_AWAY) } else { 1 };
        let (pause, looks) = if patience.left > 0 {
            let firsts = others << patience.round;
            patience.round += 1;
            patience.left = patience.left.saturating_sub(firsts);
            (self.about(PAUSES * firsts), LOOKS)
        } else {
            patience.yields += 1;
            match patience.yields {
                yields if yields > YIELDS => (NAP, 0),
                _ if !self.proportional || others == 1 => (YIELD, 0),
                // Nobody else wants the CPU: each yield is in vain.
                _ => (YIELD + self.about(PAUSES * others), LOOKS),
            }
        };
        self.next(core, now + pause, Step::Look { patience, looks });
    }

    fn step(&mut self, core: usize, now: u64) {
        match self.steps[core] {
            Step::Want => {
                self.since[core] = now;
                let (at, got) = self.try_take(core, now);
                if !got {
                    self.away += 1;
                    let patience = Patience { round: 0, left: SPIN_FIRSTS, yields: 0 };
                    self.next(core, at, Step::Look { patience, looks: 0 });
                }
            }
            Step::Look { patience, looks } => match self.look(core, now) {
                Look::Got => {}
                Look::Taken(at) if looks > 0 => {
                    self.next(core, at + LOOK, Step::Look { patience, looks: looks - 1 });
                }
                Look::Taken(at) | Look::Missed(at) => self.wait(core, at, patience),
            },
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
