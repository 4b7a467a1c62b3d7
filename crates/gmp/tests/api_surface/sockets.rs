//! `net`: std's methods and traits, and what gmp adds.

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::{self, Ipv4Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use gmp::net::{Registration, TcpListener, TcpStream, UdpSocket, lookup_host};
use gmp::net::{UnixDatagram, UnixListener, UnixStream};

fn both(a: &TcpStream, mut b: TcpStream) -> io::Result<()> {
    let mut shared = a;
    shared.write_all(b"line\n")?;
    assert_eq!(shared.write_vectored(&[IoSlice::new(b"x"), IoSlice::new(b"y")])?, 2);
    assert_eq!(b.read(&mut [])?, 0);
    let mut line = String::new();
    BufReader::new(&b).take(5).read_line(&mut line)?;
    assert_eq!(line, "line\n");
    a.shutdown(Shutdown::Write)?;
    let mut rest = Vec::new();
    b.read_to_end(&mut rest)?;
    b.flush()
}

fn timed_out<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::TimedOut)
}

#[gmp::test(unsafe)]
fn tcp() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address: SocketAddr = listener.local_addr()?;
    let server = gmp::go(move || -> io::Result<TcpStream> {
        let (_, _) = listener.accept()?;
        listener.incoming().next().unwrap()
    });
    let one = TcpStream::connect(address)?;
    let two = TcpStream::connect_timeout(&address, Duration::from_secs(60))?;
    let accepted = server.join().unwrap()?;
    assert_eq!((two.peer_addr()?, accepted.peer_addr()?), (address, two.local_addr()?));
    two.set_nodelay(true)?;
    two.set_ttl(60)?;
    assert_eq!((two.nodelay()?, two.ttl()?, two.take_error()?.is_none()), (true, 60, true));
    two.set_read_timeout(Some(Duration::from_millis(1)))?;
    two.set_write_timeout(None)?;
    assert_eq!((two.read_timeout()?, two.write_timeout()?), (Some(Duration::from_millis(1)), None));
    assert!(timed_out((&two).read(&mut [0])));
    two.set_read_timeout(None)?;
    two.set_read_deadline(Some(Instant::now()))?;
    assert!(timed_out((&two).read(&mut [0])) && two.peek(&mut [0]).is_err());
    two.set_write_deadline(None)?;
    two.set_deadline(None)?;
    both(&two, accepted)?;
    two.close();
    two.close();
    assert!((&two).write(b"x").is_err_and(|e| e.kind() == ErrorKind::ConnectionAborted));
    let clone = one.try_clone()?;
    assert!(one.as_fd().as_raw_fd() != clone.as_raw_fd());
    let std = net::TcpStream::from(clone);
    drop(OwnedFd::from(TcpStream::from(std)));
    let none = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    none.set_deadline(Some(Instant::now()))?;
    assert!(timed_out(none.accept()));
    none.close();
    assert!(none.accept().is_err_and(|e| e.kind() == ErrorKind::ConnectionAborted));
    Ok(())
}

#[gmp::test(unsafe)]
fn udp_and_names() -> io::Result<()> {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    assert_eq!(a.send_to(b"hi", b.local_addr()?)?, 2);
    let mut buf = [0; 8];
    assert_eq!(b.peek_from(&mut buf)?.0, 2);
    assert_eq!(b.recv_from(&mut buf)?, (2, a.local_addr()?));
    a.connect(b.local_addr()?)?;
    a.send(b"x")?;
    assert_eq!(b.recv(&mut buf)?, 1);
    b.set_deadline(Some(Instant::now()))?;
    assert!(timed_out(b.recv(&mut buf)));
    b.set_broadcast(true)?;
    b.close();
    let found: Vec<SocketAddr> = lookup_host("127.0.0.1:80")?.collect();
    assert_eq!(found, "127.0.0.1:80".to_socket_addrs()?.collect::<Vec<_>>());
    Ok(())
}

#[gmp::test(unsafe)]
fn unix() -> io::Result<()> {
    let (mut a, b) = UnixStream::pair()?;
    a.write_all(b"1")?;
    (&b).read_exact(&mut [0])?;
    a.set_deadline(Some(Instant::now()))?;
    assert!(timed_out(a.read(&mut [0])));
    a.shutdown(Shutdown::Both)?;
    let path = std::env::temp_dir().join(format!("gmp-api-{}", std::process::id()));
    // Of an earlier process with that number.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    let client = UnixStream::connect(&path)?;
    let (served, _address) = listener.accept()?;
    std::fs::remove_file(&path)?;
    drop((client, served.try_clone()?, served));
    listener.close();
    let (a, b) = UnixDatagram::pair()?;
    a.send(b"gram")?;
    assert_eq!(b.recv(&mut [0; 8])?, 4);
    drop(UnixDatagram::unbound()?);
    let (pipe, peer) = std::os::unix::net::UnixStream::pair()?;
    pipe.set_nonblocking(true)?;
    let registration = Registration::new(pipe)?;
    (&peer).write_all(b"z")?;
    let read = registration.run(gmp::net::Direction::Read, |mut s| s.read(&mut [0; 4]))?;
    assert_eq!(read, 1);
    Ok(())
}
