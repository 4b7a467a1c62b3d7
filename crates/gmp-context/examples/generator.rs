//! Two trees compared by their leaves, each walked by a recursive function that hands out one leaf at a time.
//!
//! The classic use of a coroutine: with callbacks the two walks cannot be interleaved, with hand-written iterators each
//! needs a stack of its own making. Also measures what a resume and a suspension cost. Run it with `--release`.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use gmp_context::{Coroutine, Generator, Resumed, Yielder};

enum Tree {
    Leaf(u32),
    Fork(Box<Tree>, Box<Tree>),
}

impl Tree {
    fn walk(&self, y: &Yielder<(), u32>) {
        match self {
            Tree::Leaf(value) => y.suspend(*value),
            Tree::Fork(left, right) => {
                left.walk(y);
                right.walk(y);
            }
        }
    }

    fn into_leaves(self) -> Generator<u32> {
        Generator::new(move |y| self.walk(y))
    }
}

fn fork(left: Tree, right: Tree) -> Tree {
    Tree::Fork(Box::new(left), Box::new(right))
}

fn main() -> io::Result<()> {
    use Tree::Leaf;
    let one = fork(fork(Leaf(1), Leaf(2)), Leaf(3));
    let other = fork(Leaf(1), fork(Leaf(2), Leaf(3)));
    let same = one.into_leaves().eq(other.into_leaves());
    let mut out = io::stdout().lock();
    writeln!(out, "different trees, same leaves: {same}")?;

    const ROUNDS: u32 = 10_000_000;
    let mut counter = Coroutine::new(|y: &Yielder<u32, u32>, mut n: u32| {
        loop {
            n = y.suspend(n + 1);
        }
    });
    let start = Instant::now();
    let mut n = 0;
    for _ in 0..ROUNDS {
        if let Resumed::<u32, ()>::Yielded(next) = counter.resume(black_box(n)) {
            n = next;
        }
    }
    let each = start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS);
    writeln!(out, "resume and suspend: {each:.2} ns ({n} rounds)")
}
