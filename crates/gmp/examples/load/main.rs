//! Many connections at once, some of them rude: `cargo run --release --example load -- [CONNECTIONS]`.
//!
//! Both ends live in this process, a goroutine each. All connect, wait idle for a while (memory and processor
//! time are measured), then talk; each tenth connection does it in its own way (`client.rs`). In the end
//! everything must be as before: no goroutine, no descriptor more, every byte echoed once.
//!
//! 50,000 connections need 100,100 descriptors: the program raises its soft limit to the hard one and says what
//! to do if that is too low. In a network namespace with loss and delay:
//!
//! ```text
//! unshare --net sh -c 'ip link set lo up; tc qdisc add dev lo root netem delay 2ms loss 2%; load 500'
//! ```

#![expect(clippy::print_stdout, reason = "it reports what it measures")]

mod client;
mod figures;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::chan;
use gmp::net::{TcpListener, TcpStream};
use gmp::sync::{Semaphore, WaitGroup};

/// Dials under way at a time, so that queues of listeners do not overflow into repeated SYNs.
const DIALS: usize = 1_000;

/// Connections per listener address: a pair of addresses has some 28,000 ports by default.
const PER_ADDRESS: usize = 20_000;

/// How long everything is idle while it is measured.
const IDLE: Duration = Duration::from_secs(2);

/// After so long a rest the runtime has given back what nobody needs.
const REST: Duration = Duration::from_secs(2);

#[gmp::main(unsafe)] // No thread-local is kept over a park.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connections: usize = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    figures::raise_descriptor_limit(2 * connections as u64 + 100)?;
    // What the first use of everything allocates is not the connections'.
    let listeners: Vec<Arc<TcpListener>> = (0..connections.div_ceil(PER_ADDRESS))
        .map(|i| TcpListener::bind((Ipv4Addr::new(127, 0, 0, i as u8 + 1), 0)).map(Arc::new))
        .collect::<Result<_, _>>()?;
    let before = figures::Process::now();

    let servers = WaitGroup::new();
    for listener in &listeners {
        let (listener, servers) = (Arc::clone(listener), servers.clone());
        gmp::go(move || accept(&listener, &servers));
    }
    let (dials, connected, done) =
        (Arc::new(Semaphore::new(DIALS)), WaitGroup::new(), WaitGroup::new());
    let (start, started) = chan::bounded::<()>(0);
    let begin = Instant::now();
    for i in 0..connections {
        let address = listeners[i / PER_ADDRESS].local_addr()?;
        let (dials, connected, started) = (Arc::clone(&dials), connected.clone(), started.clone());
        connected.add(1);
        done.go(move || {
            let permit = dials.acquire(1);
            let stream = TcpStream::connect(address).expect("connects");
            drop(permit);
            connected.done();
            let _ = started.recv();
            client::talk(i, stream);
        });
    }
    connected.wait();
    println!("{connections} connections in {:.2?}", begin.elapsed());
    gmp::time::sleep(Duration::from_millis(200));
    let there = figures::Process::now();
    println!(
        "{} bytes each (both ends, resident)",
        there.resident.saturating_sub(before.resident) / connections.max(1)
    );
    let (spent, begin) = (figures::processor(), Instant::now());
    gmp::time::sleep(IDLE);
    let idle = figures::processor() - spent;
    println!("idle: {:.3} % of a core", 100.0 * idle.as_secs_f64() / begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    start.close();
    done.wait();
    println!("all have talked after {:.2?}", begin.elapsed());
    listeners.iter().for_each(|listener| listener.close());
    servers.wait();
    drop(listeners);
    // Those that have just counted themselves done are about to end.
    let limit = Instant::now() + Duration::from_secs(10);
    while gmp::runtime::num_goroutine() > 1 && Instant::now() < limit {
        gmp::yield_now();
    }
    let after = figures::Process::now();
    println!(
        "{} goroutines, {} descriptors, {} before",
        gmp::runtime::num_goroutine(),
        after.descriptors,
        before.descriptors
    );
    println!("{} KiB resident, {} before", after.resident >> 10, before.resident >> 10);
    gmp::time::sleep(REST);
    println!("{} KiB resident after {REST:?} of rest", figures::Process::now().resident >> 10);
    assert_eq!(gmp::runtime::num_goroutine(), 1, "goroutines are left");
    assert!(after.descriptors <= before.descriptors, "descriptors are left");
    println!("nothing is left");
    Ok(())
}

/// Echoes on every connection until the listener is closed.
fn accept(listener: &TcpListener, servers: &WaitGroup) {
    servers.add(1);
    while let Ok((mut stream, _)) = listener.accept() {
        servers.go(move || {
            let mut buf = [0; 1024];
            // A reset is as good an end as any.
            while let Ok(n @ 1..) = stream.read(&mut buf) {
                if stream.write_all(&buf[..n]).is_err() {
                    break;
                }
            }
        });
    }
    servers.done();
}
