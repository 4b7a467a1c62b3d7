//! A tree that is a list, freed by recursion.

/// A node; dropping it drops the next one, and so on.
struct Node {
    next: Option<Box<Node>>,
}

fn depth(node: &Node) -> usize {
    node.next.as_deref().map_or(1, |next| 1 + depth(next))
}

pub(crate) fn main() {
    let mut list = Node { next: None };
    for _ in 0..1_000_000 {
        list = Node { next: Some(Box::new(list)) };
    }
    let worker = gmp::Builder::new().name("depth");
    let worker = worker.spawn(move || depth(&list)).expect("memory for a stack");
    assert!(worker.join().is_ok());
}
