//! Deadlines and timeouts of sockets: sticky, never early, changeable while somebody waits.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use gmp::net::{TcpListener, TcpStream, UdpSocket};

const LONG: Duration = Duration::from_secs(60);

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn kind(outcome: std::io::Result<usize>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

/// Promise T11.
#[gmp::test(unsafe)]
fn deadlines_are_never_early_and_stick() {
    let (mut ours, _theirs) = pair();
    for micros in [1, 40, 600, 3_000, 30_000] {
        let at = Instant::now() + Duration::from_micros(micros);
        ours.set_read_deadline(Some(at)).unwrap();
        assert_eq!(kind(ours.read(&mut [0])), ErrorKind::TimedOut);
        assert!(Instant::now() >= at);
        assert_eq!(kind(ours.read(&mut [0])), ErrorKind::TimedOut);
    }
    assert_eq!(ours.write(b"x").unwrap(), 1, "the other direction goes on");
}

#[gmp::test(unsafe)]
fn a_past_deadline_fails_despite_data_and_a_future_one_revives() {
    let (mut ours, mut theirs) = pair();
    theirs.write_all(b"data").unwrap();
    ours.set_deadline(Some(Instant::now())).unwrap();
    assert_eq!(kind(ours.read(&mut [0; 9])), ErrorKind::TimedOut);
    assert_eq!(kind(ours.write(b"x")), ErrorKind::TimedOut);
    ours.set_deadline(Some(Instant::now() + LONG)).unwrap();
    assert_eq!(ours.read(&mut [0; 9]).unwrap(), 4);
    assert_eq!(ours.write(b"x").unwrap(), 1);
}

#[gmp::test(unsafe)]
fn a_change_reaches_those_who_wait() {
    let (ours, _theirs) = pair();
    ours.set_deadline(Some(Instant::now() + LONG)).unwrap();
    gmp::scope(|s| {
        // One parks on the descriptor, the others in line behind it.
        let readers: Vec<_> = (0..4).map(|_| s.go(|| kind((&ours).read(&mut [0])))).collect();
        (0..50).for_each(|_| gmp::yield_now());
        ours.set_read_deadline(Some(Instant::now() + Duration::from_millis(5))).unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), ErrorKind::TimedOut);
        }
    });
}

#[gmp::test(unsafe)]
fn timeouts_are_per_operation() {
    let (mut ours, mut theirs) = pair();
    let pause = Duration::from_millis(4);
    ours.set_read_timeout(Some(pause)).unwrap();
    assert_eq!(ours.read_timeout().unwrap(), Some(pause));
    assert_eq!(
        ours.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(kind(ours.read(&mut [0; 4])), ErrorKind::TimedOut);
        assert!(start.elapsed() >= pause);
        theirs.write_all(b"late").unwrap();
        ours.set_read_timeout(None).unwrap();
        ours.read_exact(&mut [0; 4]).unwrap();
        ours.set_read_timeout(Some(pause)).unwrap();
    }
}

#[gmp::test(unsafe)]
fn a_full_pipe_times_out_the_writer() {
    let (mut ours, _theirs) = pair();
    ours.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
    let error = loop {
        match ours.write(&[0; 65_536]) {
            Ok(n) => assert!(n > 0),
            Err(error) => break error.kind(),
        }
    };
    assert_eq!(error, ErrorKind::TimedOut);
}

#[gmp::test(unsafe)]
fn accept_and_datagrams_have_deadlines_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_deadline(Some(Instant::now() + Duration::from_millis(2))).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
    listener.set_deadline(None).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().unwrap();

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    assert_eq!(kind(socket.recv(&mut [0])), ErrorKind::TimedOut);
}

/// Deadlines of a few microseconds against bytes that arrive all the while: each byte is read once.
#[gmp::test(unsafe)]
fn no_byte_is_lost_to_a_deadline() {
    const BYTES: usize = 2_000;
    let (ours, theirs) = pair();
    let writer = gmp::go(move || {
        for i in 0..BYTES {
            (&theirs).write_all(&[i as u8]).unwrap();
            gmp::yield_now();
        }
        theirs
    });
    let (mut got, mut timeouts) = (Vec::new(), 0u32);
    while got.len() < BYTES {
        ours.set_read_deadline(Some(
            Instant::now() + Duration::from_micros(u64::from(timeouts % 60)),
        ))
        .unwrap();
        let mut buf = [0; 64];
        match (&ours).read(&mut buf) {
            Ok(n) => got.extend_from_slice(&buf[..n]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                timeouts += 1;
            }
        }
    }
    assert!(got.iter().enumerate().all(|(i, b)| *b == i as u8));
    drop(writer.join().unwrap());
}
