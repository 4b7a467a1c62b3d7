//! Several parties on one socket, goroutines and plain threads alike, in and out of a runtime.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gmp::net::{TcpListener, TcpStream, UnixStream};

/// Every byte goes to exactly one of the readers.
fn share(ours: &UnixStream, total: &AtomicUsize) {
    let mut buf = [0; 7];
    while let Ok(n @ 1..) = (&*ours).read(&mut buf) {
        total.fetch_add(n, Ordering::Relaxed);
    }
}

#[gmp::test(unsafe)]
fn readers_share_a_stream() {
    const BYTES: usize = 100_000;
    let (ours, theirs) = UnixStream::pair().unwrap();
    let total = AtomicUsize::new(0);
    gmp::scope(|s| {
        for _ in 0..8 {
            s.go(|| share(&ours, &total));
        }
        s.go(|| {
            for chunk in vec![0; BYTES].chunks(101) {
                (&theirs).write_all(chunk).unwrap();
                gmp::yield_now();
            }
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
        });
    });
    assert_eq!(total.into_inner(), BYTES);
}

#[gmp::test(unsafe)]
fn goroutines_and_threads_share_a_stream() {
    const BYTES: usize = 30_000;
    let (ours, theirs) = UnixStream::pair().unwrap();
    let total = AtomicUsize::new(0);
    thread::scope(|t| {
        for _ in 0..3 {
            t.spawn(|| share(&ours, &total));
        }
        gmp::scope(|s| {
            for _ in 0..3 {
                s.go(|| share(&ours, &total));
            }
            s.go(|| {
                for chunk in vec![0; BYTES].chunks(50) {
                    (&theirs).write_all(chunk).unwrap();
                    gmp::yield_now();
                }
                theirs.shutdown(std::net::Shutdown::Write).unwrap();
            });
        });
        // The scope's threads end without a goroutine's help.
        gmp::blocking(|| ());
    });
    assert_eq!(total.into_inner(), BYTES);
}

#[test]
fn plain_threads_need_no_runtime() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..4 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut message = String::new();
                stream.read_to_string(&mut message).unwrap();
                stream.write_all(message.to_uppercase().as_bytes()).unwrap();
            }
        });
        for _ in 0..4 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"hello").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "HELLO");
        }
    });
}

#[test]
fn threads_obey_deadlines_their_changes_and_close() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let at = Instant::now() + Duration::from_millis(8);
    ours.set_deadline(Some(at)).unwrap();
    assert_eq!((&ours).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(Instant::now() >= at);
    ours.set_deadline(None).unwrap();
    thread::scope(|s| {
        // Before or while they wait: both must do.
        let reader = s.spawn(|| (&ours).read(&mut [0]).unwrap_err().kind());
        ours.set_deadline(Some(Instant::now() + Duration::from_millis(3))).unwrap();
        assert_eq!(reader.join().unwrap(), ErrorKind::TimedOut);
        let reader = s.spawn(|| (&theirs).read(&mut [0]).unwrap_err().kind());
        theirs.close();
        assert_eq!(reader.join().unwrap(), ErrorKind::ConnectionAborted);
    });
}

/// A goroutine that unwinds may still use sockets: it keeps its thread, the others go on.
#[gmp::test(unsafe, max_procs = 1)]
fn a_destructor_may_wait_while_unwinding() {
    struct Farewell(UnixStream);
    impl Drop for Farewell {
        fn drop(&mut self) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            self.0.write_all(&byte).unwrap();
        }
    }
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let panicking = gmp::go(move || {
        let _farewell = Farewell(ours);
        panic!("on purpose");
    });
    (0..20).for_each(|_| gmp::yield_now());
    theirs.write_all(b"!").unwrap();
    theirs.read_exact(&mut [0]).unwrap();
    assert!(panicking.join().is_err());
}
