//! What the basic operations cost: medians of seven rounds.

use gmp::chan;

use crate::report::{Report, each};

/// Median of seven rounds of `round`.
fn median(mut round: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = (0..7).map(|_| round()).collect();
    all.sort_unstable_by(f64::total_cmp);
    all[3]
}

pub(crate) fn switch_spawn_channel(report: &mut Report) {
    report.title("The cost of a switch, a spawn, a message");
    let switch = median(|| {
        let n = 200_000;
        each(2 * n, || {
            let one = gmp::go(move || (0..n).for_each(|_| gmp::yield_now()));
            let two = gmp::go(move || (0..n).for_each(|_| gmp::yield_now()));
            one.join().unwrap();
            two.join().unwrap();
        })
    });
    let crowd = median(|| {
        each(1_000 * 200, || {
            let all: Vec<_> =
                (0..1_000).map(|_| gmp::go(|| (0..200).for_each(|_| gmp::yield_now()))).collect();
            all.into_iter().for_each(|h| h.join().unwrap());
        })
    });
    let spawn = median(|| {
        each(100_000, || {
            for _ in 0..100 {
                let all: Vec<_> = (0..1_000).map(|_| gmp::go(|| ())).collect();
                all.into_iter().for_each(|h| h.join().unwrap());
            }
        })
    });
    let message = median(|| {
        let n = 50_000;
        let (ping, pinged) = chan::bounded::<u64>(0);
        let (pong, ponged) = chan::bounded::<u64>(0);
        each(n, || {
            let echo = gmp::go(move || pinged.iter().for_each(|v| pong.send(v).unwrap()));
            for i in 0..n {
                ping.send(i).unwrap();
                assert_eq!(ponged.recv(), Ok(i));
            }
            drop(ping);
            echo.join().unwrap();
        })
    });
    report.figure("yield, 2 goroutines", &format!("{switch:.1} ns"));
    report.figure("yield, 1,000 goroutines", &format!("{crowd:.1} ns"));
    report.figure("spawn and join, batches of 1,000", &format!("{spawn:.0} ns"));
    report.figure("round trip over two unbuffered channels", &format!("{message:.0} ns"));
    report.promise("a switch costs less than 1 µs", switch < 1_000.0 && crowd < 1_000.0);
    report.promise("a goroutine costs less than 2 µs to start and join", spawn < 2_000.0);
    report.promise("a message there and back costs less than 5 µs", message < 5_000.0);
}
