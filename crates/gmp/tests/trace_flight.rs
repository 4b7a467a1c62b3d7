//! The flight recorder: the last seconds on demand, beside a trace, and what `GMP_FLIGHT` leaves behind at the end.

use std::process::Command;
use std::time::Duration;

use gmp::runtime::Builder;
use gmp::trace::{self, FlightRecorder};

const CASE: &str = "GMP_TEST_CASE";

/// The track of the first "running" span of each goroutine that has one.
fn goroutines(trace: &str) -> Vec<&str> {
    assert!(trace.starts_with("{\"displayTimeUnit\"") && trace.ends_with("]"), "{trace}");
    let runs = trace.lines().filter(|l| l.contains("\"name\":\"running\""));
    runs.map(|l| l.split("\"tid\":").nth(1).unwrap().split(',').next().unwrap()).collect()
}

fn written(recorder: &FlightRecorder) -> String {
    let mut out = Vec::new();
    recorder.write_to(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let (events, rest) = text.rsplit_once(",\"otherData\"").unwrap();
    assert_eq!(rest.trim_end(), ":{\"lost\":0}}");
    events.to_owned()
}

#[test]
fn it_keeps_the_last_moments_only() {
    let run = || {
        let recorder = FlightRecorder::start(Duration::from_millis(50)).unwrap();
        assert!(FlightRecorder::start(Duration::from_secs(1)).is_err(), "two at once");
        // A trace beside it does not take its events away.
        trace::start(std::io::sink()).unwrap();
        let first = gmp::go(|| ());
        let id = first.id().to_string();
        first.join().unwrap();
        assert!(goroutines(&written(&recorder)).contains(&id.as_str()));
        trace::stop();
        // Its end is older than what is kept, once enough has happened since.
        let gone = || !written(&recorder).contains(&format!("\"tid\":{id},"));
        while !gone() {
            gmp::time::sleep(Duration::from_millis(5));
        }
        let last = gmp::go(|| ());
        let id = last.id().to_string();
        last.join().unwrap();
        assert!(goroutines(&written(&recorder)).contains(&id.as_str()));
        drop(recorder);
        drop(FlightRecorder::start(Duration::from_secs(1)).unwrap());
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn a_panic_leaves_it_in_the_file() {
    const NAME: &str = "a_panic_leaves_it_in_the_file";
    if std::env::var_os(CASE).is_some() {
        let main = || assert!(gmp::go(|| panic!("on purpose")).join().is_err());
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(main) };
    }
    let path = std::env::temp_dir().join(format!("gmp-flight-{}.json", std::process::id()));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([NAME, "--exact", "--nocapture"]).env(CASE, "x").env("GMP_FLIGHT", &path);
    let out = child.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (events, _) = text.rsplit_once(",\"otherData\"").unwrap();
    // Main and the one that panicked.
    let mut ran = goroutines(events);
    ran.sort_unstable();
    ran.dedup();
    assert_eq!(ran.len(), 2, "{text}");
}

#[test]
fn a_run_in_which_nothing_goes_wrong_leaves_an_earlier_file_alone() {
    const NAME: &str = "a_run_in_which_nothing_goes_wrong_leaves_an_earlier_file_alone";
    if std::env::var_os(CASE).is_some() {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(|| gmp::go(|| ()).join().unwrap()) };
    }
    let path = std::env::temp_dir().join(format!("gmp-flight-earlier-{}.json", std::process::id()));
    std::fs::write(&path, "of an earlier run").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([NAME, "--exact", "--nocapture"]).env(CASE, "x").env("GMP_FLIGHT", &path);
    let out = child.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "of an earlier run");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_at_the_start() {
    const NAME: &str = "a_file_that_cannot_be_written_is_an_error_at_the_start";
    if std::env::var_os(CASE).is_some() {
        // SAFETY: nothing runs.
        return unsafe { gmp::run(|| ()) };
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([NAME, "--exact", "--nocapture"]).env(CASE, "x").env("GMP_FLIGHT", "/nowhere/f");
    let out = child.output().unwrap();
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("GMP_FLIGHT=/nowhere/f: "));
}
