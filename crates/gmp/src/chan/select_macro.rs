//! `select!`: the macro.
//!
//! It reads the arms one by one (`@parse`), giving each a name and a number, and then writes (`@emit`):
//!
//! ```text
//! let fired = match (operand, operand, …) {       // evaluated top to bottom
//!     (a0, a1, …) => match run([a0.case(), a1.case(), …], limit, biased) {
//!         0 => Fired::A0(a0.finish()),
//!         1 => Fired::A1(a1.finish()), …
//!     }
//! };                                              // here end the operands, and what they borrow
//! match fired {
//!     Fired::A0(it) => { let msg = it; body }
//!     Fired::A1(it) => { let res = it; body } …
//! }
//! ```
//!
//! So bodies are plain code of the calling function, not closures: `break`, `return` and `?` work, and a
//! body may assign to what its operand named. `Fired` has no destructor (see `arm`), or the borrow checker
//! would count its end, after the body, as a use of all arms' types.

/// Waits until one of several channel operations is ready, carries it out, and runs its arm.
///
/// ```
/// use gmp::{chan, select};
/// use std::time::Duration;
///
/// let (tx, rx) = chan::bounded(1);
/// let (log, _lines) = chan::unbounded();
/// tx.send(1).unwrap();
/// let got = select! {
///     recv(rx) -> msg => msg.unwrap(),
///     send(log, "idle") -> _ => 0,
///     default(Duration::from_millis(10)) => -1,
/// };
/// assert!(got == 1 || got == 0);
/// ```
///
/// * `recv(rx) -> msg => …`: `rx` is a [`Receiver`](crate::chan::Receiver) or a reference to one; `msg`, a
///   pattern that cannot fail, is a `Result<T, RecvError>`.
/// * `send(tx, value) -> res => …`: `res` is a `Result<(), SendError<T>>`.
/// * `default => …` is taken when no other arm is ready; `default(timeout) => …` when none is for so long.
///
/// If several arms are ready one of them is drawn, each with the same probability; with `biased;` as the
/// first line the first of them is taken. A closed channel is ready, and one from
/// [`never`](crate::chan::never) is not. Operands, also the values to send and the timeout, are evaluated
/// once, from top to bottom, before any arm is chosen; a value that is not sent is dropped. Up to 64 arms;
/// without any, it waits for ever.
///
/// Parks the goroutine, or blocks the thread; with `default` neither.
///
/// Wrong forms are named:
///
/// ```compile_fail
/// let (_tx, rx) = gmp::chan::bounded::<i32>(0);
/// gmp::select! { recv(rx) => () }
/// ```
///
/// ```compile_fail
/// gmp::select! { default => (), default => () }
/// ```
#[macro_export]
macro_rules! select {
    () => {
        $crate::chan::arm::forever()
    };
    (biased; $($arms:tt)*) => {
        $crate::__gmp_select!(@begin [true] $($arms)*)
    };
    ($($arms:tt)*) => {
        $crate::__gmp_select!(@begin [false] $($arms)*)
    };
}

