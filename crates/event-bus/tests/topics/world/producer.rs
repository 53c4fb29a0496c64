//! Whoever sends messages.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use super::Message;

/// Longer than the gateway waits for destinations.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends over connections that stay open. Cloning is cheap and shares them.
#[derive(Clone)]
pub(crate) struct Producer {
    client: reqwest::Client,
    listen: SocketAddr,
    token: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The `errors`: type and message.
    pub(crate) fn errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors
            .map(|error| {
                (error["type"].as_str().unwrap_or("?"), error["message"].as_str().unwrap_or("?"))
            })
            .collect()
    }
}

impl Producer {
    pub(super) fn new(listen: SocketAddr, token: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { client, listen, token: token.to_owned() }
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Sends a message; `None` if no whole answer came.
    pub(crate) async fn try_post(&self, message: &Message) -> Option<Answer> {
        self.try_send(message.topic, message.body()).await
    }

    pub(crate) async fn post(&self, message: &Message) -> Answer {
        self.try_post(message).await.expect("an answer")
    }

    /// Sends anything to a topic.
    pub(crate) async fn try_send(&self, topic: &str, body: String) -> Option<Answer> {
        let url = format!("http://{}/topics/{topic}", self.listen);
        let sent = self.client.post(url).bearer_auth(&self.token).body(body).send().await.ok()?;
        let status = sent.status().as_u16();
        let body = serde_json::from_slice(&sent.bytes().await.ok()?).ok()?;
        Some(Answer { status, body })
    }
}

/// What comes of each item, with so many of them under way at once.
pub(crate) async fn at_once<I, F: Future>(
    how_many: usize,
    items: impl IntoIterator<Item = I>,
    work: impl FnMut(I) -> F,
) -> Vec<F::Output> {
    stream::iter(items).map(work).buffer_unordered(how_many).collect().await
}
