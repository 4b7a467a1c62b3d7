//! Runtimes one after the other share the process's poller, but not what it finds.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use gmp::net::{TcpListener, TcpStream};
use gmp::runtime::Builder;

/// Runs `f` in a runtime of its own.
fn on<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(f) }
}

/// A goroutine that waits for a connection and never gets one in this run.
fn leave_an_acceptor(after: impl FnOnce() + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    gmp::go(move || {
        let _connection = listener.accept().unwrap();
        after();
    });
    while !gmp::testing::leaked().iter().any(|g| g.state == "IO wait") {
        gmp::yield_now();
    }
    address
}

/// One byte there and back.
fn echo() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = gmp::go(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        stream.write_all(&byte).unwrap();
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"x").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
    server.join().unwrap();
}

#[test]
fn what_waited_in_one_run_does_not_go_on_in_the_next() {
    static WENT_ON: AtomicBool = AtomicBool::new(false);
    let address = on(|| leave_an_acceptor(|| WENT_ON.store(true, Ordering::Relaxed)));
    on(|| {
        let _connection = TcpStream::connect(address).unwrap();
        // What the poller finds from here on it finds after that connection.
        (0..10).for_each(|_| echo());
    });
    assert!(!WENT_ON.load(Ordering::Relaxed));
}

/// The last run's watcher may still be on its way out of the poller when the next run's sockets become ready.
#[test]
fn nothing_gets_lost_between_two_runs() {
    for _ in 0..300 {
        on(|| {
            echo();
            leave_an_acceptor(|| unreachable!("nobody connects"));
        });
    }
}
