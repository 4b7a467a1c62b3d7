//! Goroutines that become ready together: who waits behind one that computes is run on another processor.

use std::hint;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::net::UnixStream;
use gmp::runtime::Builder;

/// What a server is asked for.
const ANSWER: u8 = 1;
const MEET: u8 = 2;

/// Servers that have come to the meeting. Each computes until all are there.
static HERE: AtomicUsize = AtomicUsize::new(0);

/// Answers each byte with itself, until the other end is closed.
fn serve(mut stream: UnixStream) {
    let mut asked = [0];
    while stream.read(&mut asked).unwrap() == 1 {
        if asked == [MEET] {
            meet();
        }
        stream.write_all(&asked).unwrap();
    }
}

fn meet() {
    // Relaxed, both: a count, and nothing else is passed.
    HERE.fetch_add(1, Ordering::Relaxed);
    let limit = Instant::now() + Duration::from_secs(60);
    while HERE.load(Ordering::Relaxed) < 2 {
        assert!(Instant::now() < limit, "the other one is not run while this one computes");
        hint::spin_loop();
    }
}

/// Asks both before either can answer, and waits for both.
fn ask(clients: &mut [UnixStream; 2], what: u8) {
    for client in clients.iter_mut() {
        client.write_all(&[what]).unwrap();
    }
    for client in clients {
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [what]);
    }
}

#[test]
fn one_that_computes_holds_up_nobody_who_became_ready_with_it() {
    // No slice ends: only another processor can run the second one.
    let builder = Builder::new().max_procs(2).time_slice(Duration::from_secs(3600));
    let rounds = || {
        let pairs = [(); 2].map(|()| UnixStream::pair().unwrap());
        let mut servers = Vec::new();
        let mut clients = pairs.map(|(client, server)| {
            servers.push(gmp::go(|| serve(server)));
            client
        });
        for _ in 0..20 {
            // The runtime learns that these goroutines are short, too short to wake a thread for the second one.
            (0..500).for_each(|_| ask(&mut clients, ANSWER));
            HERE.store(0, Ordering::Relaxed); // Relaxed: nobody is at the meeting.
            ask(&mut clients, MEET);
        }
        drop(clients);
        servers.into_iter().for_each(|server| server.join().unwrap());
    };
    // SAFETY: no thread-local is kept over a park.
    unsafe { builder.run(rounds) };
}
