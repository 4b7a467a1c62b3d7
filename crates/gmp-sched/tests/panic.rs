//! A panic ends its goroutine only, and is delivered where it is joined.

mod common;

use common::{go, on};
use gmp_sched::{Goexit, goexit, yield_now};

#[test]
fn a_panic_is_delivered_at_join() {
    let payload = on(2, || {
        let h = go(|| -> u32 { std::panic::resume_unwind(Box::new("down")) });
        let other = go(|| {
            yield_now();
            7
        });
        assert_eq!(other.join().unwrap(), 7);
        h.join().unwrap_err()
    });
    assert_eq!(*payload.downcast::<&str>().unwrap(), "down");
}

#[test]
fn goexit_runs_destructors_and_is_told_apart() {
    on(1, || {
        let (tx, rx) = std::sync::mpsc::channel();
        let h = go(move || {
            struct Last(std::sync::mpsc::Sender<u8>);
            impl Drop for Last {
                fn drop(&mut self) {
                    self.0.send(1).unwrap();
                }
            }
            let _last = Last(tx);
            goexit()
        });
        let end: Result<(), _> = h.join();
        assert!(end.unwrap_err().is::<Goexit>());
        assert_eq!(rx.recv(), Ok(1));
    });
}

#[test]
fn a_panic_of_the_main_goroutine_leaves_run_and_the_next_run_works() {
    let end: Result<(), _> =
        std::panic::catch_unwind(|| on(2, || std::panic::resume_unwind(Box::new(5u8))));
    assert_eq!(*end.unwrap_err().downcast::<u8>().unwrap(), 5);
    assert_eq!(on(2, || 6), 6);
}

#[test]
fn a_destructor_that_waits_while_unwinding_keeps_its_thread() {
    on(2, || {
        struct Waits;
        impl Drop for Waits {
            fn drop(&mut self) {
                let before = std::thread::current().id();
                assert_eq!(go(|| 1).join().unwrap(), 1);
                assert_eq!(std::thread::current().id(), before);
                assert!(std::thread::panicking());
            }
        }
        for _ in 0..50 {
            let h = go(|| {
                let _w = Waits;
                std::panic::resume_unwind(Box::new(()));
            });
            h.join().unwrap_err();
        }
        assert!(!std::thread::panicking());
    });
}
