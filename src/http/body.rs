//! The body of an answer: as much of it as its cap allows, unpacked where it comes packed.
//! Touches: the network, through awc's stream.

use std::{future::poll_fn, pin::pin};

use awc::{body::MessageBody, error::PayloadError};

use super::{
    HttpError,
    gzip::{Gunzip, GzipError},
};

/// A body that has come to its end.
pub(super) struct Body {
    /// What is in it.
    pub(super) bytes: Vec<u8>,
    /// How many bytes came over the wire.
    pub(super) received: u64,
}

/// Reads a body. The cap is for what comes over the wire and for what is unpacked of it alike:
/// there are bytes of gzip without end that unpack to nothing. `length` is what its head tells,
/// since awc takes an early end of the connection for the end of the body.
///
/// # Errors
/// When it is larger, broken, or breaks off.
pub(super) async fn read<B>(
    body: B,
    length: Option<u64>,
    gzip: bool,
    cap: usize,
) -> Result<Body, HttpError>
where
    B: MessageBody<Error = PayloadError>,
{
    if length.is_some_and(|length| length > cap as u64) {
        return Err(HttpError::TooLarge(cap));
    }
    let mut body = pin!(body);
    let mut sink =
        if gzip { Sink::Gzip(Box::new(Gunzip::new(cap))) } else { Sink::Plain(Vec::new()) };
    let mut received = 0;
    while let Some(piece) = poll_fn(|context| body.as_mut().poll_next(context)).await {
        let piece = piece.map_err(|cause| HttpError::Body(cause.to_string()))?;
        received += piece.len();
        if received > cap {
            return Err(HttpError::TooLarge(cap));
        }
        sink.push(&piece).map_err(|cause| from_gzip(cause, cap))?;
    }
    let received = received as u64;
    if length.is_some_and(|length| length != received) {
        return Err(HttpError::Truncated);
    }
    let bytes = sink.finish().map_err(|cause| from_gzip(cause, cap))?;
    Ok(Body { bytes, received })
}

enum Sink {
    Plain(Vec<u8>),
    Gzip(Box<Gunzip>),
}

impl Sink {
    fn push(&mut self, piece: &[u8]) -> Result<(), GzipError> {
        match self {
            Self::Plain(bytes) => {
                bytes.extend_from_slice(piece);
                Ok(())
            }
            Self::Gzip(gunzip) => gunzip.push(piece),
        }
    }

    fn finish(self) -> Result<Vec<u8>, GzipError> {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Gzip(gunzip) => gunzip.finish(),
        }
    }
}

fn from_gzip(cause: GzipError, cap: usize) -> HttpError {
    match cause {
        GzipError::TooLarge => HttpError::TooLarge(cap),
        GzipError::Broken(cause) => HttpError::Gzip(cause.to_string()),
    }
}
