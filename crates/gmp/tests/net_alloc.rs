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

/// Demands that `turns` turns of `f` do not allocate. A thread that the runtime starts meanwhile does, a few
/// times; whatever happens in every turn, or in every tenth, is found.
fn expect_none(what: &str, turns: usize, mut f: impl FnMut()) {
    // The first turns may grow what is kept.
    (0..turns / 10).for_each(|_| f());
    let allocations = count(|| (0..turns).for_each(|_| f()));
    assert!(allocations < turns / 10, "{what}: {allocations} allocations in {turns} turns");
}

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
    expect_none("reading and writing", 1_000, || {
        ours.set_read_deadline(Some(Instant::now() + Duration::from_secs(60))).unwrap();
        ours.write_all(b"ping").unwrap();
        ours.read_exact(&mut [0; 4]).unwrap();
        ours.set_read_deadline(None).unwrap();
    });
    drop(ours);
    echo.join().unwrap();

    let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = b.local_addr().unwrap();
    a.connect(to).unwrap();
    expect_none("datagrams", 500, || {
        a.send(b"datagram").unwrap();
        b.recv_from(&mut [0; 16]).unwrap();
    });

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepting =
        gmp::go(move || while listener.accept().is_ok_and(|(s, _)| s.local_addr().is_ok()) {});
    // An address needs no list to be looked up in.
    expect_none("connecting and accepting", 500, || {
        let mut stream = TcpStream::connect(address).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    drop(accepting);
}
