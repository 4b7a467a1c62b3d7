//! The protocol, without a terminal: what a process says of itself, and what becomes of the socket.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gmp_top::{Client, plain};

const CASE: &str = "GMP_TEST_CASE";

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gmp-top-{name}-{}", std::process::id()))
}

/// Runs the test `name` as a child that serves at `path`, with a flight recorder; none in the child itself.
fn child(name: &str, path: &Path) -> Option<Child> {
    if std::env::var_os(CASE).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(CASE, name).env("GOMAXPROCS", "2");
    command.env("GMP_TOP", path).env("GMP_FLIGHT", "/dev/null");
    Some(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Ten that wait for ever beside a main that does.
fn program() {
    (0..10).for_each(|_| drop(gmp::go(|| gmp::chan::never::<()>().recv())));
    // Not a deadlock: the harness's main thread is about.
    gmp::chan::never::<()>().recv().unwrap_err();
}

/// Until there is something; fails if the child, which is to bring it about, has ended.
fn until<T>(child: &mut Child, look: impl Fn() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the child has ended: {status}\n{said}");
        }
        std::thread::yield_now();
    }
}

fn attach(path: &Path, child: &mut Child) -> Client {
    until(child, || Client::attach(path).ok())
}

#[test]
fn a_process_describes_itself() {
    let path = path("describes");
    let Some(mut child) = child("a_process_describes_itself", &path) else {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(program) };
    };
    let mut client = attach(&path, &mut child);
    let nil = "chan receive (nil chan)";
    let snapshot = loop {
        let snapshot = client.snapshot().unwrap();
        if snapshot.states == [(nil.to_owned(), 11)] {
            break snapshot;
        }
    };
    assert_eq!((snapshot.pid, snapshot.goroutines), (child.id(), 11));
    assert_eq!(snapshot.procs.len(), 2);
    assert!(snapshot.procs.iter().all(|p| p.g.is_none() && p.queued == 0), "{snapshot:?}");
    let site = snapshot.sites.iter().find(|s| s.count == 10).unwrap();
    assert!(site.at.contains("tests/protocol.rs:"), "{site:?}");
    assert_eq!(site.states, [(nil.to_owned(), 10)]);
    assert!(snapshot.threads.all >= 1 && snapshot.latencies.len() == 40, "{snapshot:?}");
    assert!(plain(&snapshot).contains("10 chan receive (nil chan)"));

    let dump = String::from_utf8(client.dump().unwrap()).unwrap();
    assert_eq!(dump.matches("protocol::program").count(), 11, "{dump}");
    let trace = String::from_utf8(client.flight().unwrap()).unwrap();
    assert!(trace.starts_with("{\"displayTimeUnit\"") && trace.contains(nil), "{trace}");
    // Several at once; and the socket is the user's alone.
    assert_eq!(attach(&path, &mut child).snapshot().unwrap().goroutines, 11);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(client.snapshot().is_err());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_socket_left_behind_is_replaced_and_nothing_else() {
    let name = "a_socket_left_behind_is_replaced_and_nothing_else";
    let path = path("replaced");
    if std::env::var_os(CASE).is_some() {
        // SAFETY: no thread-local is kept over a park.
        return unsafe { gmp::run(program) };
    }
    drop(UnixListener::bind(&path).unwrap());
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    // A child that another test starts has it, too, until it is a program of its own.
    while UnixStream::connect(&path).is_ok() {
        std::thread::yield_now();
    }
    let mut first = child(name, &path).unwrap();
    // Whose sockets are the user's only.
    let is_replaced = || std::fs::metadata(&path).is_ok_and(|m| m.mode() & 0o777 == 0o600);
    until(&mut first, || is_replaced().then_some(()));
    let pid = attach(&path, &mut first).snapshot().unwrap().pid;
    assert_eq!(pid, first.id());
    // One that is in use stays.
    let second = child(name, &path).unwrap().wait_with_output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("GMP_TOP="));
    first.kill().unwrap();
    first.wait().unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    let third = child(name, &path).unwrap().wait_with_output().unwrap();
    assert!(!third.status.success());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
}
