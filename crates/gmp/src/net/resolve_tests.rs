//! What is looked up, and in whose turn.

use std::option;
use std::sync::{Arc, Condvar, Mutex};

use super::*;
use crate::runtime::Builder;

#[test]
fn addresses_are_told_from_names() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    assert!(is_address(&address) && is_address(&&address));
    assert!(is_address(&[address].as_slice()) && is_address(&&[address].as_slice()));
    assert!(is_address(&(Ipv4Addr::LOCALHOST, 1u16)) && is_address(&(Ipv6Addr::LOCALHOST, 1u16)));
    assert!(is_address(&"127.0.0.1:80") && is_address(&"[::1]:80".to_owned()));
    assert!(is_address(&&"127.0.0.1:80") && is_address(&&"[::1]:80".to_owned()));
    assert!(is_address(&("127.0.0.1", 80u16)) && is_address(&&("::1", 80u16)));
    assert!(is_address(&("::1".to_owned(), 80u16)));
    assert!(!is_address(&"localhost:80") && !is_address(&&"localhost:80"));
    assert!(!is_address(&("localhost", 80u16)) && !is_address(&("localhost".to_owned(), 80u16)));
    assert!(!is_address(&("[::1]", 80u16)) && !is_address(&String::from("127.0.0.1")));
}

/// Looking it up takes until the door opens. How many have begun, and whether it is open.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Door {
    fn begun(&self) -> usize {
        self.0.0.lock().unwrap().0
    }

    fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

impl ToSocketAddrs for Door {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let mut state = self.0.0.lock().unwrap();
        state.0 += 1;
        let _open = self.0.1.wait_while(state, |state| !state.1).unwrap();
        Ok(Some(SocketAddr::from(([127, 0, 0, 1], 1))).into_iter())
    }
}

/// Runs `f` in a runtime of its own.
fn on<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: no thread-local is kept over a park.
    unsafe { Builder::new().max_procs(2).run(f) }
}

/// `n` goroutines that look `door` up, two at a time.
fn visit(door: &Door, n: usize) -> Vec<crate::JoinHandle<()>> {
    let visitor = |door: Door| move || assert_eq!(resolve(&door, 2).unwrap().count(), 1);
    (0..n).map(|_| crate::go(visitor(door.clone()))).collect()
}

/// Until two of four look up and two wait for their turn.
fn until_queued(door: &Door) {
    let queued = || gmp_sched::goroutines().iter().filter(|g| g.state == "semacquire").count();
    while (door.begun(), queued()) != (2, 2) {
        crate::yield_now();
    }
}

#[test]
fn further_look_ups_wait_for_their_turn() {
    on(|| {
        let door = Door::default();
        let visitors = visit(&door, 4);
        until_queued(&door);
        door.open();
        visitors.into_iter().for_each(|g| g.join().unwrap());
        assert_eq!(door.begun(), 4);
    });
}

#[test]
fn look_ups_of_a_runtime_that_has_ended_hold_up_nobody() {
    let (closed, open) = (Door::default(), Door::default());
    open.open();
    on(|| {
        drop(visit(&closed, 4));
        until_queued(&closed);
    });
    on(|| {
        visit(&open, 4).into_iter().for_each(|g| g.join().unwrap());
        // Those that were under way end, and give their turns to goroutines that never go on.
        closed.open();
        visit(&open, 4).into_iter().for_each(|g| g.join().unwrap());
    });
    assert_eq!((open.begun(), closed.begun()), (8, 2));
}
