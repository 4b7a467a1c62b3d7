//! Two accounts, two transfers, and two locks that are taken in different orders.

use std::sync::Arc;

use gmp::sync::{Barrier, Mutex};

type Account = Arc<Mutex<u64>>;

fn transfer(from: &Account, to: &Account, both_have_begun: &Barrier) {
    let mut from = from.lock();
    // So that it happens every time.
    both_have_begun.wait();
    let mut to = to.lock();
    *from -= 1;
    *to += 1;
}

pub(crate) fn main() {
    let (a, b) = (Account::new(Mutex::new(10)), Account::new(Mutex::new(10)));
    let begun = Barrier::new(2);
    gmp::scope(|scope| {
        scope.go(|| transfer(&a, &b, &begun));
        scope.go(|| transfer(&b, &a, &begun));
    });
}
