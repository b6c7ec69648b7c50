//! A client that writes what it is told, byte for byte, and reads a response with the framing that it has.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing in these tests takes so long, unless it hangs.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A response, read to its end.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The first line.
    pub(crate) line: String,
    /// By lower-case name; of several, the last.
    pub(crate) headers: BTreeMap<String, String>,
    /// The whole head as it came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Whether the server will close the connection after it.
    pub(crate) fn closes(&self) -> bool {
        let connection = self.headers.get("connection").map(String::as_str);
        connection == Some("close") || (self.line.starts_with("HTTP/1.0") && connection != Some("keep-alive"))
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The other end of one.
    pub(crate) fn of(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// A request, if its head says what follows; that is its body.
    pub(crate) async fn read_request(&mut self) -> io::Result<Answer> {
        let mut request = self.read_head().await?;
        let length = request.headers.get("content-length").and_then(|length| length.parse().ok());
        request.body = if request.headers.contains_key("transfer-encoding") {
            self.read_chunks().await?
        } else {
            self.read_exactly(length.unwrap_or(0)).await?
        };
        Ok(request)
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Sends a request and reads the response.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> io::Result<Answer> {
        self.send(&request).await?;
        let head = request.as_ref().starts_with(b"HEAD ");
        timeout(LONG, self.read_answer(head)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Reads until something is there that was asked for; fails at the end.
    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }

    pub(crate) async fn read_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Ok(self.take(at + end.len()));
            }
            self.more().await?;
        }
    }

    pub(crate) async fn read_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.more().await?;
        }
        Ok(self.take(count))
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        self.stream.read_to_end(&mut self.buffer).await?;
        Ok(std::mem::take(&mut self.buffer))
    }

    /// The head of a response.
    pub(crate) async fn read_head(&mut self) -> io::Result<Answer> {
        let head = String::from_utf8(self.read_until(b"\r\n\r\n").await?).map_err(io::Error::other)?;
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Ok(Answer { status, line, headers, head, body: Vec::new() })
    }

    /// A response, `to_head` if the request was a HEAD.
    pub(crate) async fn read_answer(&mut self, to_head: bool) -> io::Result<Answer> {
        let mut answer = self.read_head().await?;
        let length = answer.headers.get("content-length").and_then(|length| length.parse().ok());
        if to_head || answer.status == 204 || answer.status == 304 || answer.status < 200 {
            return Ok(answer);
        }
        answer.body = if answer.headers.contains_key("transfer-encoding") {
            self.read_chunks().await?
        } else if let Some(length) = length {
            self.read_exactly(length).await?
        } else {
            self.read_to_end().await?
        };
        Ok(answer)
    }

    /// A chunked body; what follows the last chunk (trailers) is left out.
    async fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_until(b"\r\n").await?;
            let size =
                std::str::from_utf8(&line).ok().and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
            let size = size.ok_or_else(|| io::Error::other("no chunk"))?;
            if size == 0 {
                while self.read_until(b"\r\n").await?.len() > 2 {}
                return Ok(body);
            }
            let chunk = self.read_exactly(size + 2).await?;
            body.extend_from_slice(&chunk[..size]);
        }
    }
}

/// A GET as a keep-alive client sends it.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n")
}

/// A POST.
pub(crate) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// One request on a connection of its own.
pub(crate) async fn once(addr: SocketAddr, request: &str) -> io::Result<Answer> {
    Client::connect(addr).await?.ask(request).await
}
