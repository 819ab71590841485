//! A connection that is read in sips: what its other side may say before it is answered has a
//! bound, and so has the time until it has taken an answer, whatever reads it. Touches: the
//! connection that it is given; the clock.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take},
    time::{Instant, Sleep, sleep},
};

/// A connection that ends, as if its other side had hung up, once that has said so many bytes
/// since it last took a part of an answer, or so much time has passed since.
#[derive(Debug)]
pub(super) struct Sips<S> {
    stream: Take<S>,
    most: u64,
    patience: Duration,
    /// When the patience is over.
    end: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sips<S> {
    /// `stream`, of which no more than `most` bytes are read between two answers, and which has
    /// the `patience` to wait for as long between them.
    pub(super) fn new(stream: S, most: u64, patience: Duration) -> Self {
        Self { stream: stream.take(most), most, patience, end: Box::pin(sleep(patience)) }
    }

    fn stream(&mut self) -> Pin<&mut S> {
        Pin::new(self.stream.get_mut())
    }

    /// Whether the patience is over; otherwise the task is woken when it is.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.end.as_mut().poll(cx).is_ready()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Sips<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Sips<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = self.stream().poll_write(cx, buf);
        // To try is not enough: who takes no answer has no more to say.
        if let Poll::Ready(Ok(1..)) = wrote {
            let (most, end) = (self.most, Instant::now() + self.patience);
            self.stream.set_limit(most);
            self.end.as_mut().reset(end);
        }
        if self.is_over(cx) && wrote.is_pending() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncWriteExt as _, DuplexStream, duplex},
        time::timeout,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A connection of which 10 bytes are read at a time, and its other side. Either has room for
    /// 100 that nobody has read.
    fn connection() -> (Sips<DuplexStream>, DuplexStream) {
        let (stream, stranger) = duplex(100);
        (Sips::new(stream, 10, PATIENCE), stranger)
    }

    #[tokio::test]
    async fn so_much_is_read_between_two_answers_and_then_it_ends() {
        let (mut sips, mut stranger) = connection();
        stranger.write_all(&[b'x'; 100]).await.unwrap();
        for _ in 0..3 {
            let mut read = Vec::new();
            assert_eq!(sips.read_to_end(&mut read).await.unwrap(), 10);
            assert_eq!(sips.read(&mut [0; 9]).await.unwrap(), 0);
            sips.write_all(b"an answer").await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_no_answer_is_read_no_further_and_then_it_ends() {
        let (mut sips, mut stranger) = connection();
        stranger.write_all(&[b'x'; 100]).await.unwrap();
        sips.write_all(&[b'x'; 100]).await.unwrap();
        let begin = Instant::now();
        assert_eq!(sips.read_to_end(&mut Vec::new()).await.unwrap(), 10);
        assert!(timeout(PATIENCE / 2, sips.write(b"more")).await.is_err(), "there is room");
        assert_eq!(sips.read(&mut [0; 9]).await.unwrap(), 0);
        let ended = timeout(PATIENCE, sips.write(b"more")).await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_little_by_little_is_waited_for_from_one_answer_to_the_next() {
        let (mut sips, mut stranger) = connection();
        for _ in 0..3 {
            let begin = Instant::now();
            for _ in 0..2 {
                sleep(PATIENCE / 4).await;
                stranger.write_all(b"x").await.unwrap();
                assert_eq!(sips.read(&mut [0; 9]).await.unwrap(), 1);
            }
            assert_eq!(begin.elapsed(), PATIENCE / 2);
            sips.write_all(b"an answer").await.unwrap();
        }
        let begin = Instant::now();
        let mut said = 0;
        while timeout(PATIENCE / 4, sips.read(&mut [0; 9])).await.is_err() {
            stranger.write_all(b"x").await.unwrap();
            said += sips.read(&mut [0; 9]).await.unwrap();
            assert!(begin.elapsed() <= PATIENCE, "{said} bytes are waited for");
        }
        assert_eq!((begin.elapsed(), said), (PATIENCE, 3));
    }
}
