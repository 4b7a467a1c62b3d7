//! `sync`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gmp::context::Context;
use gmp::sync::{
    Barrier, BarrierWaitResult, Condvar, ErrGroup, LazyLock, Mutex, MutexGuard, Once, OnceLock,
    RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphoreGuard, SingleFlight, WaitGroup,
};

static CACHE: LazyLock<Mutex<HashMap<String, usize>>> =
    LazyLock::new(|| Mutex::new(HashMap::new()));
static CONFIG: OnceLock<Vec<u8>> = OnceLock::new();

#[gmp::test(unsafe)]
fn mutexes() {
    const fn empty() -> Mutex<Vec<u8>> {
        Mutex::new(Vec::new())
    }
    let list = empty();
    let mut guard: MutexGuard<'_, Vec<u8>> = list.lock();
    guard.push(1);
    let other: Option<MutexGuard<'_, Vec<u8>>> = list.try_lock();
    assert!(other.is_none());
    drop(other);
    drop(guard);
    assert_eq!(list.into_inner(), [1]);
    let mut n = Mutex::new(1);
    *n.get_mut() += 1;
    assert_eq!((*n.lock(), format!("{n:?}").is_empty()), (2, false));
    let unsized_value: Arc<Mutex<dyn Fn() -> u8 + Send>> = Arc::new(Mutex::new(|| 5));
    assert_eq!((unsized_value.lock())(), 5);
    *CACHE.lock().entry("key".into()).or_default() += 1;
    assert_eq!((CACHE.lock()["key"], CONFIG.get_or_init(|| vec![1]).len()), (1, 1));
    assert_eq!((CONFIG.get().map(Vec::len), CONFIG.set(vec![])), (Some(1), Err(vec![])));
    let local = LazyLock::new(|| 3);
    assert_eq!((*local, LazyLock::force(&local)), (3, &3));
}

#[gmp::test(unsafe)]
fn locks_for_readers() {
    let lock = RwLock::new(String::from("a"));
    let one: RwLockReadGuard<'_, String> = lock.read();
    let two: Option<RwLockReadGuard<'_, String>> = lock.try_read();
    let none: Option<RwLockWriteGuard<'_, String>> = lock.try_write();
    assert!(two.is_some() && none.is_none());
    drop(none);
    drop((one, two));
    lock.write().push('b');
    let mut lock = lock;
    lock.get_mut().push('c');
    assert_eq!(lock.into_inner(), "abc");
}

#[gmp::test(unsafe)]
fn conditions() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let mut guard = pair.0.lock();
    let notified: bool = pair.1.wait_for(&mut guard, Duration::from_millis(1));
    assert!(!notified);
    let other = Arc::clone(&pair);
    gmp::go(move || {
        *other.0.lock() = 1;
        other.1.notify_one();
        other.1.notify_all();
    });
    while *guard == 0 {
        pair.1.wait(&mut guard);
    }
    assert_eq!(*guard, 1);
}

#[gmp::test(unsafe)]
fn once_barrier_semaphore() {
    let once = Once::new();
    let mut runs = 0;
    once.call_once(|| runs += 1);
    once.call_once(|| runs += 1);
    assert_eq!(runs, 1);
    let barrier = Barrier::new(2);
    let leaders: usize = gmp::scope(|s| {
        let one = s.go(|| barrier.wait().is_leader());
        let result: BarrierWaitResult = barrier.wait();
        usize::from(result.is_leader()) + usize::from(one.join().unwrap())
    });
    assert_eq!(leaders, 1);
    let permits = Semaphore::new(3);
    let two: SemaphoreGuard<'_> = permits.acquire(2);
    let refused: Option<SemaphoreGuard<'_>> = permits.try_acquire(2);
    assert!(refused.is_none() && permits.try_acquire(1).is_some());
    drop((two, refused));
    assert!(permits.try_acquire(3).is_some());
}

#[gmp::test(unsafe)]
fn groups() {
    let group = WaitGroup::new();
    group.add(2_usize);
    let (a, b) = (group.clone(), group.clone());
    gmp::go(move || a.done());
    gmp::go(move || b.done());
    group.go(|| ());
    group.go(|| panic!("counts as done"));
    group.wait();

    let group = ErrGroup::<std::num::ParseIntError>::new();
    group.set_limit(2);
    for text in ["1", "2", "x"] {
        group.go(move || {
            text.parse::<i32>()?;
            Ok(())
        });
    }
    let result: Result<(), std::num::ParseIntError> = group.wait();
    assert!(result.is_err());
    let (group, context): (ErrGroup<String>, Context) =
        ErrGroup::with_context(&Context::background());
    let inner = context.clone();
    group.go(move || inner.done().recv().map(|never| match never {}).or(Ok(())));
    group.go(|| Err("first".into()));
    assert_eq!(group.wait(), Err("first".to_owned()));
    assert!(context.err().is_some());

    let flights: SingleFlight<String, Arc<str>> = SingleFlight::new();
    let (value, shared): (Arc<str>, bool) = flights.run("k".to_owned(), || Arc::from("v"));
    assert_eq!((&*value, shared), ("v", false));
    flights.forget(&"k".to_owned());
    let by_id = SingleFlight::new();
    assert_eq!(by_id.run(7_u32, || Ok::<_, String>(1)).0, Ok(1));
}
