//! A stack that is copied while its thread may go on, modelled with a stack of one word.

use std::sync::Arc;

use super::*;
use crate::sync::{model, thread};

struct Model {
    halted: Halted,
    stack: AtomicUsize,
}

fn registers(n: usize) -> Registers {
    Registers { pc: n, sp: n, fp: n, lr: n }
}

/// The thread rests twice, with another stack each time, and writes in between. A copy that counts is of one rest.
#[test]
fn model_a_copy_is_of_a_stack_at_rest() {
    model(|| {
        let m = Arc::new(Model { halted: Halted::new(), stack: AtomicUsize::new(0) });
        let thread = {
            let m = m.clone();
            thread::spawn(move || {
                for n in [1, 2] {
                    m.stack.store(n, Ordering::Relaxed);
                    assert!(m.halted.begin(&registers(n)));
                    assert!(!m.halted.begin(&registers(9)), "it rests already");
                    m.halted.end();
                    m.stack.store(7, Ordering::Relaxed);
                }
            })
        };
        if let Some((at, rest)) = m.halted.read() {
            let copy = m.stack.load(Ordering::Relaxed);
            if m.halted.still(rest) {
                assert_eq!(at, registers(copy));
            }
        }
        thread.join().unwrap();
        assert_eq!(m.halted.read(), None);
    });
}
