//! Dials: contexts that end them, time that runs out, addresses that are tried in turn.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gmp::context::{ContextError, background};
use gmp::net::{ListenConfig, TcpListener, TcpStream, UnixListener, UnixStream};

/// A listener whose queue is full, so that connecting to it takes as long as one likes; and what fills it.
fn silent() -> (TcpListener, Vec<TcpStream>) {
    let listener = ListenConfig::new().backlog(0).listen("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        held.push(stream);
        assert!(held.len() < 50, "the queue of a silent listener does not fill");
    }
    (listener, held)
}

fn reason(error: &std::io::Error) -> Option<ContextError> {
    error.get_ref().and_then(|e| (e as &dyn Error).downcast_ref()).copied()
}

/// Promise Z15.
#[gmp::test(unsafe)]
fn cancelled_before_during_and_not_at_all() {
    let (listener, _held) = silent();
    let address = listener.local_addr().unwrap();
    let (context, cancel) = background().with_cancel();
    let dialling = {
        let context = context.clone();
        gmp::go(move || TcpStream::connect_context(&context, address).unwrap_err())
    };
    gmp::time::sleep(Duration::from_millis(5));
    assert!(!dialling.is_finished());
    cancel.cancel();
    let error = dialling.join().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(reason(&error), Some(ContextError::Canceled));
    let late = TcpStream::connect_context(&context, address).unwrap_err();
    assert_eq!(reason(&late), Some(ContextError::Canceled));

    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let (context, _cancel) = background().with_timeout(Duration::from_secs(60));
    let mut stream = TcpStream::connect_context(&context, open.local_addr().unwrap()).unwrap();
    drop(_cancel);
    // The connection outlives its context.
    let mut server = open.accept().unwrap().0;
    stream.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
}

#[gmp::test(unsafe)]
fn time_runs_out() {
    let (listener, _held) = silent();
    let address = listener.local_addr().unwrap();
    let time = Duration::from_millis(8);
    let start = Instant::now();
    let error = TcpStream::connect_timeout(&address, time).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(start.elapsed() >= time);
    let (context, _cancel) = background().with_timeout(time);
    let start = Instant::now();
    let error = TcpStream::connect_context(&context, address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(reason(&error), Some(ContextError::DeadlineExceeded));
    assert!(start.elapsed() + Duration::from_millis(1) >= time);
}

#[gmp::test(unsafe)]
fn refused_and_the_next_address() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = TcpStream::connect_context(&background(), refused).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let both = [refused, listener.local_addr().unwrap()];
    TcpStream::connect(&both[..]).unwrap();
    TcpStream::connect_context(&background(), &both[..]).unwrap();
    let none: [SocketAddr; 0] = [];
    assert_eq!(TcpStream::connect(&none[..]).unwrap_err().kind(), ErrorKind::InvalidInput);
    let odd = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
    assert!(TcpStream::connect(odd).is_err());
}

#[gmp::test(unsafe)]
fn unix_dials_end_with_their_context_too() {
    let path: PathBuf = std::env::temp_dir().join(format!("gmp-dial-{}", std::process::id()));
    // Of an earlier process with that number.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    // SAFETY: takes no pointers. A queue of one.
    unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    let (context, cancel) = background().with_cancel();
    let first = UnixStream::connect_context(&context, &path).unwrap();
    let waiting = {
        let (context, path) = (context.clone(), path.clone());
        gmp::go(move || UnixStream::connect_context(&context, path).map(|_| ()))
    };
    gmp::time::sleep(Duration::from_millis(5));
    cancel.cancel();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::ConnectionAborted);
    drop(first);
    std::fs::remove_file(&path).unwrap();
    let missing = UnixStream::connect_context(&background(), &path).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
