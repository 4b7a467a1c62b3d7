//! Retaking, modelled: a P has one owner at a time, who sees what the last one wrote.

use std::sync::Arc;

use super::*;
use crate::sync::{fence, model, thread};
use crate::testing::RaceCell;

/// What belongs to whoever owns the P.
#[repr(align(8))]
struct Owned(RaceCell);

struct Model {
    hold: Hold<Owned>,
    p: Owned,
}

impl Model {
    /// The thread holds the P, and is in user code.
    fn new() -> Arc<Model> {
        let model = Arc::new(Model { hold: Hold::new(), p: Owned(RaceCell::new()) });
        model.hold.set(model.raw());
        assert_eq!(model.hold.leave(), 0);
        model
    }

    fn raw(&self) -> *mut Owned {
        ptr::from_ref(&self.p).cast_mut()
    }

    /// A call into the runtime; false when the P is gone.
    fn section(&self) -> bool {
        let kept = self.hold.enter() == Entered::Quiet || self.hold.settle() == Settled::Kept;
        if kept {
            assert!(ptr::eq(self.hold.p(), self.raw()));
            self.p.0.set(self.p.0.get() + 1);
        }
        self.hold.leave();
        kept
    }

    /// The monitor's attempt; the model's heavy fence is a full one.
    fn retake(&self) -> bool {
        // SeqCst fence (retake.md, R2): pairs with E2.
        self.hold.retake(self.raw(), || fence(Ordering::SeqCst))
    }
}

/// The thread enters twice, the monitor takes the P once, at any time.
#[test]
fn model_a_p_has_one_owner() {
    model(|| {
        let m = Model::new();
        let thread = {
            let m = m.clone();
            thread::spawn(move || m.section() && m.section())
        };
        let taken = m.retake();
        if taken {
            m.p.0.set(m.p.0.get() + 10);
        }
        let always_kept = thread.join().unwrap();
        assert!(taken || always_kept, "the P is gone and nobody has it");
    });
}

/// The P that is given back is seen as its last owner left it; taking it once more is no different.
#[test]
fn model_a_grant_publishes() {
    model(|| {
        let m = Model::new();
        let thread = {
            let m = m.clone();
            thread::spawn(move || m.section())
        };
        if m.retake() {
            m.p.0.set(m.p.0.get() + 10);
            if m.hold.grant(m.raw()) && m.retake() {
                m.p.0.set(m.p.0.get() + 10);
            }
        }
        thread.join().unwrap();
    });
}

/// A thread that has lost its P and stops is either queued by the monitor or has a P again.
#[test]
fn model_a_halt_meets_a_grant() {
    model(|| {
        let m = Model::new();
        assert!(m.retake());
        m.p.0.set(1);
        let thread = {
            let m = m.clone();
            thread::spawn(move || {
                let disturbed = m.hold.enter() == Entered::Disturbed;
                assert!(disturbed, "the thread trusts a P that is not its own");
                let settled = m.hold.settle_in_handler();
                if settled == Settled::Kept {
                    assert_eq!(m.p.0.get(), 1);
                }
                m.hold.leave();
                settled
            })
        };
        let granted = m.hold.grant(m.raw());
        let settled = thread.join().unwrap();
        assert_eq!(granted, settled == Settled::Kept);
        assert_eq!(m.hold.lost() == Lost::Halted, !granted);
    });
}

/// A mark is wiped off by entering, and does not let the monitor take what is in use.
#[test]
fn model_a_mark_takes_nothing() {
    model(|| {
        let m = Model::new();
        let thread = {
            let m = m.clone();
            thread::spawn(move || m.section())
        };
        let watch = {
            let m = m.clone();
            thread::spawn(move || m.hold.mark())
        };
        let taken = m.retake();
        if taken {
            m.p.0.set(m.p.0.get() + 10);
        }
        let kept = thread.join().unwrap();
        let marked = watch.join().unwrap();
        assert!(taken || kept, "the P is gone and nobody has it");
        if marked && !taken && m.hold.wiped() == 0 {
            assert!(m.section());
            assert_eq!(m.hold.wiped(), 1, "the call was not noticed");
        }
    });
}
