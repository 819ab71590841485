//! The body of a reply, played piece by piece: so it can drip, break off or never end.
//! Touches: the timer of the server's thread. Never: the socket itself.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    body::{BodySize, MessageBody},
    web::Bytes,
};
use tokio::time::Sleep;

use super::server::Open;

/// What a body does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Sends these bytes.
    Send(Bytes),
    /// Lets what was sent so far reach the wire.
    Flush,
    /// Waits.
    Wait(Duration),
    /// Sends these bytes for ever, with this pause between.
    Repeat(Bytes, Duration),
    /// The connection is dropped; what was not flushed is never sent, the head included.
    Break,
}

/// A body, as its steps.
pub(super) struct Script {
    size: BodySize,
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Ends the journal's entry when the body is complete, or gone with its connection.
    _open: Open,
}

impl Script {
    pub(super) fn new(size: BodySize, steps: impl Into<VecDeque<Step>>, open: Open) -> Self {
        Self { size, steps: steps.into(), sleep: None, _open: open }
    }
}

impl MessageBody for Script {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(Step::Flush) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Wait(pause)) => {
                    self.sleep = Some(Box::pin(tokio::time::sleep(pause)));
                }
                Some(Step::Repeat(bytes, pause)) => {
                    if !pause.is_zero() {
                        self.sleep = Some(Box::pin(tokio::time::sleep(pause)));
                    }
                    self.steps.push_front(Step::Repeat(bytes.clone(), pause));
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Some(Step::Break) => {
                    return Poll::Ready(Some(Err(std::io::Error::other("a fault of the sandbox"))));
                }
            }
        }
    }
}
