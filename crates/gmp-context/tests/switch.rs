//! The raw switch: two executions alternate, words travel both ways, the commit runs first and sees the leaver saved.

use std::ptr::null_mut;

use gmp_context::{Commit, Context, Stack, StackPool, no_commit, prepare, switch};

static POOL: StackPool = StackPool::new();
const SIZE: usize = 64 << 10;

/// Runs `f` with a fresh stack. What is suspended on it afterwards is forgotten, so it must own nothing.
fn with_stack<T>(f: impl FnOnce(&Stack) -> T) -> T {
    POOL.reserve(SIZE, 1).expect("address space");
    let stack = POOL.take(SIZE);
    let result = f(&stack);
    POOL.give(stack);
    POOL.unreserve(SIZE, 1);
    result
}

/// Keeps the leaver in the `Option<Context>` that `arg` points to.
unsafe extern "C" fn keep(leaving: Context, arg: *mut ()) {
    // SAFETY: each test passes such an address, of a variable that outlives the switch.
    unsafe { arg.cast::<Option<Context>>().write(Some(leaving)) };
}

/// What the two sides share: who is suspended where.
#[derive(Default)]
struct Pair {
    main: Option<Context>,
    other: Option<Context>,
}

/// From the main side to the other, with a word.
unsafe fn over(pair: *mut Pair, word: usize) -> usize {
    // SAFETY: the pair outlives both sides, and only the side that runs touches it.
    let target = unsafe { (*pair).other.take() }.expect("the other side is suspended");
    // SAFETY: as above.
    let keep_here = unsafe { &raw mut (*pair).main }.cast();
    // SAFETY: taken, so used once; `keep` suits `keep_here`.
    unsafe { switch(target, keep, keep_here, word as *mut ()) as usize }
}

/// From the other side back to the main one.
unsafe fn back(pair: *mut Pair, word: usize) -> usize {
    // SAFETY: as in `over`.
    let target = unsafe { (*pair).main.take() }.expect("the main side is suspended");
    // SAFETY: as in `over`.
    let keep_here = unsafe { &raw mut (*pair).other }.cast();
    // SAFETY: as in `over`.
    unsafe { switch(target, keep, keep_here, word as *mut ()) as usize }
}

/// First word: the pair. Adds one to every word after that.
unsafe extern "C" fn add_one(leaving: Context, commit: Commit, arg: *mut (), word: *mut ()) -> ! {
    // SAFETY: the contract of an entry.
    unsafe { commit(leaving, arg) };
    let pair = word.cast::<Pair>();
    // SAFETY: the main side waits.
    let mut word = unsafe { back(pair, 0) };
    loop {
        // SAFETY: the main side waits.
        word = unsafe { back(pair, word + 1) };
    }
}

#[test]
fn words_travel_both_ways() {
    with_stack(|stack| {
        let mut pair = Pair::default();
        let pair = &raw mut pair;
        // SAFETY: a fresh stack.
        let fresh = unsafe { prepare(stack.top(), add_one) };
        // SAFETY: no other side runs yet.
        unsafe { (*pair).other = Some(fresh) };
        // SAFETY: the other side is fresh, then suspended in `back`.
        assert_eq!(unsafe { over(pair, pair as usize) }, 0);
        for n in 0..100_000 {
            // SAFETY: as above.
            assert_eq!(unsafe { over(pair, n) }, n + 1);
        }
    });
}

#[test]
fn frames_lie_on_the_prepared_stack() {
    unsafe extern "C" fn probe(leaving: Context, _: Commit, _: *mut (), word: *mut ()) -> ! {
        let local = 0_u8;
        // SAFETY: the word is the address of a `usize`.
        unsafe { word.cast::<usize>().write((&raw const local).addr()) };
        // SAFETY: the leaver waits; we are never resumed.
        unsafe { switch(leaving, no_commit, null_mut(), null_mut()) };
        unreachable!("nobody has our context");
    }
    with_stack(|stack| {
        let mut local = 0_usize;
        // SAFETY: a fresh stack.
        let fresh = unsafe { prepare(stack.top(), probe) };
        // SAFETY: fresh, used once.
        unsafe { switch(fresh, no_commit, null_mut(), (&raw mut local).cast()) };
        let limit = stack.limit().addr().get();
        assert!((limit..limit + stack.size()).contains(&local));
    });
}

#[test]
fn commit_runs_on_the_successor_after_the_leaver_is_saved() {
    struct Seen {
        leaver: usize,
        local: usize,
    }
    unsafe extern "C" fn look(leaving: Context, arg: *mut ()) {
        let local = 0_u8;
        let seen = Seen { leaver: leaving.as_ptr().addr(), local: (&raw const local).addr() };
        // SAFETY: the argument is the address of a `Seen`.
        unsafe { arg.cast::<Seen>().write(seen) };
    }
    unsafe extern "C" fn entry(leaving: Context, commit: Commit, arg: *mut (), _: *mut ()) -> ! {
        // SAFETY: the contract of an entry.
        unsafe { commit(leaving, arg) };
        // SAFETY: the leaver waits; we are never resumed.
        unsafe { switch(leaving, no_commit, null_mut(), null_mut()) };
        unreachable!("nobody has our context");
    }
    with_stack(|stack| {
        let mut seen = Seen { leaver: 0, local: 0 };
        // SAFETY: a fresh stack.
        let fresh = unsafe { prepare(stack.top(), entry) };
        // SAFETY: fresh, used once; `look` suits its argument.
        unsafe { switch(fresh, look, (&raw mut seen).cast(), null_mut()) };
        let bounds = stack.limit().addr().get()..stack.limit().addr().get() + stack.size();
        assert!(bounds.contains(&seen.local), "commit runs on the successor's stack");
        assert!(!bounds.contains(&seen.leaver), "and gets the leaver's stack pointer");
    });
}
