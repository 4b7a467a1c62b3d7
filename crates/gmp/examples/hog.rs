//! x
use std::sync::{Arc, atomic::*};
use std::time::*;
fn main() {
    unsafe {
        gmp::run(|| {
            let n = 2 * gmp::runtime::gomaxprocs();
            let stop = Arc::new(AtomicBool::new(false));
            let v: Vec<_> = (0..n)
                .map(|_| {
                    let s = stop.clone();
                    gmp::go(move || {
                        let mut x = 0u64;
                        while !s.load(Ordering::Relaxed) {
                            x += 1;
                        }
                        x
                    })
                })
                .collect();
            let mut t: Vec<Duration> = (0..1000)
                .map(|_| {
                    let b = Instant::now();
                    gmp::time::sleep(Duration::from_millis(1));
                    b.elapsed()
                })
                .collect();
            stop.store(true, Ordering::Relaxed);
            println!("{:?}", v.into_iter().map(|h| h.join().unwrap()).collect::<Vec<_>>());
            t.sort();
            println!("p50 {:?} p99 {:?} max {:?}", t[500], t[990], t[999]);
            println!("{:?}", gmp::runtime::metrics().total);
            let (tx, rx) = gmp::chan::bounded::<u64>(0);
            let (tx2, rx2) = gmp::chan::bounded::<u64>(0);
            gmp::go(move || {
                for v in rx {
                    tx2.send(v).unwrap()
                }
            });
            for _ in 0..3 {
                let b = Instant::now();
                for i in 0..1_000_000 {
                    tx.send(i).unwrap();
                    rx2.recv().unwrap();
                }
                println!("pingpong {:?} ns", b.elapsed().as_nanos() / 1_000_000);
            }
            println!(
                "{:?} wakes {}",
                gmp::runtime::metrics().total,
                gmp::runtime::metrics().wakeups
            );
        })
    }
}
