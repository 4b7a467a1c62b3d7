//! Bubbles that deadlock, end too early, or are mixed up are reported.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gmp::sync::WaitGroup;
use gmp::testing::bubble;
use gmp::{chan, time};

/// The message of the panic that `f` ends with.
fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it did not panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast_ref::<&str>().unwrap()).to_owned(),
    }
}

#[gmp::test(unsafe)]
fn a_deadlock_inside_is_reported_with_who_is_left() {
    let text = message(|| {
        bubble(|| {
            let (tx, rx) = chan::bounded::<()>(0);
            let stuck = gmp::go(move || rx.recv().is_err());
            drop(stuck.join());
            drop(tx);
        });
    });
    assert!(text.starts_with("deadlock: all goroutines in bubble are blocked\n"), "{text}");
    assert!(text.contains("[chan receive (durable)], created at"), "{text}");
    assert!(text.contains("[join (durable)]"), "{text}");
}

#[gmp::test(unsafe)]
fn blocked_goroutines_may_not_remain() {
    let text = message(|| {
        bubble(|| drop(gmp::go(|| chan::never::<()>().recv())));
    });
    let words = "deadlock: main bubble goroutine has exited but blocked goroutines remain";
    assert!(text.starts_with(words), "{text}");
    // Time stands still once the root has ended.
    let text = message(|| {
        bubble(|| drop(gmp::go(|| time::sleep(Duration::from_secs(1)))));
    });
    assert!(text.starts_with(words), "{text}");
}

#[gmp::test(unsafe)]
fn a_channel_of_a_bubble_is_not_for_others() {
    let (tx, rx) = bubble(|| chan::bounded::<u8>(1));
    let text = message(|| tx.send(1).unwrap());
    assert!(text.contains("was used outside it"), "{text}");
    let text = message(|| assert!(rx.recv().is_ok()));
    assert!(text.contains("was used outside it"), "{text}");
    let timer = bubble(|| time::Timer::new(Duration::from_secs(1)));
    let text = message(|| assert!(timer.receiver().try_recv().is_ok()));
    assert!(text.contains("was used outside it"), "{text}");
}

#[gmp::test(unsafe)]
fn a_wait_group_of_a_bubble_is_not_for_others() {
    let group = bubble(|| {
        let group = WaitGroup::new();
        group.go(|| time::sleep(Duration::from_secs(1)));
        group.wait();
        group
    });
    let text = message(|| group.add(1));
    assert!(text.contains("a WaitGroup of bubble"), "{text}");
    let text = message(|| group.done());
    assert!(text.contains("was used outside it"), "{text}");
    // One from outside may be used inside; nobody waits for it durably there.
    let outside = WaitGroup::new();
    let inside = outside.clone();
    bubble(move || inside.go(|| ()));
    outside.wait();
}

#[gmp::test(unsafe)]
fn panics_come_out_and_bubbles_do_not_nest() {
    assert_eq!(message(|| bubble(|| panic!("of the root"))), "of the root");
    let text = message(|| bubble(|| bubble(|| ())));
    assert!(text.contains("inside a bubble"), "{text}");
    // Nothing is left over: the next one works.
    assert_eq!(bubble(|| 7), 7);
}

#[test]
fn it_needs_a_goroutine() {
    let text = message(|| bubble(|| ()));
    assert!(text.contains("outside a goroutine"), "{text}");
}
