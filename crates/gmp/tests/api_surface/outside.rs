//! `process`, `signal`, `io`.

use std::io::{self, BufRead, Read, Write};
use std::process::{ExitStatus, Output, Stdio};

use gmp::chan::Receiver;
use gmp::process::{Child, Command};
use gmp::signal::{self, Signal};

#[gmp::test(unsafe)]
fn processes() -> io::Result<()> {
    let output: Output =
        Command::new("sh").arg("-c").args(["echo $WHO"]).env("WHO", "me").output()?;
    assert_eq!((output.stdout.as_slice(), output.status.success()), (&b"me\n"[..], true));
    let status: ExitStatus = Command::new("sh").args(["-c", "exit 3"]).current_dir("/").status()?;
    assert_eq!(status.code(), Some(3));
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(gmp::process::Stdio::piped()).stderr(Stdio::null());
    let mut child: Child = command.spawn()?;
    child.stdin.take().unwrap().write_all(b"through")?;
    let mut text = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut text)?;
    assert_eq!((text.as_str(), child.wait()?.success(), child.id() > 0), ("through", true, true));
    let mut sleeper = Command::new("sleep").arg("100").spawn()?;
    assert!(sleeper.try_wait()?.is_none());
    sleeper.kill()?;
    assert!(!sleeper.wait()?.success());
    let piped = Command::new("echo").stdout(Stdio::piped()).spawn()?.wait_with_output()?;
    assert_eq!(piped.stdout, b"\n");
    assert!(Command::new("/nowhere").spawn().is_err());
    Ok(())
}

#[gmp::test(unsafe)]
fn signals() {
    let received: Receiver<Signal> = signal::notify(&[Signal::SIGUSR2, Signal::SIGHUP]);
    let own = i32::try_from(std::process::id()).unwrap();
    // SAFETY: a signal that is caught, to this process.
    assert_eq!(unsafe { libc::kill(own, libc::SIGUSR2) }, 0);
    assert_eq!(received.recv(), Ok(Signal::SIGUSR2));
    let names = [Signal::SIGINT, Signal::SIGTERM].map(|signal| signal.to_string());
    assert_eq!(names, ["SIGINT", "SIGTERM"]);
    let _waits: fn() = || {
        signal::ctrl_c();
    };
}

#[gmp::test(unsafe)]
fn streams() -> io::Result<()> {
    let mut out = gmp::io::stdout();
    writeln!(out, "from a goroutine")?;
    writeln!(out.lock(), "locked")?;
    out.flush()?;
    let _lines: fn() -> io::Result<usize> = || {
        let mut line = String::new();
        gmp::io::stdin().read_line(&mut line)?;
        gmp::io::stdin().read_to_string(&mut line)?;
        Ok(gmp::io::stdin().lines().count() + gmp::io::stdin().lock().lines().count())
    };
    let mut to = Vec::new();
    let copied: u64 = gmp::io::copy(&mut &b"bytes"[..], &mut to)?;
    assert_eq!((copied, to.as_slice()), (5, &b"bytes"[..]));
    let (mut a, b) = gmp::net::UnixStream::pair()?;
    let (mut c, mut d) = gmp::net::UnixStream::pair()?;
    a.write_all(b"relayed")?;
    drop(a);
    assert_eq!(gmp::io::copy(&mut &b, &mut c)?, 7);
    drop(c);
    let mut text = String::new();
    d.read_to_string(&mut text)?;
    assert_eq!(text, "relayed");
    let dynamic: &mut dyn Read = &mut text.as_bytes();
    assert_eq!(gmp::io::copy(dynamic, &mut io::sink())?, 7);
    Ok(())
}
