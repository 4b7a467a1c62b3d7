//! Turns of the loops that servers are made of allocate nothing. A process of its own: it counts all of them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gmp::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: the system's allocator, and a count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations the process makes during `f`.
fn count(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    f();
    COUNTS.store(false, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// One test, so that no other's allocations are counted.
#[gmp::test(unsafe, max_procs = 2)]
fn turns_allocate_nothing() {
    assert_eq!(count(|| drop(Box::new(1))), 1, "the counter counts");

    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let echo = gmp::go(move || {
        let mut buf = [0; 64];
        while let Ok(n @ 1..) = theirs.read(&mut buf) {
            theirs.write_all(&buf[..n]).unwrap();
        }
    });
    let mut turn = || {
        ours.set_read_deadline(Some(Instant::now() + Duration::from_secs(60))).unwrap();
        ours.write_all(b"ping").unwrap();
        ours.read_exact(&mut [0; 4]).unwrap();
        ours.set_read_deadline(None).unwrap();
    };
    // The first turns may grow what is kept.
    (0..100).for_each(|_| turn());
    assert_eq!(count(|| (0..1_000).for_each(|_| turn())), 0, "reading and writing");
    drop(ours);
    echo.join().unwrap();

    let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = b.local_addr().unwrap();
    a.connect(to).unwrap();
    let datagrams = || {
        for _ in 0..500 {
            a.send(b"datagram").unwrap();
            b.recv_from(&mut [0; 16]).unwrap();
        }
    };
    datagrams();
    assert_eq!(count(datagrams), 0, "datagrams");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepting =
        gmp::go(move || while listener.accept().is_ok_and(|(s, _)| s.local_addr().is_ok()) {});
    let connections = || {
        for _ in 0..200 {
            let mut stream = TcpStream::connect(address).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
    };
    connections();
    // Connecting to an address and accepting: `to_socket_addrs` of one address does not allocate either.
    assert_eq!(count(connections), 0, "accepting");
    drop(accepting);
}
