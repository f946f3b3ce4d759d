//! A bound on the pauses within a request's body.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use hyper::body::Frame;
use tokio::time::Sleep;

/// A pause within a body was too long.
#[derive(Debug, thiserror::Error)]
#[error("data was not received within the designated timeout")]
struct TooLong;

/// A request's body, which fails after a pause that is too long. It has a timer only
/// while it waits: most bodies arrive with their request's head.
struct Paced {
    body: Body,
    longest: Duration,
    /// The end of the pause that it is in.
    end: Option<Pin<Box<Sleep>>>,
}

/// Bounds the pauses within a request's body.
pub(super) fn bounded(request: Request, longest: Duration) -> Request {
    request.map(|body| Body::new(Paced::new(body, longest)))
}

impl Paced {
    fn new(body: Body, longest: Duration) -> Self {
        Self {
            body,
            longest,
            end: None,
        }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.end = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let longest = self.longest;
        let end = self
            .end
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        ready!(end.as_mut().poll(context));
        Poll::Ready(Some(Err(Box::new(TooLong))))
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use axum::body::{Body, Bytes};
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::Paced;

    #[tokio::test]
    async fn a_body_has_a_timer_only_while_it_waits_and_fails_in_the_end() {
        let parts = ["one", "two"].map(|part| Ok::<_, Infallible>(Bytes::from(part)));
        let body = Body::from_stream(stream::iter(parts).chain(stream::pending()));
        let mut body = Paced::new(body, Duration::from_millis(20));
        for part in ["one", "two"] {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
            assert!(body.end.is_none());
        }
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(body.end.is_some());
        assert_eq!(
            error.to_string(),
            "data was not received within the designated timeout"
        );
    }

    #[tokio::test]
    async fn each_pause_may_be_as_long() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let parts = stream::poll_fn(move |context| receiver.poll_recv(context));
        let body = Body::from_stream(parts.map(Ok::<Bytes, Infallible>));
        let mut body = Paced::new(body, Duration::from_secs(600));
        for part in ["one", "two"] {
            assert!(futures_util::poll!(body.frame()).is_pending());
            assert!(body.end.is_some());
            sender.send(Bytes::from(part)).await.unwrap();
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
            assert!(body.end.is_none(), "the next pause begins anew");
        }
        drop(sender);
        assert!(body.frame().await.is_none());
    }
}
