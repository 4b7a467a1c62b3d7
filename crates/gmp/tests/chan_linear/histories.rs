//! Histories of real runs, and one that must be rejected.

use super::*;

#[test]
fn the_checker_can_fail() {
    let event = |op, call| Event { op, call, end: call + 1 };
    let sent = event(Op::Sent(0, 1), 0);
    assert!(explained(&State::default(), &[sent, event(Op::Received(0, 1), 2)]));
    assert!(!explained(&State::default(), &[sent, event(Op::ReceiveRefused(0, false), 2)]));
    assert!(explained(&State::default(), &[sent, Event { op: Op::Neither, call: 0, end: 2 }]));
}

/// Promises C13, X3, X9.
#[test]
fn histories_are_explained() {
    let rounds = if cfg!(debug_assertions) { 3_000 } else { 30_000 };
    for seed in 0..rounds {
        let clock = AtomicUsize::new(0);
        let barrier = Barrier::new(PARTIES);
        let ((ta, ra), (tb, rb)) = (chan::bounded(CAP), chan::bounded(CAP));
        let (tx, rx) = ([ta, tb], [ra, rb]);
        let play = |me: usize| {
            let mut random = Random(seed * PARTIES as u64 + me as u64);
            barrier.wait();
            let event = |i| {
                let call = clock.fetch_add(1, Ordering::SeqCst);
                let op = act(&mut random, (me * OPS + i) as u64, &tx, &rx);
                Event { op, call, end: clock.fetch_add(1, Ordering::SeqCst) }
            };
            (0..OPS).map(event).collect::<Vec<_>>()
        };
        let history: Vec<Event> = thread::scope(|s| {
            let play = &play;
            let others: Vec<_> = (1..PARTIES).map(|me| s.spawn(move || play(me))).collect();
            let mut all = play(0);
            others.into_iter().for_each(|o| all.extend(o.join().unwrap()));
            all
        });
        assert!(explained(&State::default(), &history), "seed {seed}: {history:#?}");
    }
}
