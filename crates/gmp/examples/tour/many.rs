//! Many goroutines: a million alive, work that spreads, ten thousand that wait.

use std::time::{Duration, Instant};

use gmp::chan;
use gmp::net::UdpSocket;
use gmp::runtime::{gomaxprocs, metrics, num_goroutine};
use gmp::sync::WaitGroup;

use crate::report::{Progress, Report, status};

pub(crate) fn a_million(report: &mut Report) {
    const N: u64 = 1_000_000;
    report.title("A million goroutines alive at once, on a handful of threads");
    let (before, threads) = (status("VmRSS") + status("VmPTE"), status("Threads"));
    let (release, gate) = chan::bounded::<()>(0);
    let parked = WaitGroup::new();
    parked.add(N as usize);
    let mut progress = Progress::new("spawning", N);
    let begun = Instant::now();
    let all: Vec<_> = (0..N)
        .map(|i| {
            if i % 10_000 == 0 {
                progress.at(i);
            }
            let (gate, parked) = (gate.clone(), parked.clone());
            gmp::go(move || {
                parked.done();
                let _closed = gate.recv();
                i
            })
        })
        .collect();
    parked.wait();
    let took = begun.elapsed();
    drop(progress);
    let alive = num_goroutine();
    let bytes = (status("VmRSS") + status("VmPTE")).saturating_sub(before) * 1024 / N;
    let now = status("Threads");
    let begun = Instant::now();
    release.close();
    let sum: u64 = all.into_iter().map(|h| h.join().unwrap()).sum();
    let end = begun.elapsed();
    let each = |d: Duration| format!("{:.0} ns", d.as_nanos() as f64 / N as f64);
    report.figure("goroutines alive", &alive.to_string());
    report.figure("resident bytes and page tables, each", &format!("{bytes} B"));
    report.figure("from spawn to parked, each", &each(took));
    report.figure("from the release to the end, each", &each(end));
    report.figure("OS threads", &now.to_string());
    report.promise("a million are alive at once", alive as u64 > N);
    report.promise(
        "each, on its guarded stack, costs less than 6 KiB",
        bytes > 0 && bytes < 6 * 1024,
    );
    report.figure("OS threads before", &threads.to_string());
    report.promise("M:N: fewer than 32 threads carry them", now < 32);
    report.promise("each ran to its end, once", sum == N * (N - 1) / 2);
}

/// Work for a few microseconds.
fn work(seed: u64) -> u64 {
    (0..2_000)
        .fold(seed | 1, |x, _| std::hint::black_box(x.rotate_left(7).wrapping_mul(0x9e37_79b9)))
}

pub(crate) fn stealing(report: &mut Report) {
    const ROUNDS: u64 = 60;
    const ROUND: u64 = 2_000;
    report.title("Stealing: what one goroutine spawns ends up on every processor");
    let before = metrics();
    let begun = Instant::now();
    let mut progress = Progress::new("working", ROUNDS);
    let mut rounds = 0;
    // Until each processor has had a part: a core that the system lends to others for a while comes late.
    let (ran, stolen, fair) = loop {
        let all: Vec<_> = (0..ROUND).map(|i| gmp::go(move || work(i))).collect();
        all.into_iter().for_each(|h| {
            std::hint::black_box(h.join().unwrap());
        });
        rounds += 1;
        progress.at(rounds);
        let now = metrics();
        let pairs = now.procs.iter().zip(&before.procs);
        let ran: Vec<u64> = pairs.map(|(a, b)| a.finished - b.finished).collect();
        let fair = rounds * ROUND / gomaxprocs() as u64 / 4;
        if ran.iter().all(|&n| n >= fair) || rounds == ROUNDS {
            break (ran, now.total.stolen - before.total.stolen, fair);
        }
    };
    drop(progress);
    report.figure("goroutines ended, per processor", &format!("{ran:?}"));
    report.figure("of them stolen", &format!("{stolen}, in {:?}", begun.elapsed()));
    report.promise(
        "every processor ran at least a quarter of its share",
        ran.iter().all(|&n| n >= fair),
    );
}

pub(crate) fn waiting(report: &mut Report) {
    const CHANNELS: usize = 5_000;
    report.title("Waiting costs no thread: 10,000 goroutines on channels and sockets");
    let sockets = raise_fd_limit().saturating_sub(200).min(5_000) as usize;
    let before = status("Threads");
    let (mut senders, woken) = (Vec::new(), WaitGroup::new());
    for _ in 0..CHANNELS {
        let (tx, rx) = chan::bounded::<u32>(1);
        senders.push(tx);
        woken.go(move || assert_eq!(rx.recv(), Ok(7)));
    }
    let mut addresses = Vec::new();
    for _ in 0..sockets {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        addresses.push(socket.local_addr().expect("an address"));
        woken.go(move || {
            let mut buffer = [0; 8];
            assert_eq!(socket.recv(&mut buffer).expect("a datagram"), 3);
        });
    }
    gmp::time::sleep(Duration::from_millis(50));
    let during = status("Threads");
    let begun = Instant::now();
    senders.iter().for_each(|tx| tx.send(7).unwrap());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    addresses.iter().for_each(|to| assert_eq!(sender.send_to(b"hey", to).expect("sent"), 3));
    woken.wait();
    report.figure("waiting on channels and sockets", &format!("{CHANNELS} + {sockets}"));
    report.figure("OS threads while they wait", &during.to_string());
    report.figure("until all have been woken", &format!("{:?}", begun.elapsed()));
    report.promise("no thread waits for them", during <= before + 1);
    // `woken` is done just before the goroutine ends.
    let begun = Instant::now();
    while num_goroutine() > 1 && begun.elapsed() < Duration::from_secs(5) {
        gmp::yield_now();
    }
    report.promise("all were woken, with what was sent, and ended", num_goroutine() == 1);
}

/// Raises the limit of descriptors to what the system allows, and returns it.
fn raise_fd_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local of the right type.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 1_024;
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above; failing leaves the limit as it was.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    // SAFETY: as above.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}
