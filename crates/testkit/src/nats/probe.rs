//! Asks a server whether it is there, without credentials.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(2);

/// What a server says of itself in its first line.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Greeting {
    pub(super) server_name: String,
    pub(super) version: String,
}

/// The greeting of the server at `address`; `None` while nothing answers.
pub(super) async fn greeting(address: SocketAddr) -> Option<Greeting> {
    let read = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.ok()?;
        serde_json::from_str(line.strip_prefix("INFO ")?.trim()).ok()
    };
    timeout(LIMIT, read).await.ok().flatten()
}

/// Whether the monitoring endpoint reports a sound server with JetStream.
pub(super) async fn healthy(monitor: SocketAddr) -> bool {
    let read = async {
        let mut stream = TcpStream::connect(monitor).await.ok()?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).lines().next()?.contains(" 200 "))
    };
    timeout(LIMIT, read).await.ok().flatten().unwrap_or(false)
}
