//! `RwLock` and `Semaphore` with everybody who waits, against sequential models: goroutines ask and release one after
//! the other, in a random order, and after each step exactly those are inside, and waiting, whom the model says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Mutex, RwLock, Semaphore};
use crate::chan::{Sender, bounded};

/// Who is inside, each with the channel that tells it to leave.
#[derive(Default)]
struct Inside {
    ids: Arc<Mutex<BTreeSet<usize>>>,
    leave: BTreeMap<usize, Sender<()>>,
}

impl Inside {
    /// Starts a goroutine that goes inside by `enter`, and stays until it is told to leave.
    fn start<G>(&mut self, id: usize, enter: impl FnOnce() -> G + Send + 'static) {
        let ids = Arc::clone(&self.ids);
        let (leave, told) = bounded(1);
        self.leave.insert(id, leave);
        crate::go(move || {
            let guard = enter();
            ids.lock().insert(id);
            told.recv().unwrap();
            ids.lock().remove(&id);
            drop(guard);
        });
    }

    /// Waits until those in `expected` are inside and `settled` holds.
    fn settle(&self, expected: &BTreeSet<usize>, settled: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !(*self.ids.lock() == *expected && settled()) {
            let ids = self.ids.lock().clone();
            assert!(Instant::now() < deadline, "inside: {ids:?}, not {expected:?}");
            crate::yield_now();
        }
    }

    fn leave(&mut self, id: usize) {
        self.leave.remove(&id).unwrap().send(()).unwrap();
    }
}

/// The lock as its documentation describes it.
#[derive(Debug, Default)]
struct LockModel {
    readers: BTreeSet<usize>,
    writer: Option<usize>,
    waiting_readers: BTreeSet<usize>,
    /// The writer that waits for the readers that are in.
    next_writer: Option<usize>,
    more_writers: VecDeque<usize>,
}

impl LockModel {
    fn read(&mut self, id: usize) {
        let closed = self.writer.is_some() || self.next_writer.is_some();
        if closed { &mut self.waiting_readers } else { &mut self.readers }.insert(id);
    }

    fn write(&mut self, id: usize) {
        self.more_writers.push_back(id);
        self.admit_writer();
    }

    fn admit_writer(&mut self) {
        if self.writer.is_none() && self.next_writer.is_none() {
            self.next_writer = self.more_writers.pop_front();
        }
        if self.readers.is_empty() && self.writer.is_none() {
            self.writer = self.next_writer.take();
        }
    }

    fn leave(&mut self, id: usize) {
        self.readers.remove(&id);
        if self.writer == Some(id) {
            self.writer = None;
            self.readers.append(&mut self.waiting_readers);
        }
        self.admit_writer();
    }

    fn inside(&self) -> BTreeSet<usize> {
        self.readers.iter().copied().chain(self.writer).collect()
    }

    fn waiting_writers(&self) -> usize {
        self.more_writers.len() + usize::from(self.next_writer.is_some())
    }
}

/// Runs `test` as the main goroutine for many lists of steps.
fn for_many(
    test: impl Fn(Vec<(u8, prop::sample::Index)>) -> Result<(), TestCaseError> + Send + Sync,
) {
    let steps = prop::collection::vec((0_u8..8, any::<prop::sample::Index>()), 1..40);
    let cases = if cfg!(debug_assertions) { 100 } else { 1_000 };
    // SAFETY: nothing here keeps a thread-local over a park.
    unsafe {
        crate::run(|| TestRunner::new(Config::with_cases(cases)).run(&steps, &test).unwrap());
    }
}

#[test]
fn everybody_at_a_rwlock_is_where_the_model_says() {
    for_many(|steps| {
        let lock = Arc::new(RwLock::new(()));
        let (mut inside, mut model) = (Inside::default(), LockModel::default());
        let settle = |inside: &Inside, model: &LockModel| {
            inside.settle(&model.inside(), || {
                lock.raw.parked_readers() == model.waiting_readers.len()
                    && lock.raw.parked_writers() == model.waiting_writers()
            });
        };
        for (id, (step, who)) in steps.into_iter().enumerate() {
            let mine = Arc::clone(&lock);
            let now = Vec::from_iter(model.inside());
            match step {
                0..3 => {
                    model.read(id);
                    inside.start(id, move || {
                        drop_later(
                            mine,
                            |lock| lock.raw.read(),
                            |lock| {
                                // SAFETY: taken to read by this goroutine.
                                unsafe { lock.raw.unlock_read() }
                            },
                        )
                    });
                }
                3 | 4 => {
                    model.write(id);
                    inside.start(id, move || {
                        drop_later(
                            mine,
                            |lock| lock.raw.write(),
                            |lock| {
                                // SAFETY: taken to write by this goroutine.
                                unsafe { lock.raw.unlock_write() }
                            },
                        )
                    });
                }
                _ if !now.is_empty() => {
                    let id = *who.get(&now);
                    model.leave(id);
                    inside.leave(id);
                }
                _ => continue,
            }
            settle(&inside, &model);
        }
        while let Some(id) = model.inside().pop_first() {
            model.leave(id);
            inside.leave(id);
            settle(&inside, &model);
        }
        prop_assert!(lock.try_write().is_some());
        Ok(())
    });
}

#[test]
fn everybody_at_a_semaphore_is_where_the_model_says() {
    for_many(|steps| {
        const PERMITS: usize = 4;
        let permits = Arc::new(Semaphore::new(PERMITS));
        let mut inside = Inside::default();
        let (mut free, mut held, mut queue) = (PERMITS, BTreeMap::new(), VecDeque::new());
        // The last steps let everybody out.
        let ends = Vec::from_iter(steps.iter().chain(&steps).map(|(_, who)| (7, *who)));
        for (id, (step, who)) in steps.into_iter().chain(ends).enumerate() {
            if step < 5 {
                let (mine, n) = (Arc::clone(&permits), usize::from(step));
                queue.push_back((id, n));
                inside.start(id, move || {
                    drop_later(mine, move |s| s.acquire(n).forget(), move |s| s.release(n))
                });
            } else if !held.is_empty() {
                let at = who.index(held.len());
                let (id, n) = held.iter().nth(at).map(|(id, n)| (*id, *n)).unwrap();
                held.remove(&id);
                free += n;
                inside.leave(id);
            }
            while let Some(&(id, n)) = queue.front().filter(|(_, n)| *n <= free) {
                queue.pop_front();
                free -= n;
                held.insert(id, n);
            }
            let ids = held.keys().copied().collect();
            inside.settle(&ids, || permits.parked() == queue.len() && permits.available() == free);
        }
        prop_assert_eq!(permits.available(), PERMITS);
        Ok(())
    });
}

/// Something that is taken now and given back when the result is dropped.
fn drop_later<T>(
    shared: Arc<T>,
    take: impl FnOnce(&T),
    give: impl FnOnce(&T) + 'static,
) -> impl Drop
where
    T: 'static,
{
    struct Held<T, F: FnOnce(&T)>(Arc<T>, Option<F>);
    impl<T, F: FnOnce(&T)> Drop for Held<T, F> {
        fn drop(&mut self) {
            if let Some(give) = self.1.take() {
                give(&self.0);
            }
        }
    }
    take(&shared);
    Held(shared, Some(give))
}
