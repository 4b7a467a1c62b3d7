//! Feature `metrics`: the runtime's figures for the `metrics` ecosystem.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `gmp_goroutines` | gauge | `state` | goroutines by what they do, in the words of dumps |
//! | `gmp_threads` | gauge | `state`: `all`, `idle` | threads of the runtime |
//! | `gmp_procs` | gauge | `state`: `all`, `idle` | processors in use |
//! | `gmp_run_queue` | gauge | `queue`: `global`, `local` | goroutines that wait to run |
//! | `gmp_stacks`, `gmp_stack_bytes_reserved` | gauge | – | stacks in use; address space of all |
//! | `gmp_run_latency_seconds` | gauge | `quantile`: `0.5`, `0.99` | how long goroutines were runnable before they ran, since the start, rounded up to a power of two of a nanosecond |
//! | `gmp_spawned_total`, `gmp_finished_total` | counter | – | goroutines |
//! | `gmp_switches_total`, `gmp_parks_total` | counter | – | times a goroutine went on, gave way |
//! | `gmp_steals_total` | counter | – | times something was taken from another processor |
//! | `gmp_polls_total`, `gmp_timers_total` | counter | – | polls of descriptors; timers that fired |
//! | `gmp_handoffs_total` | counter | `kind`: `declared`, `noticed` | processors taken from who blocks |
//! | `gmp_preemptions_total` | counter | `kind`: `call`, `signal` | goroutines that were made to give way |

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use gmp_sched::Metrics;
use metrics::{counter, gauge};

/// States that were exported once: they go to zero, and do not stay at what they were.
static STATES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// Passes the figures of [`metrics`](super::metrics) on to the recorder of the `metrics` crate, under the names that the
/// documentation of the feature lists. To be called as often as they are wanted, from a goroutine with a ticker, say. False
/// when no runtime runs. Allocates; takes locks of the recorder; does not park.
pub fn export_metrics() -> bool {
    let Some(m) = gmp_sched::try_metrics() else { return false };
    let number = |n: usize| n as f64;
    // A copy: what the recorder does may take its time, or come back here.
    for state in states_with(&m) {
        let n = m.states.iter().find(|s| s.0 == state).map_or(0, |s| s.1);
        gauge!("gmp_goroutines", "state" => state).set(number(n));
    }
    gauge!("gmp_threads", "state" => "all").set(number(m.threads));
    gauge!("gmp_threads", "state" => "idle").set(number(m.idle_threads));
    gauge!("gmp_procs", "state" => "all").set(number(m.queues.len()));
    gauge!("gmp_procs", "state" => "idle").set(number(m.idle_procs));
    gauge!("gmp_run_queue", "queue" => "global").set(number(m.global_queue));
    gauge!("gmp_run_queue", "queue" => "local").set(number(m.queues.iter().sum()));
    gauge!("gmp_stacks").set(number(m.stacks));
    gauge!("gmp_stack_bytes_reserved").set(number(m.stack_bytes_reserved));
    for (label, share) in [("0.5", 0.5), ("0.99", 0.99)] {
        gauge!("gmp_run_latency_seconds", "quantile" => label).set(m.latency(share).as_secs_f64());
    }
    let t = &m.total;
    counter!("gmp_spawned_total").absolute(t.spawned);
    counter!("gmp_finished_total").absolute(t.finished);
    counter!("gmp_switches_total").absolute(t.switches);
    counter!("gmp_parks_total").absolute(t.parks);
    counter!("gmp_steals_total").absolute(t.steals);
    counter!("gmp_polls_total").absolute(t.polls);
    counter!("gmp_timers_total").absolute(t.timers);
    counter!("gmp_handoffs_total", "kind" => "declared").absolute(t.handoffs);
    counter!("gmp_handoffs_total", "kind" => "noticed").absolute(t.retaken);
    counter!("gmp_preemptions_total", "kind" => "call").absolute(t.preempted_at_call);
    counter!("gmp_preemptions_total", "kind" => "signal").absolute(t.preempted_by_signal);
    true
}

/// All states that were ever exported, those of `m` included.
fn states_with(m: &Metrics) -> Vec<&'static str> {
    let mut states = STATES.lock().unwrap_or_else(PoisonError::into_inner);
    let states = states.get_or_insert_with(HashSet::new);
    states.extend(m.states.iter().map(|s| s.0));
    states.iter().copied().collect()
}
