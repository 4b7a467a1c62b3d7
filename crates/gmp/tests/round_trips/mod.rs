//! What several test files share: a sign that goroutines go on.

use gmp::chan;

/// As many round trips between goroutines as would be impossible without a processor.
pub(crate) fn round_trips() {
    let (there, back) = (chan::bounded(0), chan::bounded(0));
    let echo = gmp::go(move || there.1.iter().for_each(|n: u32| back.0.send(n).unwrap()));
    for n in 0..200 {
        there.0.send(n).unwrap();
        assert_eq!(back.1.recv(), Ok(n));
    }
    drop(there.0);
    echo.join().unwrap();
}
