//! A connection that is read in sips: what its other side may say before it is answered has a
//! bound, whatever reads it. Touches: the connection that it is given.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take},
    net::TcpStream,
};

/// A connection that ends, as if its other side had hung up, once that has said so many bytes
/// since it was last answered.
#[derive(Debug)]
pub(super) struct Sips {
    stream: Take<TcpStream>,
    most: u64,
}

impl Sips {
    /// `stream`, of which no more than `most` bytes are read between two answers.
    pub(super) fn new(stream: TcpStream, most: u64) -> Self {
        Self { stream: stream.take(most), most }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.get_mut())
    }
}

impl AsyncRead for Sips {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Sips {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = self.most;
        self.stream.set_limit(most);
        self.stream().poll_write(cx, buf)
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
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn so_much_is_read_between_two_answers_and_then_it_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stranger = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut sips = Sips::new(stream, 10);
        stranger.write_all(&[b'x'; 100]).await.unwrap();
        for _ in 0..3 {
            let mut read = Vec::new();
            assert_eq!(sips.read_to_end(&mut read).await.unwrap(), 10);
            assert_eq!(sips.read(&mut [0; 9]).await.unwrap(), 0);
            sips.write_all(b"an answer").await.unwrap();
        }
    }
}
