//! Feature `metrics`: the runtime's figures arrive at a recorder under their names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Keeps what it is given, by name and labels.
#[derive(Default)]
struct Kept(Mutex<HashMap<String, Arc<AtomicU64>>>);

impl Kept {
    fn place(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        self.0.lock().unwrap().entry(name).or_default().clone()
    }

    fn bits(&self, name: &str) -> u64 {
        let all = self.0.lock().unwrap();
        all.get(name).unwrap_or_else(|| panic!("{name}: {all:?}")).load(Ordering::Relaxed)
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.bits(name))
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.place(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.place(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn export(kept: &Kept) {
    // Does not park: the recorder is the thread's.
    assert!(metrics::with_local_recorder(kept, gmp::runtime::export_metrics));
}

#[test]
fn figures_arrive_and_states_go_back_to_zero() {
    let run = || {
        let kept = Kept::default();
        let (tx, rx) = gmp::chan::bounded::<()>(0);
        let all: Vec<_> = (0..5).map(|_| rx.clone()).map(|rx| gmp::go(move || rx.recv())).collect();
        let waiting = "gmp_goroutines{state=chan receive}";
        loop {
            export(&kept);
            let here = kept.0.lock().unwrap().contains_key(waiting);
            if here && kept.gauge(waiting) == 5.0 {
                break;
            }
            gmp::yield_now();
        }
        assert_eq!(kept.gauge("gmp_goroutines{state=running}"), 1.0);
        assert_eq!(kept.gauge("gmp_procs{state=all}"), 2.0);
        assert!(kept.gauge("gmp_threads{state=all}") >= 1.0);
        assert_eq!(kept.bits("gmp_spawned_total{}"), 5);
        drop(tx);
        all.into_iter().for_each(|handle| assert!(handle.join().unwrap().is_err()));
        export(&kept);
        assert_eq!(kept.gauge(waiting), 0.0);
        assert_eq!(kept.bits("gmp_finished_total{}"), 5);
        assert!(kept.bits("gmp_switches_total{}") >= 10);
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { gmp::runtime::Builder::new().max_procs(2).run(run) };
}
