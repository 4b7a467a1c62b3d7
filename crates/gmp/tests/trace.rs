//! A trace is JSON whose spans, on every track of a processor, a thread or a goroutine, follow one another without overlap and add up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gmp::runtime::Builder;
use gmp::{chan, trace};

/// A file in memory.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One span: track, begin and end in nanoseconds, name.
type Span = ((u64, u64), u64, u64, String);

fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let from = line.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {line}"));
    let value = &line[from + name.len() + 3..];
    value.split([',', '}']).next().unwrap().trim_matches('"')
}

/// Exactly: the numbers are microseconds with three digits behind the point.
fn nanos(text: &str) -> u64 {
    let (whole, rest) = text.split_once('.').unwrap();
    assert_eq!(rest.len(), 3);
    whole.parse::<u64>().unwrap() * 1000 + rest.parse::<u64>().unwrap()
}

fn spans(text: &str) -> Vec<Span> {
    let lines = text.lines().filter(|l| l.contains("\"ph\":\"X\""));
    let span = |l: &str| {
        let begin = nanos(field(l, "ts"));
        let track = (field(l, "pid").parse().unwrap(), field(l, "tid").parse().unwrap());
        (track, begin, begin + nanos(field(l, "dur")), field(l, "name").to_owned())
    };
    lines.map(span).collect()
}

#[test]
fn spans_follow_one_another_and_add_up() {
    let file = Shared::default();
    let out = file.clone();
    let run = move || {
        trace::start(out.clone()).unwrap();
        assert!(trace::start(out).is_err(), "two traces at once");
        let (tx, rx) = chan::bounded::<u32>(0);
        let sender = gmp::go(move || (0..500).for_each(|i| tx.send(i).unwrap()));
        assert_eq!(rx.iter().count(), 500);
        sender.join().unwrap();
        // Threads that are blocked and goroutines that are stopped: four hogs for two processors, one in a system call.
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let hog = |over: Arc<std::sync::atomic::AtomicBool>| {
            move || while !over.load(std::sync::atomic::Ordering::Relaxed) {}
        };
        // Sleep: what is recorded.
        let sleeps = || gmp::blocking(|| std::thread::sleep(std::time::Duration::from_millis(30)));
        let hogs = [(); 4].map(|()| gmp::go(hog(over.clone())));
        let sleeper = gmp::go(sleeps);
        while gmp::runtime::metrics().total.preempted_by_signal == 0 {
            gmp::yield_now();
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        sleeper.join().unwrap();
        hogs.into_iter().for_each(|h| h.join().unwrap());
        gmp::time::sleep(std::time::Duration::from_millis(20));
        trace::stop();
        trace::stop();
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
    let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
    assert!(text.starts_with("{\"displayTimeUnit\":\"ns\",\"traceEvents\":["), "{text}");
    assert!(text.trim_end().ends_with("\"otherData\":{\"lost\":0}}"), "events were lost");
    let all = spans(&text);
    let mut tracks: BTreeMap<(u64, u64), Vec<&Span>> = BTreeMap::new();
    all.iter().for_each(|span| tracks.entry(span.0).or_default().push(span));
    for (track, spans) in &mut tracks {
        spans.sort_by_key(|s| (s.1, s.2));
        let overlap = spans.windows(2).find(|w| w[0].2 > w[1].1);
        assert_eq!(overlap, None, "track {track:?}");
    }
    let named = |name: &str| all.iter().filter(|s| s.3 == name).count();
    let running = |pid: u64| all.iter().filter(move |s| s.0.0 == pid);
    // A goroutine does one thing after the other, from its first event to its last, without a gap.
    for (track, spans) in tracks.iter().filter(|(track, _)| track.0 == 2) {
        let gap = spans.windows(2).find(|w| w[0].2 != w[1].1);
        assert_eq!(gap, None, "track {track:?}");
    }
    // A thread that goes straight from one goroutine to the next does so at one moment, whoever has to wait for whom.
    let is_switch = |w: &[&Span]| w.iter().all(|s| s.3.starts_with('G')) && w[0].2 == w[1].1;
    let threads = tracks.iter().filter(|(track, _)| track.0 == 3);
    let switches: usize = threads.map(|(_, s)| s.windows(2).filter(|w| is_switch(w)).count()).sum();
    assert!(switches > 100, "{switches} switches");
    // What the processors ran is what the threads ran and the goroutines ran.
    let on_processors: u64 = running(1).map(|s| s.2 - s.1).sum();
    let on_threads: u64 = running(3).filter(|s| s.3.starts_with('G')).map(|s| s.2 - s.1).sum();
    let of_goroutines: u64 = running(2).filter(|s| s.3 == "running").map(|s| s.2 - s.1).sum();
    assert_eq!((on_threads, on_processors), (of_goroutines, of_goroutines));
    assert!(running(3).any(|s| s.3.starts_with("syscall of G")) && named("preempted") > 0);
    assert!(named("running") > 500, "{} spans", named("running"));
    assert!(named("chan receive") + named("chan send") >= 400 && named("sleep") == 1);
}
