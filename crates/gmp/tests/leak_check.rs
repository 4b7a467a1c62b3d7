//! `testing::leaked` and `leak_check` find goroutines that a test left behind.

use gmp::chan;
use gmp::testing::leaked;

#[gmp::test(unsafe, leak_check)]
fn a_tidy_test_passes() {
    let (tx, rx) = chan::bounded(0);
    gmp::go(move || tx.send(1));
    assert_eq!(rx.recv(), Ok(1));
}

/// Promise C15.
#[gmp::test(unsafe, leak_check)]
#[should_panic(expected = "left goroutines behind")]
fn a_goroutine_that_waits_for_ever_is_found() {
    gmp::go(|| chan::never::<()>().recv());
}

#[gmp::test(unsafe)]
fn a_leak_says_who_it_is() {
    let line = line!() + 2;
    let builder = gmp::Builder::new().name("lost");
    let lost = builder.spawn(|| chan::never::<()>().recv()).unwrap();
    let all = leaked();
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((one.id, one.name.as_deref()), (lost.id(), Some("lost")));
    assert_eq!(one.state, "chan receive (nil chan)");
    assert_eq!((one.spawned_at.file(), one.spawned_at.line()), (file!(), line));
    assert_eq!(one.parent, gmp::current().id());
}
