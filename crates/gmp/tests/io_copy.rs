//! `copy`: every pair of ends, through the kernel or not, with the same result.

use std::io::{Cursor, Read, Seek, Write};
use std::path::PathBuf;

use gmp::fs::{File, OpenOptions};
use gmp::io::{copy, pipe};
use gmp::net::{TcpListener, TcpStream, UnixStream};
use gmp::process::{Command, Stdio};

const LEN: usize = 700_001;

fn data() -> Vec<u8> {
    (0..LEN as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gmp-copy-{name}-{}", std::process::id()))
}

/// Sends the data into `into`, which ends then, while `from` is read: both are ends of the same thing.
fn carried(mut into: impl Write + Send + 'static, mut from: impl Read) {
    let sender = gmp::go(move || into.write_all(&data()).unwrap());
    let mut got = Vec::new();
    from.read_to_end(&mut got).unwrap();
    assert!(got == data(), "{} of {LEN} bytes, or others", got.len());
    sender.join().unwrap();
}

#[gmp::test(unsafe)]
fn socket_to_socket_of_any_kind() {
    let ((a, b), (mut c, d)) = (tcp(), UnixStream::pair().unwrap());
    let proxy = gmp::go(move || copy(&mut &b, &mut c).unwrap());
    carried(a, d);
    assert_eq!(proxy.join().unwrap(), LEN as u64);
}

#[gmp::test(unsafe)]
fn pipes_and_children() {
    let (reader, writer) = pipe().unwrap();
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    let ((a, mut b), feeder) = (tcp(), gmp::go(move || copy(&mut &reader, &mut stdin).unwrap()));
    let taker = gmp::go(move || copy(&mut stdout, &mut b).unwrap());
    carried(writer, a);
    assert_eq!((feeder.join().unwrap(), taker.join().unwrap()), (LEN as u64, LEN as u64));
    assert!(cat.wait().unwrap().success());
}

#[gmp::test(unsafe)]
fn files_and_sockets() {
    let name = path("files");
    std::fs::write(&name, data()).unwrap();
    let mut file = File::open(&name).unwrap();
    file.seek(std::io::SeekFrom::Start(1)).unwrap();
    let (a, mut b) = tcp();
    let sender = gmp::go(move || copy(&mut file, &mut &a).unwrap());
    // Into a file that appends, which the kernel does not splice into.
    let mut copied =
        OpenOptions::new().append(true).read(true).create(true).open(path("to")).unwrap();
    assert_eq!(copy(&mut b, &mut copied).unwrap(), LEN as u64 - 1);
    assert_eq!(sender.join().unwrap(), LEN as u64 - 1);
    assert!(std::fs::read(path("to")).unwrap() == data()[1..]);
    // And one that does not.
    let mut third = File::create(path("third")).unwrap();
    copied.rewind().unwrap();
    assert_eq!(copy(&mut &copied, &mut &third).unwrap(), LEN as u64 - 1);
    let (c, mut d) = UnixStream::pair().unwrap();
    let sender = gmp::go(move || (&c).write_all(b"tail").unwrap());
    assert_eq!(copy(&mut d, &mut third).unwrap(), 4);
    sender.join().unwrap();
    assert!(std::fs::read(path("third")).unwrap().ends_with(b"tail"));
    for name in [name, path("to"), path("third")] {
        std::fs::remove_file(name).unwrap();
    }
}

#[gmp::test(unsafe)]
fn whatever_reads_and_writes() {
    let mut out = Vec::new();
    assert_eq!(copy(&mut Cursor::new(data()), &mut out).unwrap(), LEN as u64);
    assert!(out == data());
    // Files of the kernel's own have no size; sockets to memory; unsized types.
    let mut status = String::new();
    File::open("/proc/self/status").unwrap().read_to_string(&mut status).unwrap();
    let (mut a, mut b) = UnixStream::pair().unwrap();
    let n = copy(&mut File::open("/proc/self/status").unwrap(), &mut a).unwrap();
    assert!(n > 500);
    drop(a);
    out.clear();
    let (from, to): (&mut dyn Read, &mut dyn Write) = (&mut b, &mut out);
    assert_eq!(copy(from, to).unwrap(), n);
    assert!(out.starts_with(b"Name:"));
}

#[gmp::test(unsafe)]
fn errors_are_those_of_the_ends() {
    let ((a, b), (c, d)) = (tcp(), tcp());
    drop(d);
    let sender = gmp::go(move || while (&a).write(&[1; 4096]).is_ok() {});
    let error = copy(&mut &b, &mut &c).unwrap_err().kind();
    assert!(
        matches!(error, std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
    b.close();
    sender.join().unwrap();
    let closed = copy(&mut &b, &mut &c).unwrap_err().kind();
    assert_eq!(closed, std::io::ErrorKind::ConnectionAborted);
}

#[test]
fn plain_threads_need_no_runtime() {
    let ((a, b), (mut c, mut d)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
    std::thread::scope(|s| {
        s.spawn(move || copy(&mut &b, &mut c).unwrap());
        s.spawn(move || (&a).write_all(&data()).unwrap());
        let mut got = Vec::new();
        d.read_to_end(&mut got).unwrap();
        assert!(got == data());
    });
}
