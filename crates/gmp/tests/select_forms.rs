//! The forms of `select!`: an expression, control flow in arms, operands, borrows.

use std::time::{Duration, Instant};

use gmp::chan::{self, Receiver, RecvError, SendError, Sender};
use gmp::select;

fn ready<T>(value: T) -> Receiver<T> {
    let (tx, rx) = chan::bounded(1);
    tx.send(value).ok().unwrap();
    rx
}

#[test]
fn it_is_an_expression() {
    let rx = ready(3);
    let got = select! { recv(rx) -> msg => msg.unwrap() * 2 };
    assert_eq!(got, 6);
    assert_eq!(select! { recv(rx) -> msg => msg, default => Ok(1) }, Err(RecvError));
    assert_eq!(select! { default => 1 }, 1);
    assert_eq!(select! { default(Duration::ZERO) => 2, }, 2);
    assert_eq!(select! { biased; default => 3 }, 3);
    assert_eq!(1 + select! { recv(chan::never::<()>()) -> _ => 1, default() => 2 }, 3);
}

#[test]
fn control_flow_in_arms() {
    fn first(rx: &Receiver<Result<i32, String>>) -> Result<i32, String> {
        loop {
            select! {
                recv(rx) -> msg => {
                    let Ok(value) = msg else { break Ok(0) };
                    match value? {
                        1 => continue,
                        2 => return Ok(20),
                        _ => {}
                    }
                }
                default => return Err("empty".into()),
            }
        }
    }
    let (tx, rx) = chan::unbounded();
    [Ok(1), Ok(3), Ok(2)].into_iter().for_each(|v| tx.send(v).unwrap());
    assert_eq!(first(&rx), Ok(20));
    tx.send(Err("e".into())).unwrap();
    assert_eq!(first(&rx), Err("e".into()));
    assert_eq!(first(&rx), Err("empty".into()));
    drop(tx);
    assert_eq!(first(&rx), Ok(0));
    let mut closed = 0;
    'outer: for round in 0..5 {
        while closed < 5 {
            select! {
                recv(rx) -> _ => {
                    if round == 2 { break 'outer }
                    closed += 1;
                    if closed > round {
                        continue 'outer;
                    }
                }
                default => unreachable!(),
            }
        }
    }
    assert_eq!(closed, 2);
}

#[test]
fn an_arm_assigns_to_what_its_operand_named() {
    let mut rx = ready(1);
    let mut seen = Vec::new();
    for next in 2..5 {
        select! {
            recv(rx) -> msg => {
                seen.push(msg.unwrap());
                rx = ready(next);
            }
        }
    }
    assert_eq!(seen, [1, 2, 3]);

    // Also what another arm's operand named, with values that have destructors.
    let (mut tx, out) = chan::bounded(0);
    let mut name = String::from("a");
    select! {
        recv(rx) -> msg => {
            seen.push(msg.unwrap());
            tx = chan::bounded(1).0;
            name.push('b');
        },
        send(tx, Box::new(name.clone())) -> _ => unreachable!(),
    }
    assert!(out.is_closed());
    assert_eq!((tx.capacity(), name.as_str()), (Some(1), "ab"));
}

#[test]
fn operands_are_any_expressions() {
    struct Service {
        input: Option<Receiver<u8>>,
        output: Box<Sender<u8>>,
    }
    impl Service {
        fn input(&self) -> Receiver<u8> {
            self.input.clone().unwrap()
        }
    }
    let (tx, _rx) = chan::bounded(0);
    let service = Service { input: Some(ready(5)), output: Box::new(tx) };
    let (off, input) = (chan::never(), Box::new(ready(6)));
    select! {
        recv(service.input()) -> msg => assert_eq!(msg, Ok(5)),
        recv(if service.input.is_none() { &*input } else { &off }) -> _ => unreachable!(),
        send(service.output, 7) -> _ => unreachable!(),
        send(&*service.output, { let x = 3; x + 4 }) -> _ => unreachable!(),
        default(Duration::from_secs(60)) => unreachable!(),
    }
    // Patterns, unsizing, closures with inferred types.
    let (tx, rx) = chan::bounded::<Box<dyn Fn(i32) -> i32 + Send>>(1);
    select! { send(tx, Box::new(|x| x + 1)) -> res => assert!(res.is_ok()) }
    let f = select! { recv(rx) -> mut msg => { let f = msg.as_mut().unwrap(); f(1) } };
    assert_eq!(f, 2);
    let pair = ready((1, 2));
    let sum = select! { recv(pair) -> msg => { let (a, b) = msg.unwrap(); a + b }, default => 0 };
    assert_eq!(sum, 3);
}

#[test]
fn sends_give_their_value_back_when_closed() {
    let (tx, rx) = chan::bounded(1);
    drop(rx);
    let res = select! { send(tx, String::from("back")) -> res => res };
    assert_eq!(res, Err(SendError(String::from("back"))));
}

#[test]
fn a_timeout_is_not_short_and_is_not_needed_when_something_is_ready() {
    let since = Instant::now();
    let limit = Duration::from_millis(3);
    select! { recv(chan::never::<()>()) -> _ => unreachable!(), default(limit) => () }
    assert!(since.elapsed() >= limit);
    select! { recv(ready(())) -> _ => (), default(Duration::ZERO) => unreachable!() }
    select! { recv(ready(())) -> _ => (), default(Duration::MAX) => unreachable!() }
}
