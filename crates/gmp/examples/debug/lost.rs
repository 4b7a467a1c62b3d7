//! "My goroutine was not woken": it was, and then waited for a processor, behind somebody who computes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use gmp::{chan, time};

fn compute(until: Instant) {
    while Instant::now() < until {
        black_box(0);
    }
}

#[expect(clippy::print_stdout, reason = "a program")]
pub(crate) fn main() {
    let (tx, rx) = chan::unbounded::<Instant>();
    let end = Instant::now() + Duration::from_millis(600);
    let consumer = gmp::go(move || rx.iter().map(|sent| sent.elapsed()).max());
    // Four that compute, for two processors.
    (0..4).for_each(|_| drop(gmp::go(move || compute(end))));
    while Instant::now() < end {
        tx.send(Instant::now()).expect("the consumer is there");
        time::sleep(Duration::from_millis(5));
    }
    drop(tx);
    let longest = consumer.join().expect("no panic").unwrap_or_default();
    let waited = gmp::runtime::metrics().latency(0.99);
    println!("longest way {longest:?}; 99 of 100 waited less than {waited:?} to run");
}
