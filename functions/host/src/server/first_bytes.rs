//! A connection whose client must begin to speak in time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What a client of HTTP/2 says first (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads fail unless the version of HTTP can be told within a time: whoever speaks HTTP waits for
/// that much without a limit of its own. From then on, its own limits hold.
pub(super) struct FirstBytes<S> {
    stream: S,
    /// As much of [`PREFACE`] as was read.
    matched: usize,
    /// Until the version is told.
    limit: Option<Pin<Box<Sleep>>>,
}

impl<S> FirstBytes<S> {
    pub(super) fn within(limit: Duration, stream: S) -> Self {
        Self {
            stream,
            matched: 0,
            limit: Some(Box::pin(tokio::time::sleep(limit))),
        }
    }

    /// Lifts the limit once these bytes tell the version.
    fn hear(&mut self, bytes: &[u8]) {
        let rest = &PREFACE[self.matched..];
        match rest.starts_with(bytes) && bytes.len() < rest.len() {
            true => self.matched += bytes.len(),
            false => self.limit = None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstBytes<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let Some(limit) = &mut this.limit else {
            return read;
        };
        if read.is_pending() {
            ready!(limit.as_mut().poll(cx));
            let message = "the client did not say in time which HTTP it speaks";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
        }
        this.hear(&buffer.filled()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstBytes<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Time is paused: it goes on by itself where everything waits.
#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// How the second read ends for who said this much, and nothing more.
    async fn second_read(said: &[u8]) -> Option<io::ErrorKind> {
        let (mut client, server) = duplex(64);
        let mut server = FirstBytes::within(LIMIT, server);
        client.write_all(said).await.unwrap();
        let mut buffer = vec![0; said.len()];
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(buffer, said);
        let read = timeout(2 * LIMIT, server.read(&mut [0; 8])).await;
        read.ok().map(|read| read.unwrap_err().kind())
    }

    #[rstest::rstest]
    #[case::nothing(b"")]
    #[case::what_both_could_begin_with(b"P")]
    #[case::a_part_of_the_preface(&PREFACE[..23])]
    #[tokio::test(start_paused = true)]
    async fn who_does_not_say_the_version_is_not_waited_for(#[case] said: &[u8]) {
        assert_eq!(second_read(said).await, Some(io::ErrorKind::TimedOut));
    }

    #[rstest::rstest]
    #[case::http1(b"G")]
    #[case::http1_after_a_common_letter(b"PO")]
    #[case::http2(PREFACE)]
    #[case::http2_and_more(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nx")]
    #[tokio::test(start_paused = true)]
    async fn who_said_the_version_is_under_other_limits(#[case] said: &[u8]) {
        assert_eq!(second_read(said).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_letter_at_a_time_does_not_move_the_limit() {
        let (mut client, server) = duplex(64);
        let mut server = FirstBytes::within(LIMIT, server);
        let slow = tokio::spawn(async move {
            for letter in PREFACE {
                tokio::time::sleep(LIMIT / 4).await;
                if client.write_all(&[*letter]).await.is_err() {
                    return;
                }
            }
        });
        let error = server.read_exact(&mut [0; 24]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(server);
        slow.await.unwrap();
    }
}
