//! Elements of no size and of 1 MiB; many elements; blocks of the unbounded buffer.

use std::thread;

use gmp::chan;

/// Runs `f` with room for many copies of a large value on the stack.
fn on_a_large_stack(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(256 << 20).spawn(f).unwrap().join().unwrap();
}

#[test]
fn c10_elements_of_no_size_are_counted() {
    for (tx, rx) in [chan::bounded(0), chan::bounded(7), chan::unbounded()] {
        let sender = thread::spawn(move || (0..1000).for_each(|_| tx.send(()).unwrap()));
        assert_eq!(rx.iter().count(), 1000);
        sender.join().unwrap();
    }
}

/// Promise C10.
#[test]
fn elements_of_a_mebibyte_arrive_whole() {
    const SIZE: usize = 1 << 20;
    type Large = [u8; SIZE];
    fn check(value: &Large, i: u8) {
        assert!(value.iter().all(|&b| b == i), "value {i} is damaged");
    }
    for make in [|| chan::bounded::<Large>(0), || chan::bounded(3), || chan::unbounded()] {
        on_a_large_stack(move || {
            let (tx, rx) = make();
            let sender = thread::Builder::new()
                .stack_size(256 << 20)
                .spawn(move || (0..10).for_each(|i| tx.send([i; SIZE]).unwrap()))
                .unwrap();
            for i in 0..5 {
                check(&rx.recv().unwrap(), i);
            }
            for i in 5..10 {
                gmp::select! {
                    recv(rx) -> value => check(&value.unwrap(), i),
                    recv(chan::never::<()>()) -> _ => unreachable!(),
                }
            }
            assert!(rx.recv().is_err());
            sender.join().unwrap();
        });
    }
}

#[test]
fn an_unbounded_channel_keeps_the_order_over_its_blocks() {
    // Filled and emptied by different amounts, so that the cursors meet block ends in all combinations.
    let (tx, rx) = chan::unbounded();
    let (mut sent, mut received) = (0_u64, 0_u64);
    for step in 0..600 {
        for _ in 0..step % 97 {
            tx.send(sent).unwrap();
            sent += 1;
        }
        for _ in 0..(step * 7) % 89 {
            match rx.try_recv() {
                Ok(value) => {
                    assert_eq!(value, received);
                    received += 1;
                }
                Err(_) => assert_eq!(received, sent),
            }
        }
        assert_eq!(rx.len() as u64, sent - received);
    }
    drop(tx);
    assert_eq!(rx.iter().count() as u64, sent - received);
}

#[test]
fn values_with_heap_memory_are_moved_not_copied() {
    for (tx, rx) in [chan::bounded(2), chan::unbounded()] {
        let text = String::from("a text that does not fit into its handle");
        let address = text.as_ptr();
        tx.send(text).unwrap();
        let text = rx.recv().unwrap();
        assert_eq!(text.as_ptr(), address);
    }
}
