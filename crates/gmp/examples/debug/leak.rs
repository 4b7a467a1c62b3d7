//! A request that gives up on its answer, and a worker that waits for ever to hand it over.

use std::time::Duration;

use gmp::{chan, time};

fn answer(reply: &chan::Sender<u32>) {
    time::sleep(Duration::from_millis(20));
    // Nobody receives any more, but the receiver is still there.
    let _ = reply.send(42);
}

fn request(keep: &mut Vec<chan::Receiver<u32>>) -> Option<u32> {
    let (reply, answers) = chan::bounded(0);
    gmp::go(move || answer(&reply));
    let answer = answers.recv_timeout(Duration::from_millis(1)).ok();
    keep.push(answers);
    answer
}

#[expect(clippy::print_stdout, reason = "a program")]
pub(crate) fn main() {
    let mut keep = Vec::new();
    let answered = (0..1200).filter_map(|_| request(&mut keep)).count();
    println!("{answered} of 1200 requests were answered");
    // A server goes on.
    loop {
        time::sleep(Duration::from_secs(1));
    }
}
