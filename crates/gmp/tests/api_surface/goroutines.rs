//! `go`, `scope`, and who one is.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::future::{Future, IntoFuture};
use std::io;
use std::thread;

use gmp::{Builder, GoId, Goexit, Goroutine, JoinHandle, Scope, ScopedJoinHandle};

#[gmp::test(unsafe)]
fn go_and_join() {
    let handle: JoinHandle<String> = gmp::go::<_, String>(|| "done".to_owned());
    let id: GoId = handle.id();
    let _ended: bool = handle.is_finished();
    let result: thread::Result<String> = handle.join();
    assert_eq!(result.unwrap(), "done");
    let mut by_id = HashMap::from([(id, id.to_string())]);
    assert!(by_id.remove(&id).is_some_and(|name| name.parse::<u64>().is_ok()));
    let named: io::Result<JoinHandle<i32>> =
        Builder::new().name("n").stack_size(64 << 10).pinned().spawn(|| 1);
    assert_eq!(named.unwrap().join().unwrap(), 1);
    let name = String::from("owned");
    let who = Builder::new().name(name).spawn(|| {
        let me: Goroutine = gmp::current();
        let name: Option<&str> = me.name();
        (me.id(), name.map(str::to_owned))
    });
    let who = who.unwrap();
    let id = who.id();
    assert_eq!(who.join().unwrap(), (id, Some("owned".to_owned())));
    assert_eq!(gmp::current().name(), Some("main"));
    assert_eq!(gmp::try_current().map(|me| me.id()), Some(gmp::current().id()));
    drop(gmp::go(|| ()));
}

#[gmp::test(unsafe)]
fn closures_of_all_kinds() {
    let boxed: Box<dyn FnOnce() -> u8 + Send> = Box::new(|| 7);
    assert_eq!(gmp::go(boxed).join().unwrap(), 7);
    fn plain() -> u8 {
        8
    }
    assert_eq!(gmp::go(plain).join().unwrap(), 8);
    let error =
        gmp::go(|| -> Result<u32, Box<dyn Error + Send + Sync>> { Ok("x".parse::<u32>()?) });
    assert!(error.join().unwrap().is_err());
    let never: JoinHandle<()> = gmp::go(|| gmp::goexit());
    assert!(never.join().unwrap_err().is::<Goexit>());
    let handles: Vec<_> = (0..10).map(|i| gmp::go(move || i * i)).collect();
    assert_eq!(handles.into_iter().map(|h| h.join().unwrap()).sum::<i32>(), 285);
    let panic = gmp::go(|| panic!("a literal")).join().unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a literal"));
}

fn sum<'scope>(s: &'scope Scope<'scope, '_>, parts: &'scope [Vec<u64>]) -> u64 {
    let handles: Vec<ScopedJoinHandle<'scope, u64>> =
        parts.iter().map(|part| s.go(move || part.iter().sum())).collect();
    handles.into_iter().map(|h| h.join().unwrap()).sum()
}

#[gmp::test(unsafe)]
fn scopes_have_the_shape_of_std() {
    let parts = vec![vec![1, 2], vec![3]];
    assert_eq!(gmp::scope(|s| sum(s, &parts)), 6);
    let (mut a, mut b) = (1, vec![1]);
    let total: usize = gmp::scope(|s| {
        s.go(|| a += 1);
        let handle = s.go(|| {
            b.push(2);
            s.go(|| ());
            &b
        });
        let _ended: bool = handle.is_finished();
        let _id: GoId = handle.id();
        let borrowed: &Vec<i32> = handle.join().unwrap();
        borrowed.len()
    });
    assert_eq!((a, total), (2, 2));
    let failed: thread::Result<()> = gmp::scope(|s| s.go(|| panic!("expected")).join());
    assert!(failed.is_err());
}

gmp::goroutine_local! {
    /// Counts.
    static COUNT: Cell<u32> = Cell::new(1);
    pub(crate) static LIST: RefCell<Vec<String>> = RefCell::new(vec!["first".to_owned()]);
}
gmp::goroutine_local!(static SINGLE: u8 = 3);

#[gmp::test(unsafe)]
fn locals_are_as_thread_locals() {
    COUNT.with(|count| count.set(count.get() + 1));
    let length: usize = LIST.with(|list| list.borrow().len());
    assert_eq!((COUNT.get(), length, SINGLE.with(|n| *n)), (2, 1, 3));
    assert_eq!(gmp::go(|| COUNT.with(Cell::get)).join().unwrap(), 1);
}

#[gmp::test(unsafe)]
fn futures_and_blocking_sections() {
    let mut borrowed = vec![1];
    let length: usize = gmp::blocking::<usize>(|| {
        borrowed.push(2);
        borrowed.len()
    });
    assert_eq!(length, 2);
    let text = String::from("borrowed");
    let future = async { text.len() };
    assert_eq!(gmp::block_on(future), 8);
    let boxed: std::pin::Pin<Box<dyn Future<Output = u8>>> = Box::pin(async { 1 });
    assert_eq!(gmp::block_on(boxed), 1);
    let ended: thread::Result<u8> = gmp::block_on(gmp::go(|| 2).into_future());
    assert_eq!(ended.unwrap(), 2);
    assert_eq!(gmp::block_on(async { gmp::go(|| 3).await.unwrap() }), 3);
    gmp::yield_now();
    gmp::checkpoint();
}
