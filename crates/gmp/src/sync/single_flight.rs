//! `SingleFlight`: callers that want the same thing at the same time share one computation of it.
//!
//! Go's `singleflight` in Rust's types: against a crowd that asks for a missing cache entry all at once.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::condvar::Condvar;
use super::mutex::Mutex;

/// Runs one function per key at a time, and gives its value to everybody who asked meanwhile.
///
/// ```
/// let flights = gmp::sync::SingleFlight::new();
/// let (page, shared) = flights.run("index", || "<html>".to_string());
/// assert_eq!((page.as_str(), shared), ("<html>", false));
/// ```
pub struct SingleFlight<K, V> {
    flights: Mutex<HashMap<Arc<K>, Arc<Flight<V>>>>,
}

/// One computation in progress.
struct Flight<V> {
    state: Mutex<State<V>>,
    landed: Condvar,
}

struct State<V> {
    /// Callers that wait for this flight, or have.
    passengers: usize,
    outcome: Outcome<V>,
}

enum Outcome<V> {
    Pending,
    Value(V),
    /// The function has panicked, or ended its goroutine.
    Lost,
}

impl<K: Hash + Eq, V: Clone> SingleFlight<K, V> {
    /// Nothing is in progress.
    pub fn new() -> SingleFlight<K, V> {
        SingleFlight { flights: Mutex::new(HashMap::new()) }
    }

    /// The value for `key`: of `f`, or, if another call with this key is in progress, of that call. The
    /// flag tells whether the value went to more than one caller. Nothing is kept after that.
    ///
    /// When `f` panics, the panic is its caller's; those who waited for it run their own `f`.
    ///
    /// Parks the goroutine, blocks a plain thread, while another call is in progress. An `f` that asks for
    /// its own key waits for itself.
    pub fn run(&self, key: K, f: impl FnOnce() -> V) -> (V, bool) {
        let key = Arc::new(key);
        let flight = loop {
            let mut flights = self.flights.lock();
            let Some(other) = flights.get(&*key).map(Arc::clone) else {
                let flight = Arc::new(Flight::new());
                flights.insert(Arc::clone(&key), Arc::clone(&flight));
                break flight;
            };
            // While the map is locked, so that the pilot counts it.
            other.state.lock().passengers += 1;
            drop(flights);
            if let Some(value) = other.join() {
                return (value, true);
            }
        };
        let pilot = Pilot { group: self, key: &key, flight: &flight };
        let value = f();
        let copy = value.clone();
        let shared = pilot.land(copy);
        (value, shared)
    }

    /// Lets the next call with this key run its function, also while one is in progress. Neither parks nor
    /// blocks for long.
    pub fn forget(&self, key: &K) {
        let forgotten = self.flights.lock().remove(key);
        drop(forgotten);
    }
}

impl<V: Clone> Flight<V> {
    fn new() -> Flight<V> {
        let state = State { passengers: 0, outcome: Outcome::Pending };
        Flight { state: Mutex::new(state), landed: Condvar::new() }
    }

    /// Waits for the end; `None` when the flight was lost.
    fn join(&self) -> Option<V> {
        let mut state = self.state.lock();
        loop {
            match &state.outcome {
                Outcome::Pending => self.landed.wait(&mut state),
                Outcome::Value(value) => return Some(value.clone()),
                Outcome::Lost => return None,
            }
        }
    }
}

/// The caller whose function runs. If it unwinds, the flight is lost.
struct Pilot<'a, K: Hash + Eq, V> {
    group: &'a SingleFlight<K, V>,
    key: &'a K,
    flight: &'a Arc<Flight<V>>,
}

impl<K: Hash + Eq, V> Pilot<'_, K, V> {
    /// Ends the flight with a value; returns whether anybody else gets it.
    fn land(self, value: V) -> bool {
        self.end(Outcome::Value(value))
    }

    fn end(&self, outcome: Outcome<V>) -> bool {
        let mut flights = self.group.flights.lock();
        // Somebody may have forgotten this flight, and another may be under way.
        let ours = flights.get(self.key).is_some_and(|flight| Arc::ptr_eq(flight, self.flight));
        let removed = if ours { flights.remove_entry(self.key) } else { None };
        drop(flights);
        drop(removed);
        let mut state = self.flight.state.lock();
        if matches!(state.outcome, Outcome::Pending) {
            state.outcome = outcome;
        }
        let shared = state.passengers > 0;
        drop(state);
        self.flight.landed.notify_all();
        shared
    }
}

impl<K: Hash + Eq, V> Drop for Pilot<'_, K, V> {
    fn drop(&mut self) {
        let landed = !matches!(self.flight.state.lock().outcome, Outcome::Pending);
        if !landed {
            self.end(Outcome::Lost);
        }
    }
}

impl<K: Hash + Eq, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> SingleFlight<K, V> {
        SingleFlight::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("SingleFlight");
        if let Some(flights) = self.flights.try_lock() {
            out.field("in_flight", &flights.len());
        }
        out.finish_non_exhaustive()
    }
}
