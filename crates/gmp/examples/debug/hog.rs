//! A checksum that takes its time, on a server whose ticks shall be on time.

use std::hint::black_box;
use std::time::Duration;

use gmp::time;

fn checksum(data: &[u8]) -> u64 {
    data.iter().fold(0, |sum, &byte| black_box(sum).wrapping_mul(31) + u64::from(byte))
}

fn serve(data: &[u8]) {
    loop {
        (0..200).for_each(|_| drop(black_box(checksum(data).to_le_bytes().to_vec())));
        gmp::yield_now();
    }
}

pub(crate) fn main() {
    let data: &'static [u8] = vec![7; 1 << 20].leak();
    (0..2).for_each(|n| {
        let builder = gmp::Builder::new().name(format!("checksum-{n}"));
        builder.spawn(move || serve(data)).expect("memory for a stack");
    });
    let ticker = time::Ticker::new(Duration::from_millis(10));
    ticker.receiver().iter().for_each(drop);
}
