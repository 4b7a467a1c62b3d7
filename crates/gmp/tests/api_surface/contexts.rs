//! `context`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gmp::chan::Receiver;
use gmp::context::{Cancel, Context, ContextError, Never, Stop};
use gmp::select;

#[derive(Debug, PartialEq)]
struct Overload(u32);

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overload {}", self.0)
    }
}

impl Error for Overload {}

fn work(context: &Context) -> Result<u32, ContextError> {
    let (_tx, never) = gmp::chan::bounded::<u32>(0);
    select! {
        recv(context.done()) -> _ => Err(context.err().unwrap()),
        recv(never) -> n => Ok(n.unwrap_or(0)),
    }
}

#[gmp::test(unsafe)]
fn cancelling() {
    let top: Context = Context::background();
    let (context, cancel): (Context, Cancel) = top.with_cancel();
    let done: &Receiver<Never> = context.done();
    let error: Option<ContextError> = context.err();
    assert!(done.try_recv().is_err() && error.is_none());
    let worker = gmp::go({
        let context = context.clone();
        move || work(&context)
    });
    cancel.cancel();
    assert_eq!(worker.join().unwrap(), Err(ContextError::Canceled));
    assert!(context.done().is_closed() && top.err().is_none());
    let (context, cancel) = top.with_cancel();
    drop(cancel);
    assert_eq!(context.err(), Some(ContextError::Canceled));
}

#[gmp::test(unsafe)]
fn causes() {
    let (context, cancel) = Context::background().with_cancel();
    cancel.cancel_with(Overload(3));
    let cause: Option<Arc<dyn Error + Send + Sync>> = context.cause();
    assert_eq!(cause.unwrap().downcast_ref::<Overload>(), Some(&Overload(3)));
    for (context, cancel) in [(); 2].map(|()| Context::background().with_cancel()) {
        let boxed: Box<dyn Error + Send + Sync> = "boxed".into();
        cancel.cancel_with(boxed);
        cancel.cancel_with("a string slice");
        cancel.cancel_with(String::from("a string"));
        let texts = [context.cause(), cancel.cause()].map(|cause| cause.unwrap().to_string());
        assert_eq!(texts, ["boxed", "boxed"]);
    }
}

#[gmp::test(unsafe)]
fn deadlines() {
    let (context, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    assert!(context.deadline().is_some_and(|at| at < Instant::now() + Duration::from_secs(60)));
    assert_eq!(work(&context), Err(ContextError::DeadlineExceeded));
    let at = Instant::now();
    let (context, _cancel) = Context::background().with_deadline(at);
    assert_eq!(
        (context.deadline(), context.err()),
        (Some(at), Some(ContextError::DeadlineExceeded))
    );
    assert_eq!(Context::background().deadline(), None);
}

#[gmp::test(unsafe)]
fn values_and_functions() {
    struct User(&'static str);
    let context = Context::background().with_value(User("u")).with_value::<u8>(7);
    let (below, cancel) = context.with_cancel();
    let user: Option<&User> = below.value::<User>();
    assert_eq!(
        (user.map(|u| u.0), below.value::<u8>(), below.value::<u16>()),
        (Some("u"), Some(&7), None)
    );
    let (tx, rx) = gmp::chan::bounded(1);
    let stop: Stop = below.after_func(move || tx.send("ran").unwrap());
    let other: Stop = below.after_func(|| unreachable!());
    let prevented: bool = other.stop();
    assert!(prevented && !other.stop());
    let apart: Context = below.without_cancel();
    cancel.cancel();
    assert_eq!(rx.recv(), Ok("ran"));
    assert!(!stop.stop() && apart.err().is_none() && apart.value::<User>().is_some());
    assert_eq!(format!("{}", below.err().unwrap()), "context canceled");
    let error: Box<dyn Error + Send + Sync> = Box::new(below.err().unwrap());
    drop(error);
    gmp::scope_with_context(&Context::background(), |s, inner: &Context| {
        s.go(|| assert!(inner.err().is_none())).join().unwrap();
    });
}
