//! Standard streams: goroutines wait for input without holding a processor, and share output.

mod util;

use std::io::{BufRead, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use gmp::io::{stderr, stdin, stdout};
use gmp::runtime::Builder;

fn run(body: impl FnOnce() + Send) {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(1).run(body) }
}

/// What the body of a child wrote behind `> `; the harness writes, too, also on the same line.
fn lines(output: &std::process::Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().filter_map(|line| Some(line.split_once("> ")?.1.to_string())).collect()
}

/// Bytes that are still in the pipe.
fn unread(pipe: &impl AsRawFd) -> i32 {
    let mut bytes = 0;
    // SAFETY: an open descriptor, and room for the answer.
    assert_eq!(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &mut bytes) }, 0);
    bytes
}

#[test]
fn input_comes_line_by_line_while_others_run() {
    let (reader, mut writer) = gmp::io::pipe().unwrap();
    let feeder = std::thread::spawn(move || {
        for line in ["one\n", "two\n", "thr", "ee\n", "rest without an end"] {
            writer.write_all(line.as_bytes()).unwrap();
            // Sleep: the child, once it has read this, shall wait for the next for thirty turns of its other goroutine.
            let nap = || std::thread::sleep(std::time::Duration::from_millis(3));
            // At most half a minute: a child that has ended reads no more.
            (0..10_000).take_while(|_| unread(&writer) > 0).for_each(|_| nap());
            nap();
        }
    });
    let name = "input_comes_line_by_line_while_others_run";
    let output = util::child_with(name, Stdio::from(OwnedFd::from(reader)), || {
        run(|| {
            static TURNS: AtomicUsize = AtomicUsize::new(0);
            gmp::go(|| {
                loop {
                    TURNS.fetch_add(1, Ordering::Relaxed);
                    gmp::time::sleep(std::time::Duration::from_micros(100));
                }
            });
            let mut line = String::new();
            assert_eq!(stdin().read_line(&mut line).unwrap(), 4);
            assert_eq!(line, "one\n");
            let mut input = stdin().lock();
            line.clear();
            input.read_line(&mut line).unwrap();
            drop(input);
            writeln!(stdout(), "> {}", line.trim()).unwrap();
            for line in stdin().lines() {
                writeln!(stdout(), "> {}", line.unwrap()).unwrap();
            }
            assert_eq!(stdin().read(&mut [0; 4]).unwrap(), 0);
            assert!(TURNS.load(Ordering::Relaxed) > 2, "nobody else ran");
        });
    });
    feeder.join().unwrap();
    assert_eq!(lines(&output), ["two", "three", "rest without an end"]);
}

#[test]
fn input_from_a_file_and_from_nowhere() {
    let path = std::env::temp_dir().join(format!("gmp-stdin-{}", std::process::id()));
    let name = "input_from_a_file_and_from_nowhere";
    let body = || {
        run(|| {
            let text = std::io::read_to_string(stdin()).unwrap();
            writeln!(stdout(), "> {}", text.len()).unwrap();
        });
    };
    std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
    let output = util::child_with(name, Stdio::from(std::fs::File::open(&path).unwrap()), body);
    assert_eq!(lines(&output), ["100000"]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lines(&util::child(name, body)), ["0"]);
}

#[test]
#[expect(clippy::print_stdout, reason = "what is printed shall stay in order with ours")]
fn output_keeps_lines_whole_and_in_order_with_println() {
    let output = util::child("output_keeps_lines_whole_and_in_order_with_println", || {
        run(|| {
            let all: Vec<_> = (0..50)
                .map(|i| {
                    gmp::go(move || {
                        let mut out = stdout().lock();
                        write!(out, "> begin {i}").unwrap();
                        gmp::yield_now(); // With the lock in hand.
                        writeln!(stdout(), " end {i}").unwrap(); // It is ours already.
                    })
                })
                .collect();
            all.into_iter().for_each(|g| g.join().unwrap());
            println!("> println");
            write!(stdout(), "> last, without an end").unwrap();
            writeln!(stderr(), "complaint").unwrap();
        });
    });
    let lines = lines(&output);
    let mut whole: Vec<_> = (0..50).map(|i| format!("begin {i} end {i}")).collect();
    let mut got = lines[..50].to_vec();
    whole.sort();
    got.sort();
    assert_eq!(got, whole);
    assert_eq!(lines[50..], ["println", "last, without an end"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("complaint\n"));
}

/// Nobody reads the output: the writer blocks its thread, one processor goes on with the others.
#[test]
fn a_blocked_output_stops_nobody_else() {
    let output = util::child("a_blocked_output_stops_nobody_else", || {
        let (reader, writer) = gmp::io::pipe().unwrap();
        // In blocking mode again, as an inherited standard output is.
        let writer = OwnedFd::from(writer);
        // SAFETY: two open descriptors; standard output is this child's own.
        unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&writer), 1) };
        drop(writer);
        run(move || {
            let writer = gmp::go(|| stdout().write_all(&[b'x'; 1 << 20]).unwrap());
            for _ in 0..100 {
                gmp::time::sleep(std::time::Duration::from_micros(100));
            }
            assert!(!writer.is_finished());
            let drain = gmp::go(move || {
                let mut reader = reader;
                reader.read_exact(&mut vec![0; 1 << 20]).unwrap();
            });
            writer.join().unwrap();
            drain.join().unwrap();
        });
    });
    assert!(output.status.success(), "{output:?}");
}
