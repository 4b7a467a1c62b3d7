//! Blocking sections: what would park in one blocks the thread, so that the closure stays where it is.

use std::thread;

use gmp::chan;
use gmp::runtime::Builder;

#[test]
fn a_wait_inside_a_section_keeps_the_thread() {
    let run = || {
        for round in 0..200 {
            let (tx, rx) = chan::bounded(0);
            let sender = gmp::go(move || tx.send(round).unwrap());
            let (before, value, after) =
                gmp::blocking(|| (thread::current().id(), rx.recv(), thread::current().id()));
            assert_eq!(value, Ok(round));
            assert_eq!(before, after, "the closure has changed threads");
            sender.join().unwrap();
        }
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(run) };
}

#[test]
fn a_section_ends_where_it_began_while_parking_is_forbidden() {
    let run = || {
        let bound = || {
            let _forbidden = gmp::runtime::forbid_park();
            let before = thread::current().id();
            // Sleep: the processor shall be taken away while the thread is blocked.
            gmp::blocking(|| thread::sleep(std::time::Duration::from_millis(5)));
            assert_eq!(thread::current().id(), before);
        };
        let all: Vec<_> = (0..8).map(|_| gmp::go(bound)).collect();
        all.into_iter().for_each(|h| h.join().unwrap());
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(1).run(run) };
}
