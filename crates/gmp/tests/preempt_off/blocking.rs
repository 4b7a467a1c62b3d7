//! Goroutines that block their threads, declared or not, beside others that need a processor.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use gmp::runtime::metrics;

use super::{PROCS, join, off, round_trips, twice};

#[test]
fn blocking_sections() {
    off("blocking::blocking_sections", || {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..2 * PROCS).map(|_| mpsc::channel::<usize>()).unzip();
        let blocked: Vec<_> = receivers
            .into_iter()
            .map(|receiver| gmp::go(move || gmp::blocking(|| receiver.recv()).unwrap()))
            .collect();
        round_trips();
        senders.iter().enumerate().for_each(|(n, sender)| sender.send(n).unwrap());
        let got: Vec<usize> = blocked.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(got, [0, 1, 2, 3]);
    });
}

/// All of them sleep until others, which need a processor for that, have done their work.
fn beside_round_trips(sleeps: impl Fn(usize) + Clone + Send + 'static, wake: impl FnOnce()) {
    let begun = Arc::new(AtomicUsize::new(0));
    let mine = begun.clone();
    let sleepers = twice(move |n| {
        mine.fetch_add(1, Ordering::Relaxed);
        sleeps(n);
    });
    // More than there are processors: the last of them runs because the first ones have lost theirs.
    while begun.load(Ordering::Relaxed) < 2 * PROCS {
        gmp::yield_now();
    }
    round_trips();
    wake();
    join(sleepers);
    assert!(metrics().total.retaken > 0, "nobody slept");
}

#[test]
fn sleeps_of_std() {
    off("blocking::sleeps_of_std", || {
        let over = Arc::new(AtomicBool::new(false));
        let mine = over.clone();
        let sleeps = move |_| {
            while !mine.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20)); // Sleep: what is looked at.
            }
        };
        beside_round_trips(sleeps, || over.store(true, Ordering::Relaxed));
    });
}

#[test]
fn reads_of_fifos() {
    off("blocking::reads_of_fifos", || {
        let folder = std::env::temp_dir().join(format!("gmp-preempt-off-{}", std::process::id()));
        // Of an earlier process with that number.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let path = folder.clone();
        let path = move |n: usize| path.join(n.to_string());
        for n in 0..2 * PROCS {
            let name = CString::new(path(n).to_str().unwrap()).unwrap();
            // SAFETY: a C string.
            assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        }
        let open = path.clone();
        let read = move |n| {
            let mut bytes = [0; 4];
            // Both calls sleep: there is no writer yet, and then nothing to read.
            let length = File::open(open(n)).unwrap().read(&mut bytes).unwrap();
            assert_eq!((length, bytes), (4, *b"gmp!"));
        };
        beside_round_trips(read, || {
            let open = |n| OpenOptions::new().write(true).open(path(n)).unwrap();
            let writers: Vec<_> = (0..2 * PROCS).map(open).collect();
            round_trips();
            writers.into_iter().for_each(|mut writer| writer.write_all(b"gmp!").unwrap());
        });
        fs::remove_dir_all(folder).unwrap();
    });
}
