//! Models of one direction's word: plain threads as a unit test, every interleaving under loom.
//!
//! The kernel is a mutex around what it has: system calls are ordered by the socket's lock there too.

use std::ptr::NonNull;

use super::{Armed, Desc};
use crate::sync::{Arc, AtomicUsize, Condvar, Mutex, Ordering, model, thread};

/// A waiter as the word sees it: a parking place and a plain field that only `arm` publishes.
#[repr(align(16))]
struct Node {
    woken: Mutex<bool>,
    bell: Condvar,
    /// Written before arming, read by whoever takes the node out of the word.
    published: AtomicUsize,
}

impl Node {
    fn new() -> Arc<Node> {
        Arc::new(Node {
            woken: Mutex::new(false),
            bell: Condvar::new(),
            published: AtomicUsize::new(0),
        })
    }

    fn raw(&self) -> NonNull<()> {
        NonNull::from(self).cast()
    }

    fn wait(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.bell.wait(woken).unwrap();
        }
        *woken = false;
    }

    fn wake(&self) {
        *self.woken.lock().unwrap() = true;
        self.bell.notify_one();
    }
}

/// Wakes what an event or a close took out of the word.
fn deliver(taken: Option<NonNull<()>>, node: &Node) {
    let Some(raw) = taken else { return };
    assert_eq!(raw, node.raw());
    // Relaxed: `arm` published it; that is what is checked here.
    assert_eq!(node.published.load(Ordering::Relaxed), 7, "the node was not published");
    node.wake();
}

/// Reads `wanted` bytes as R1 to R3 say; `Err` when the descriptor is closed.
fn read(desc: &Desc, node: &Node, kernel: &Mutex<u32>, wanted: u32) -> Result<(), ()> {
    let mut got = 0;
    while got < wanted {
        if desc.consume() {
            let mut bytes = kernel.lock().unwrap();
            got += *bytes;
            *bytes = 0;
            continue;
        }
        // Relaxed: published by `arm`.
        node.published.store(7, Ordering::Relaxed);
        match desc.arm(node.raw()) {
            Armed::Waiting => {
                node.wait();
                let mut bytes = kernel.lock().unwrap();
                got += *bytes;
                *bytes = 0;
            }
            Armed::Ready => assert!(desc.restore().is_none()),
            Armed::Closed => return Err(()),
        }
    }
    Ok(())
}

/// Two edges against one reader: each is either remembered or wakes it. A lost one is a deadlock.
#[test]
fn no_edge_is_lost() {
    model(|| {
        let (desc, node) = (Arc::new(Desc::new()), Node::new());
        let kernel = Arc::new(Mutex::new(0));
        let poller = {
            let (desc, node, kernel) = (desc.clone(), node.clone(), kernel.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    *kernel.lock().unwrap() += 1;
                    deliver(desc.event(), &node);
                }
            })
        };
        read(&desc, &node, &kernel, 2).unwrap();
        poller.join().unwrap();
    });
}

/// What is noted before an event is visible to who consumed it: hang-ups and new deadlines rely on it.
#[test]
fn an_event_publishes() {
    model(|| {
        let (desc, node) = (Arc::new(Desc::new()), Node::new());
        let noted = Arc::new(AtomicUsize::new(0));
        let poller = {
            let (desc, node, noted) = (desc.clone(), node.clone(), noted.clone());
            thread::spawn(move || {
                // Relaxed: `event` publishes it; that is what is checked.
                noted.store(1, Ordering::Relaxed);
                deliver(desc.event(), &node);
            })
        };
        if desc.consume() {
            // Relaxed: ordered by `consume`.
            assert_eq!(noted.load(Ordering::Relaxed), 1, "the note came after its event");
        }
        poller.join().unwrap();
    });
}

/// Two readers, one edge with enough for both: the second may arm while the first has the edge in hand.
#[test]
fn an_edge_put_back_reaches_the_waiter() {
    model(|| {
        let (desc, node) = (Arc::new(Desc::new()), Node::new());
        let kernel = Arc::new(Mutex::new(2));
        assert!(desc.event().is_none());
        let first = {
            let (desc, node, kernel) = (desc.clone(), node.clone(), kernel.clone());
            thread::spawn(move || {
                if desc.consume() {
                    // As much as was wanted: there may be more.
                    *kernel.lock().unwrap() -= 1;
                    deliver(desc.restore(), &node);
                }
            })
        };
        read(&desc, &node, &kernel, 1).unwrap();
        first.join().unwrap();
    });
}

/// A close wakes the reader, wherever it is.
#[test]
fn a_close_ends_the_wait() {
    model(|| {
        let (desc, node) = (Arc::new(Desc::new()), Node::new());
        let kernel = Arc::new(Mutex::new(0));
        let closer = {
            let (desc, node) = (desc.clone(), node.clone());
            thread::spawn(move || deliver(desc.close(), &node))
        };
        assert!(read(&desc, &node, &kernel, 1).is_err());
        closer.join().unwrap();
    });
}

/// An event and a timeout: exactly one of them gets the waiter.
#[test]
fn one_of_event_and_timeout_gets_the_waiter() {
    model(|| {
        let (desc, node) = (Arc::new(Desc::new()), Node::new());
        // Relaxed: published by `arm`.
        node.published.store(7, Ordering::Relaxed);
        assert_eq!(desc.arm(node.raw()), Armed::Waiting);
        let poller = {
            let (desc, node) = (desc.clone(), node.clone());
            thread::spawn(move || {
                let taken = desc.event();
                deliver(taken, &node);
                taken.is_some()
            })
        };
        let withdrawn = desc.disarm(node.raw());
        if !withdrawn {
            node.wait();
        }
        let delivered = poller.join().unwrap();
        assert!(withdrawn != delivered);
        // The edge that found nobody is remembered; the one that woke the waiter is not.
        assert_eq!(desc.consume(), withdrawn);
    });
}

/// The states in order, on one thread.
#[test]
fn states() {
    model(|| {
        let (desc, node) = (Desc::new(), Node::new());
        assert!(!desc.consume());
        assert!(desc.restore().is_none());
        assert!(desc.consume());
        assert!(desc.event().is_none());
        assert!(desc.event().is_none());
        assert_eq!(desc.arm(node.raw()), Armed::Ready);
        assert_eq!(desc.arm(node.raw()), Armed::Waiting);
        assert!(!desc.consume());
        assert_eq!(desc.event(), Some(node.raw()));
        assert_eq!(desc.arm(node.raw()), Armed::Waiting);
        assert_eq!(desc.restore(), Some(node.raw()));
        assert!(!desc.disarm(node.raw()));
        assert_eq!(desc.arm(node.raw()), Armed::Waiting);
        assert_eq!(desc.close(), Some(node.raw()));
        assert_eq!(desc.close(), None);
        assert!(desc.event().is_none() && !desc.consume());
        assert_eq!(desc.arm(node.raw()), Armed::Closed);
        desc.reopen();
        assert!(desc.consume());
    });
}