/// The work of [`select!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __gmp_select {
    (@begin $biased:tt $($arms:tt)*) => {
        $crate::__gmp_select!(@parse $biased
            [
                (a0 A0 0) (a1 A1 1) (a2 A2 2) (a3 A3 3) (a4 A4 4) (a5 A5 5) (a6 A6 6)
                (a7 A7 7) (a8 A8 8) (a9 A9 9) (a10 A10 10) (a11 A11 11) (a12 A12 12) (a13 A13 13)
                (a14 A14 14) (a15 A15 15) (a16 A16 16) (a17 A17 17) (a18 A18 18) (a19 A19 19) (a20 A20 20)
                (a21 A21 21) (a22 A22 22) (a23 A23 23) (a24 A24 24) (a25 A25 25) (a26 A26 26) (a27 A27 27)
                (a28 A28 28) (a29 A29 29) (a30 A30 30) (a31 A31 31) (a32 A32 32) (a33 A33 33) (a34 A34 34)
                (a35 A35 35) (a36 A36 36) (a37 A37 37) (a38 A38 38) (a39 A39 39) (a40 A40 40) (a41 A41 41)
                (a42 A42 42) (a43 A43 43) (a44 A44 44) (a45 A45 45) (a46 A46 46) (a47 A47 47) (a48 A48 48)
                (a49 A49 49) (a50 A50 50) (a51 A51 51) (a52 A52 52) (a53 A53 53) (a54 A54 54) (a55 A55 55)
                (a56 A56 56) (a57 A57 57) (a58 A58 58) (a59 A59 59) (a60 A60 60) (a61 A61 61) (a62 A62 62)
                (a63 A63 63)
            ] [] [] [] $($arms)*)
    };

    // All arms are read.
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt) => {
        $crate::__gmp_select!(@emit $biased $operands $arms $default)
    };

    // Each arm four times: its body is a block, with a comma or without, or ends at a comma, or at the end.
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        recv($r:expr $(,)?) -> $p:pat => $b:block, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::RecvArm::new((&$r).__gmp_operand()))]
            [$($arm)* ($n $v $i ($p) ($b))] $default $($rest)*)
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        recv($r:expr $(,)?) -> $p:pat => $b:block $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::RecvArm::new((&$r).__gmp_operand()))]
            [$($arm)* ($n $v $i ($p) ($b))] $default $($rest)*)
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        recv($r:expr $(,)?) -> $p:pat => $b:expr, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::RecvArm::new((&$r).__gmp_operand()))]
            [$($arm)* ($n $v $i ($p) ($b))] $default $($rest)*)
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        recv($r:expr $(,)?) -> $p:pat => $b:expr) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::RecvArm::new((&$r).__gmp_operand()))]
            [$($arm)* ($n $v $i ($p) ($b))] $default )
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        send($t:expr, $m:expr $(,)?) -> $p:pat => $b:block, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::SendArm::new((&$t).__gmp_operand(), $m))]
            [$($arm)* ($n $v $i ($p) ($b))] $default $($rest)*)
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        send($t:expr, $m:expr $(,)?) -> $p:pat => $b:block $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::SendArm::new((&$t).__gmp_operand(), $m))]
            [$($arm)* ($n $v $i ($p) ($b))] $default $($rest)*)
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        send($t:expr, $m:expr $(,)?) -> $p:pat => $b:expr, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::SendArm::new((&$t).__gmp_operand(), $m))]
            [$($arm)* ($n $v $i ($p) ($b))] $default $($rest)*)
    };
    (@parse $biased:tt [($n:ident $v:ident $i:tt) $($names:tt)*] [$($operand:tt)*] [$($arm:tt)*] $default:tt
        send($t:expr, $m:expr $(,)?) -> $p:pat => $b:expr) => {
        $crate::__gmp_select!(@parse $biased [$($names)*] [$($operand)* ($n $crate::chan::arm::SendArm::new((&$t).__gmp_operand(), $m))]
            [$($arm)* ($n $v $i ($p) ($b))] $default )
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default $(())? => $b:block, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::Limit::Now)]
            $arms [limit ($b)] $($rest)*)
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default $(())? => $b:block $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::Limit::Now)]
            $arms [limit ($b)] $($rest)*)
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default $(())? => $b:expr, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::Limit::Now)]
            $arms [limit ($b)] $($rest)*)
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default $(())? => $b:expr) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::Limit::Now)]
            $arms [limit ($b)] )
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default($d:expr $(,)?) => $b:block, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::within($d))]
            $arms [limit ($b)] $($rest)*)
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default($d:expr $(,)?) => $b:block $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::within($d))]
            $arms [limit ($b)] $($rest)*)
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default($d:expr $(,)?) => $b:expr, $($rest:tt)*) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::within($d))]
            $arms [limit ($b)] $($rest)*)
    };
    (@parse $biased:tt $names:tt [$($operand:tt)*] $arms:tt [] default($d:expr $(,)?) => $b:expr) => {
        $crate::__gmp_select!(@parse $biased $names [$($operand)* (limit $crate::chan::arm::within($d))]
            $arms [limit ($b)] )
    };

    // Forms that are none.
    (@parse $biased:tt [] $operands:tt $arms:tt $default:tt $($rest:tt)+) => {
        compile_error!("`select!` takes up to 64 arms; use `gmp::chan::Select` for more")
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt [$($default:tt)+] default $($rest:tt)*) => {
        compile_error!("`select!` takes one `default` arm")
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt recv($($r:tt)*) => $($rest:tt)*) => {
        compile_error!("a receive arm names its message: `recv(rx) -> msg => …`")
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt send($($r:tt)*) => $($rest:tt)*) => {
        compile_error!("a send arm names its result: `send(tx, value) -> res => …`")
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt recv($($r:tt)*) -> $p:pat => $($rest:tt)*) => {
        compile_error!(concat!(
            "`recv(", stringify!($($r)*), ") -> …`: a receive arm takes one receiver, and its body ends with `,`",
            " unless it is a block"
        ))
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt send($($r:tt)*) -> $p:pat => $($rest:tt)*) => {
        compile_error!(concat!(
            "`send(", stringify!($($r)*), ") -> …`: a send arm takes a sender and a value, and its body ends with",
            " `,` unless it is a block"
        ))
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt biased $($rest:tt)*) => {
        compile_error!("`biased;` is the first line of a `select!`, and ends with `;`")
    };
    (@parse $biased:tt $names:tt $operands:tt $arms:tt $default:tt $($rest:tt)+) => {
        compile_error!(concat!(
            "expected `recv(rx) -> msg => …`, `send(tx, value) -> res => …` or `default => …`, found `",
            stringify!($($rest)+), "`"
        ))
    };

    (@emit [$biased:expr] [$(($operand:ident $value:expr))*] [$(($n:ident $v:ident $i:tt ($p:pat) ($b:expr)))*] []) => {{
        enum __GmpFired<$($v),*> { $($v($crate::chan::arm::Kept<$v>)),* }
        use $crate::chan::arm::Operand as _;
        let fired = match ($($value,)*) {
            ($($operand,)*) => {
                let limit = $crate::chan::arm::Limit::Never;
                match $crate::chan::arm::run([$($n.case()),*], limit, $biased) {
                    $($i => __GmpFired::$v($n.finish()),)*
                    _ => $crate::chan::arm::not_chosen(),
                }
            }
        };
        match fired {
            $(__GmpFired::$v(it) => {
                let $p = $crate::chan::arm::Kept::into_inner(it);
                $b
            })*
        }
    }};

    (@emit [$biased:expr] [$(($operand:ident $value:expr))*] [$(($n:ident $v:ident $i:tt ($p:pat) ($b:expr)))*]
        [$limit:ident ($default:expr)]) => {{
        enum __GmpFired<$($v),*> { $($v($crate::chan::arm::Kept<$v>),)* Default }
        use $crate::chan::arm::Operand as _;
        let fired = match ($($value,)*) {
            ($($operand,)*) => match $crate::chan::arm::run([$($n.case()),*], $limit, $biased) {
                $($i => __GmpFired::$v($n.finish()),)*
                _ => __GmpFired::Default,
            },
        };
        match fired {
            $(__GmpFired::$v(it) => {
                let $p = $crate::chan::arm::Kept::into_inner(it);
                $b
            })*
            __GmpFired::Default => $default,
        }
    }};
}
