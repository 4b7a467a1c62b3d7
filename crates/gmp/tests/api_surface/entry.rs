//! Starting the runtime.

use std::io;
use std::time::Duration;

use gmp::runtime::Builder;

mod plain {
    #[gmp::main(unsafe)]
    pub(super) fn main() {
        gmp::go(|| ()).join().unwrap();
    }
}

mod with_arguments {
    use std::error::Error;

    #[gmp::main(unsafe, max_procs = 4, stack_size = "1 MiB")]
    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        assert_eq!(gmp::runtime::gomaxprocs(), 4);
        let n: i32 = "12".parse()?;
        assert_eq!(n, 12);
        Ok(())
    }
}

mod with_a_code {
    use std::process::ExitCode;

    #[gmp::main(unsafe)]
    pub(super) fn main() -> ExitCode {
        ExitCode::SUCCESS
    }
}

/// The attribute leaves a function that others can call.
#[test]
fn main_gives_what_the_body_gives() {
    plain::main();
    with_arguments::main().unwrap();
    let _code = with_a_code::main();
}

#[gmp::test(unsafe)]
fn a_test_may_fail_by_error() -> io::Result<()> {
    let pair = gmp::net::UnixStream::pair()?;
    drop(pair);
    Ok(())
}

#[gmp::test(unsafe, max_procs = 3)]
fn a_test_has_options() {
    assert_eq!(gmp::runtime::gomaxprocs(), 3);
}

#[gmp::test(unsafe)]
#[should_panic(expected = "as std's")]
fn a_test_may_be_expected_to_panic() {
    panic!("as std's");
}

#[test]
fn run_borrows_and_returns() {
    let mut list = vec![1, 2];
    // SAFETY: no thread-local is kept over a park.
    let length = unsafe {
        gmp::run::<usize>(|| {
            list.push(3);
            gmp::scope(|s| s.go(|| list.len()).join().unwrap())
        })
    };
    assert_eq!((length, list.len()), (3, 3));
    let builder =
        Builder::new().max_procs(2).stack_size(128 << 10).time_slice(Duration::from_millis(5));
    // SAFETY: as above.
    let procs = unsafe { builder.max_threads(100).run::<usize>(gmp::runtime::gomaxprocs) };
    assert_eq!(procs, 2);
}

#[test]
fn outside_a_runtime() {
    assert!(gmp::try_current().is_none());
    // Blocking calls work, and block the thread.
    let (tx, rx) = gmp::chan::bounded(0);
    let sender = std::thread::spawn(move || tx.send(1));
    assert_eq!((rx.recv(), gmp::block_on(async { 2 }), gmp::blocking(|| 3)), (Ok(1), 2, 3));
    sender.join().unwrap().unwrap();
    gmp::yield_now();
    gmp::checkpoint();
}
