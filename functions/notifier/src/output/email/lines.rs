//! A connection to a mail server before it is encrypted, read line by line.
//!
//! What reads ahead of the line that agrees to STARTTLS would take what somebody on the way put behind it for answers
//! of the encrypted server, and count a mail as taken that nobody has (RFC 3207, §6). Read like this, all of that is
//! left to TLS, which is no friend of plain text.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// So much is read of a server in one conversation, certificates included.
const LIMIT: usize = 1024 * 1024;
/// So much is looked at to find the end of a line.
const AHEAD: usize = 4096;

/// A TCP connection that no read takes more of than the rest of a line.
#[derive(Debug)]
pub(super) struct Lines {
    stream: TcpStream,
    left: usize,
}

impl Lines {
    pub(super) const fn of(stream: TcpStream) -> Self {
        Self {
            stream,
            left: LIMIT,
        }
    }
}

impl AsyncTokioStream for Lines {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let message = format!("the server said more than {LIMIT} bytes");
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, message)));
        }
        let mut bytes = [0; AHEAD];
        let room = AHEAD.min(buffer.remaining()).min(self.left);
        let mut ahead = ReadBuf::new(&mut bytes[..room]);
        ready!(self.stream.poll_peek(context, &mut ahead))?;
        let end = ahead.filled().iter().position(|byte| *byte == b'\n');
        let length = end.map_or(ahead.filled().len(), |end| end + 1);
        let mut line = ReadBuf::new(&mut bytes[..length]);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut line))?;
        self.left -= line.filled().len();
        buffer.put_slice(line.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn saying(bytes: Vec<u8>) -> Lines {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (mut server, _) = listener.accept().await.unwrap();
        tokio::spawn(async move { server.write_all(&bytes).await });
        Lines::of(stream.unwrap())
    }

    #[tokio::test]
    async fn no_read_goes_beyond_a_line() {
        let mut lines = saying(b"220 go on\r\n250 put in\r\nrest".to_vec()).await;
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            lines.read_buf(&mut line).await.unwrap();
        }
        assert_eq!(line, b"220 go on\r\n");
        let mut rest = String::new();
        lines.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "250 put in\r\nrest");
    }

    #[tokio::test]
    async fn a_server_that_never_ends_is_left() {
        let mut lines = saying(vec![b'x'; LIMIT + 1]).await;
        let error = lines.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "the server said more than 1048576 bytes");
    }
}
