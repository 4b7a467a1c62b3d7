//! Random trees of coroutines, resumed in random order, with panics and drops, against a model: every value that goes in
//! comes out once, and every destructor runs once.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use gmp_context::{Coroutine, Resumed, Yielder, grow};
use proptest::prelude::*;

mod model;
use model::{Model, Seen, Step, script};

/// A value whose creations and drops are counted; each way in and out of a coroutine moves one.
struct Token(u64, Rc<Cell<i64>>);

impl Token {
    fn new(value: u64, alive: &Rc<Cell<i64>>) -> Token {
        alive.set(alive.get() + 1);
        Token(value, Rc::clone(alive))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

type Real = Coroutine<Token, Token, Token>;

/// What all coroutines of a tree share.
#[derive(Clone, Default)]
struct Shared {
    alive: Rc<Cell<i64>>,
    log: Rc<RefCell<Vec<Seen>>>,
}

fn real(script: Vec<Step>, shared: Shared) -> Real {
    Coroutine::with_stack_size(128 << 10, move |y: &Yielder<Token, Token>, first: Token| {
        let _held = Token::new(0, &shared.alive);
        let mut state = (first.0, Vec::new());
        follow(&script, y, &shared, &mut state);
        Token::new(state.0, &shared.alive)
    })
    .expect("a stack")
}

fn follow(
    script: &[Step],
    y: &Yielder<Token, Token>,
    shared: &Shared,
    state: &mut (u64, Vec<Real>),
) {
    for (at, step) in script.iter().enumerate() {
        let (sum, children) = state;
        match step {
            Step::Suspend => *sum += y.suspend(Token::new(*sum, &shared.alive)).0,
            Step::Spawn(script) => children.push(real(script.clone(), shared.clone())),
            Step::Resume(which) if !children.is_empty() => {
                let index = which.index(children.len());
                let seen = resume(&mut children[index], *sum, shared);
                if !matches!(seen, Seen::Suspended(_)) {
                    children.swap_remove(index);
                }
                shared.log.borrow_mut().push(seen);
            }
            Step::Drop(which) if !children.is_empty() => {
                children.swap_remove(which.index(children.len()));
            }
            Step::Resume(_) | Step::Drop(_) => {}
            Step::Grow => {
                return grow(64 << 10, || follow(&script[at + 1..], y, shared, state));
            }
            Step::Panic => resume_unwind(Box::new(Token::new(*sum, &shared.alive).0)),
        }
    }
}

fn resume(coroutine: &mut Real, given: u64, shared: &Shared) -> Seen {
    let given = Token::new(given, &shared.alive);
    match catch_unwind(AssertUnwindSafe(|| coroutine.resume(given))) {
        Ok(Resumed::Yielded(token)) => Seen::Suspended(token.0),
        Ok(Resumed::Returned(token)) => Seen::Returned(token.0),
        Err(payload) => Seen::Panicked(*payload.downcast().expect("a sum")),
    }
}

/// The random trees are trees: some suspend inside grandchildren, some panic there.
#[test]
fn scripts_are_worth_running() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut suspended, mut panicked, mut spawned) = (0, 0, 0);
    for _ in 0..256 {
        let script = script().new_tree(&mut runner).expect("a script").current();
        let nested = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::Spawn(_)));
        spawned +=
            script.iter().filter(|s| matches!(s, Step::Spawn(inner) if nested(inner))).count();
        let (mut model, mut log) = (Model::new(script), Vec::new());
        while matches!(model.resume(1, &mut log), Seen::Suspended(_)) {}
        suspended += log.iter().filter(|seen| matches!(seen, Seen::Suspended(_))).count();
        panicked += log.iter().filter(|seen| matches!(seen, Seen::Panicked(_))).count();
    }
    assert!(suspended > 100 && panicked > 20 && spawned > 50, "{suspended} {panicked} {spawned}");
}

proptest! {
    #[test]
    fn trees_do_what_the_model_does(script in script(), inputs in prop::collection::vec(0_u64..1000, 1..20)) {
        let shared = Shared::default();
        let mut root = real(script.clone(), shared.clone());
        let (mut model, mut log) = (Model::new(script), Vec::new());
        for input in inputs {
            let seen = resume(&mut root, input, &shared);
            prop_assert_eq!(&seen, &model.resume(input, &mut log));
            prop_assert_eq!(&*shared.log.borrow(), &log);
            if !matches!(seen, Seen::Suspended(_)) {
                prop_assert!(root.is_finished());
                break;
            }
        }
        drop(root);
        prop_assert_eq!(shared.alive.get(), 0, "every value is dropped once");
    }
}
