//! The bodies of a request and of its answer, as the connection's [`Activity`] has to know of them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

use super::activity::{Activity, Busy};

/// The body of a request. Dropped before its end, it leaves bytes that somebody is still sending.
pub(super) struct Taken {
    body: Incoming,
    ended: bool,
    activity: Arc<Activity>,
}

impl Taken {
    pub(super) fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        Self { ended: body.is_end_stream(), body, activity }
    }
}

impl HttpBody for Taken {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.ended |= matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream();
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.ended {
            self.activity.body_was_left();
        }
    }
}

/// The body of an answer. While it is made, its connection is busy; once a piece was handed out and nobody asks for the next, it is not:
/// then the answer is not read.
pub(super) struct Answer {
    body: Body,
    busy: Option<Busy>,
    activity: Arc<Activity>,
}

impl Answer {
    pub(super) fn new(body: Body, busy: Option<Busy>, activity: Arc<Activity>) -> Self {
        Self { body, busy, activity }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let answer = &mut *self;
        answer.busy.get_or_insert_with(|| answer.activity.busy());
        let frame = Pin::new(&mut answer.body).poll_frame(context);
        if frame.is_ready() {
            answer.busy = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
