//! The load: signed webhooks, or messages with a token, over kept-alive connections, and a sink that only counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Secret of the source that is loaded.
pub(crate) const SECRET: &str = "bench-secret";

/// The topic that is loaded.
pub(crate) const RUNS: &str = "public.cps.za.runs";

/// A push of some commits: JSON of about 6 KB, the usual size of a GitHub webhook.
pub(crate) fn body() -> Vec<u8> {
    let commit = |number: usize| {
        serde_json::json!({
            "id": format!("{number:040x}"), "message": "Change what is there, and say why it was changed\n\nIn two paragraphs.",
            "timestamp": "2026-01-01T00:00:00Z", "url": format!("https://github.com/octo/repo/commit/{number:040x}"),
            "author": {"name": "Octo Cat", "email": "octo@example.com", "username": "octocat"},
            "added": ["src/new.rs"], "removed": [], "modified": ["src/lib.rs", "README.md", "docs/architecture.md"],
        })
    };
    let push = serde_json::json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": "1".repeat(40),
        "repository": {"id": 1, "name": "repo", "full_name": "octo/repo", "url": "https://api.github.com/repos/octo/repo"},
        "commits": (0..12).map(commit).collect::<Vec<_>>(), "sender": {"login": "octocat", "id": 583231},
    });
    push.to_string().into_bytes()
}

fn sign(body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Makes the whole request for an id.
pub(crate) type Requests = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// Signed webhooks of one size, each with its own id.
pub(crate) fn webhooks() -> Requests {
    let body = body();
    let signature = sign(&body);
    let head = format!(
        "POST /hooks/bench HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         X-GitHub-Event: push\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n",
        body.len()
    );
    Arc::new(move |id| {
        [head.as_bytes(), format!("X-GitHub-Delivery: {id}\r\n\r\n").as_bytes(), &body].concat()
    })
}

/// Messages of the topic of runs with a token, of about the size of the webhooks, each with its own id.
pub(crate) fn runs(token: &str) -> Requests {
    let job = |number: usize| {
        serde_json::json!({
            "country": "za", "catalog_id": format!("database.table_{number:04}"), "status": "succeeded",
            "timestamp_start": 1_767_225_600_000_u64, "timestamp_end": 1_767_225_660_000_u64,
            "message": "Change what is there, and say why it was changed, in two sentences. This is the second one.",
            "additional_info": {"rows": number, "partitions": ["2026-01-01", "2026-01-02"], "engine": "spark"},
        })
    };
    let run = serde_json::json!({
        "event_id": "EVENT-ID", "job_ref": "spark-application-1", "tenant_id": "ABCD", "source_app": "bench",
        "source_app_version": "1.0.0", "environment": "dev", "timestamp_start": 1_767_225_600_000_u64,
        "timestamp_end": 1_767_225_660_000_u64, "jobs": (0..16).map(job).collect::<Vec<_>>(),
    });
    let (run, token) = (run.to_string(), token.to_owned());
    Arc::new(move |id| {
        let body = run.replace("EVENT-ID", id);
        format!(
            "POST /topics/{RUNS} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    })
}

/// Sends `count` requests over `connections` connections; returns the latencies and the time it took.
pub(crate) async fn send(
    target: SocketAddr,
    requests: &Requests,
    run: &str,
    count: usize,
    connections: usize,
) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (next, requests, run) = (Arc::clone(&next), Arc::clone(requests), run.to_owned());
        tasks.spawn(async move {
            let mut stream = TcpStream::connect(target).await?;
            stream.set_nodelay(true)?;
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(latencies);
                }
                let request = requests(&format!("{run}-{number}"));
                let sent = Instant::now();
                stream.write_all(&request).await?;
                let status = read_answer(&mut stream).await?;
                latencies.push(sent.elapsed());
                ensure!(status == 202, "a request was answered {status}");
            }
        });
    }
    let mut latencies = Vec::with_capacity(count);
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let took = begin.elapsed();
    latencies.sort_unstable();
    Ok((latencies, took))
}

async fn read_answer(stream: &mut TcpStream) -> anyhow::Result<u16> {
    let mut answer = Vec::with_capacity(1024);
    let head = loop {
        ensure!(stream.read_buf(&mut answer).await? > 0, "the connection was closed");
        if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&answer[..head])?.to_ascii_lowercase();
    let status = text.split(' ').nth(1).context("no status")?.parse()?;
    let length = text
        .split("content-length:")
        .nth(1)
        .map(|rest| rest.split("\r\n").next().unwrap_or_default().trim());
    let total = head + length.map_or(Ok(0), str::parse)?;
    while answer.len() < total {
        ensure!(stream.read_buf(&mut answer).await? > 0, "the connection was closed");
    }
    Ok(status)
}

/// What a destination answers to a body.
pub(crate) type Answer = fn(&[u8]) -> Vec<u8>;

/// A destination that answers 200 to everything and counts. It reads no more of HTTP than it must.
pub(crate) struct CountingSink {
    pub address: SocketAddr,
    count: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl CountingSink {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::answering(|_| Vec::new(), Duration::ZERO).await
    }

    /// Answers each request with this, after this time.
    pub(crate) async fn answering(answer: Answer, delay: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let count = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let counter = Arc::clone(&count);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer_all(stream, Arc::clone(&counter), answer, delay));
            }
        });
        Ok(Self { address, count, _tasks: tasks })
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn reset(&self) {
        self.count.store(0, Ordering::Relaxed);
    }
}

async fn answer_all(
    mut stream: TcpStream,
    count: Arc<AtomicUsize>,
    answer: Answer,
    delay: Duration,
) {
    stream.set_nodelay(true).ok();
    let mut buffer = Vec::with_capacity(32 * 1024);
    loop {
        while let Some((head, length)) = complete_request(&buffer) {
            let body = answer(&buffer[head..length]);
            buffer.drain(..length);
            count.fetch_add(1, Ordering::Relaxed);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let mut response =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            response.extend(body);
            if stream.write_all(&response).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The lengths of its head and of all of it.
fn complete_request(buffer: &[u8]) -> Option<(usize, usize)> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length: usize =
        text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse().ok()?;
    (buffer.len() >= head + length).then_some((head, head + length))
}
