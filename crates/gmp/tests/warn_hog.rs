//! `GMP_WARN_HOG` reports goroutines that compute for long without a call into the runtime, once each, and no others.

use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CASE: &str = "GMP_TEST_CASE";

/// Runs the test `name` of this executable as a child that looks for hogs; none in the child itself.
fn child(name: &str) -> Option<Child> {
    if std::env::var_os(CASE).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(CASE, name).env("GOMAXPROCS", "2");
    command.env("GMP_WARN_HOG", "40").stdout(Stdio::null()).stderr(Stdio::piped());
    Some(command.spawn().unwrap())
}

#[inline(never)]
fn hogs() {
    while black_box(true) {}
}

/// Calls the runtime all the time, and never gives way.
#[inline(never)]
fn is_polite() {
    let (tx, rx) = gmp::chan::bounded(1);
    loop {
        tx.try_send(black_box(1)).unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
    }
}

#[test]
fn a_hog_is_reported_once_with_its_stack() {
    let Some(mut child) = child("a_hog_is_reported_once_with_its_stack") else {
        let main = || {
            gmp::Builder::new().name("polite").spawn(is_polite).unwrap();
            gmp::Builder::new().name("first").spawn(hogs).unwrap();
            // Blocking is not hogging.
            gmp::Builder::new().name("sleeper").spawn(std::thread::park).unwrap();
            // While it sleeps, all of them share two processors: hogs are stopped now and then.
            gmp::time::sleep(std::time::Duration::from_millis(400));
            gmp::Builder::new().name("second").spawn(hogs).unwrap();
            gmp::chan::never::<()>().recv()
        };
        // SAFETY: no thread-local is kept over a park.
        assert!(unsafe { gmp::run(main) }.is_err());
        return;
    };
    let mut text = String::new();
    let mut out = BufReader::new(child.stderr.take().unwrap());
    // Both reports, to the line with which the second one ends.
    while text.matches("\ncreated by goroutine 1 at ").count() < 2 {
        assert_ne!(out.read_line(&mut text).unwrap(), 0, "{text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let reports: Vec<_> = text.split("gmp: goroutine ").skip(1).collect();
    assert_eq!(reports.len(), 2, "{text}");
    for name in ["first", "second"] {
        // In any order: the processors are everybody's.
        let report = reports.iter().find(|r| r.contains(&format!(" {name} [running]:\n")));
        let report = report.unwrap_or_else(|| panic!("{name}: {text}"));
        let head = report.lines().next().unwrap();
        assert!(head.ends_with(" ms without a call into the runtime"), "{text}");
        let ms: u64 = head.split(' ').nth(4).unwrap().parse().unwrap();
        assert!(ms >= 40, "{text}");
        assert!(report.contains("\nwarn_hog::hogs\n\t"), "{text}");
        assert!(report.contains("tests/warn_hog.rs:"), "{text}");
    }
}

#[test]
fn nonsense_is_an_error_that_names_the_variable() {
    if std::env::var_os(CASE).is_some() {
        // SAFETY: nothing runs.
        return unsafe { gmp::run(|| ()) };
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["nonsense_is_an_error_that_names_the_variable", "--exact", "--nocapture"]);
    let out = command.env(CASE, "x").env("GMP_WARN_HOG", "soon").output().unwrap();
    assert!(!out.status.success());
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(text.contains("GMP_WARN_HOG=soon: wants a number of milliseconds"), "{text}");
}

#[test]
fn a_dump_can_be_made_while_a_hog_is_reported() {
    let main = || {
        let over = Arc::new(AtomicBool::new(false));
        let mine = over.clone();
        let hog = gmp::go(move || while !mine.load(Ordering::Relaxed) {});
        let id = hog.id();
        let mut found = None;
        gmp::blocking(|| {
            let mut watch = gmp_sched::HogWatch::new(Duration::from_millis(20));
            while found.is_none() {
                watch.look(&mut |hog| {
                    gmp_sched::inspect(false, &mut |_| (), &mut |_| ());
                    found = Some((hog.id, hog.thread.id));
                });
                std::thread::yield_now();
            }
        });
        assert_eq!(found, Some((id, id)));
        over.store(true, Ordering::Relaxed);
        hog.join().unwrap();
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { gmp::runtime::Builder::new().max_procs(2).run(main) };
}
