//! What a peak of goroutines has touched goes back to the kernel when nobody needs it any more. A process of its own: it
//! looks at what is resident.

use std::time::Duration;

use gmp::sync::WaitGroup;

const GOROUTINES: usize = 4_000;

/// Bytes of its stack that each touches, beyond what starting takes.
const DEEP: usize = 24 << 10;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// A peak; how much it added.
fn peak() -> usize {
    let before = resident();
    let (there, gate) = (WaitGroup::new(), gmp::chan::bounded::<()>(0));
    there.add(GOROUTINES);
    let all: Vec<_> = (0..GOROUTINES)
        .map(|_| {
            let (there, gate) = (there.clone(), gate.1.clone());
            gmp::go(move || {
                std::hint::black_box([1u8; DEEP]);
                there.done();
                let _ = gate.recv();
            })
        })
        .collect();
    there.wait();
    let added = resident() - before;
    gate.0.close();
    all.into_iter().for_each(|g| g.join().unwrap());
    added
}

/// Whether most of `added` is gone after a while of which this goroutine spends `naps` asleep.
fn returns(before: usize, added: usize, nap: Duration) -> bool {
    let limit = Duration::from_secs(60);
    (0..limit.as_millis() / nap.as_millis()).any(|_| {
        gmp::time::sleep(nap);
        resident() < before + added / 4
    })
}

#[gmp::test(unsafe)]
fn a_peak_leaves_little_behind() {
    // Long naps: the process idles. Short ones: it never does for a second, but has come down from a peak.
    for nap in [Duration::from_secs(2), Duration::from_millis(20)] {
        let before = resident();
        let added = peak();
        assert!(added > GOROUTINES * DEEP / 2, "no peak: {added} bytes");
        assert!(returns(before, added, nap), "of {added} bytes too many stay ({nap:?})");
    }
}
