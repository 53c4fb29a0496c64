//! A plain HTTP/1.1 client that sends exactly the bytes it is given.
//!
//! Ordinary clients normalise header names, merge duplicates or refuse odd values; a test of a
//! server needs to send just those. One connection per request, no TLS, no redirects.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    /// A header's first value, when it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics with the body when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

/// Sends a request to `http://host:port/path?query`; panics when there is no answer.
///
/// `Host`, `Content-Length` and `Connection: close` are added unless given.
pub async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    match try_send(method, url, headers, body).await {
        Ok(response) => response,
        Err(error) => panic!("{method} {url}: {error:#}"),
    }
}

/// Like [`send`], for servers that may be away.
pub async fn try_send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> anyhow::Result<Response> {
    let rest = url.strip_prefix("http://").ok_or_else(|| anyhow::anyhow!("not an http URL"))?;
    let split = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let path = if path.is_empty() { "/" } else { path };

    let mut request = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    let length = body.len().to_string();
    let defaults =
        [("Host", authority), ("Content-Length", length.as_str()), ("Connection", "close")];
    let is_given = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let missing = defaults.iter().filter(|(name, _)| !is_given(name));
    for (name, value) in headers.iter().chain(missing) {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    exchange(authority, &request).await
}

/// Sends raw bytes to `host:port`, reads until the server closes, and parses one answer.
pub async fn exchange(authority: &str, request: &[u8]) -> anyhow::Result<Response> {
    let talk = async {
        let mut stream = TcpStream::connect(authority).await?;
        let mut answer = Vec::new();
        // A server may answer and close before it has read everything.
        let sent = stream.write_all(request).await;
        let read = stream.read_to_end(&mut answer).await;
        if answer.is_empty() {
            sent?;
            read?;
        }
        anyhow::Ok(answer)
    };
    parse(&timeout(LIMIT, talk).await??)
}

/// Parses one answer that ends with the input.
pub fn parse(answer: &[u8]) -> anyhow::Result<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| {
        anyhow::anyhow!("incomplete answer {:?}", String::from_utf8_lossy(answer))
    })?;
    let (head, body) = (std::str::from_utf8(&answer[..end])?, &answer[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status.ok_or_else(|| anyhow::anyhow!("no status line"))?.parse()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| anyhow::anyhow!("bad header {line:?}"))?;
        headers.append(HeaderName::try_from(name)?, HeaderValue::from_str(value.trim())?);
    }
    if status == 100 {
        return parse(body);
    }
    let chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
    let body = if chunked { unchunk(body)? } else { Bytes::copy_from_slice(body) };
    Ok(Response { status, headers, body })
}

fn unchunk(mut rest: &[u8]) -> anyhow::Result<Bytes> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n");
        let line = line.ok_or_else(|| anyhow::anyhow!("truncated chunk"))?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line])?, 16)?;
        let chunk = rest
            .get(line + 2..line + 2 + size)
            .ok_or_else(|| anyhow::anyhow!("truncated chunk"))?;
        if size == 0 {
            return Ok(body.into());
        }
        body.extend_from_slice(chunk);
        rest = rest.get(line + 4 + size..).ok_or_else(|| anyhow::anyhow!("truncated chunk"))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_a_truncated_one_is_an_error() {
        let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let response = parse(whole).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "abcde"));
        assert!(parse(&whole[..whole.len() - 12]).is_err());
    }

    #[test]
    fn an_interim_answer_is_skipped() {
        let response =
            parse(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\n\r\nno").unwrap();
        assert_eq!((response.status, response.text().as_str()), (413, "no"));
    }
}
