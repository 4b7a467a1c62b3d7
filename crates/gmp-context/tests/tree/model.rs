//! What a tree of coroutines ought to do, without any coroutine.

use proptest::prelude::*;

/// What a coroutine does, step by step; after the last it returns.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Suspends with the sum of what it got so far.
    Suspend,
    /// Makes a child that follows its own script.
    Spawn(Vec<Step>),
    /// Resumes one of its children, if it has any.
    Resume(prop::sample::Index),
    /// Drops one of its children, wherever that stands.
    Drop(prop::sample::Index),
    /// Runs the rest on a segment.
    Grow,
    /// Ends by a panic.
    Panic,
}

pub(crate) fn script() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        6 => Just(Step::Suspend),
        9 => any::<prop::sample::Index>().prop_map(Step::Resume),
        2 => any::<prop::sample::Index>().prop_map(Step::Drop),
        1 => Just(Step::Grow),
        1 => Just(Step::Panic),
    ];
    let leaves = prop::collection::vec(leaf.clone(), 0..8);
    leaves.prop_recursive(4, 64, 8, move |inner| {
        let step = prop_oneof![3 => leaf.clone(), 2 => inner.prop_map(Step::Spawn)];
        prop::collection::vec(step, 6..30)
    })
}

/// How a run of it ended, for coroutine and model alike.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Seen {
    Suspended(u64),
    Returned(u64),
    Panicked(u64),
}

/// The model: a script, where it stands, and its children.
pub(crate) struct Model {
    script: Vec<Step>,
    at: usize,
    sum: u64,
    children: Vec<Model>,
}

impl Model {
    pub(crate) fn new(script: Vec<Step>) -> Model {
        Model { script, at: 0, sum: 0, children: Vec::new() }
    }

    pub(crate) fn resume(&mut self, given: u64, log: &mut Vec<Seen>) -> Seen {
        self.sum += given;
        while let Some(step) = self.script.get(self.at).cloned() {
            self.at += 1;
            match step {
                Step::Suspend => return Seen::Suspended(self.sum),
                Step::Spawn(script) => self.children.push(Model::new(script)),
                Step::Resume(which) if !self.children.is_empty() => {
                    let index = which.index(self.children.len());
                    let seen = self.children[index].resume(self.sum, log);
                    if !matches!(seen, Seen::Suspended(_)) {
                        self.children.swap_remove(index);
                    }
                    log.push(seen);
                }
                Step::Drop(which) if !self.children.is_empty() => {
                    self.children.swap_remove(which.index(self.children.len()));
                }
                Step::Resume(_) | Step::Drop(_) | Step::Grow => {}
                Step::Panic => return Seen::Panicked(self.sum),
            }
        }
        Seen::Returned(self.sum)
    }
}
