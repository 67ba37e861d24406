//! Two things at once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Which of two futures ended first, and with what.
pub(crate) enum First<L, R> {
    Left(L),
    Right(R),
}

pub(crate) async fn first_of<L, R>(
    left: impl Future<Output = L>,
    right: impl Future<Output = R>,
) -> First<L, R> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if let Poll::Ready(left) = left.as_mut().poll(cx) {
            Poll::Ready(First::Left(left))
        } else {
            right.as_mut().poll(cx).map(First::Right)
        }
    })
    .await
}
