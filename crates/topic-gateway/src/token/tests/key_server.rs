//! A key server whose answer can be changed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use testkit::{CaptureSink, Reply, Script};

pub(super) struct KeyServer {
    sink: CaptureSink,
    reply: Arc<Mutex<Reply>>,
}

impl KeyServer {
    pub(super) async fn start(document: Value) -> Self {
        let reply = Arc::new(Mutex::new(answer(&document)));
        let shared = Arc::clone(&reply);
        let script = Script::per_request(move |_| shared.lock().unwrap().clone());
        Self { sink: CaptureSink::scripted(script).await, reply }
    }

    pub(super) fn url(&self) -> String {
        format!("{}keys", self.sink.url())
    }

    pub(super) fn publish(&self, document: &Value) {
        self.reply(answer(document));
    }

    pub(super) fn publish_slowly(&self, document: &Value, delay: Duration) {
        self.reply(answer(document).after(delay));
    }

    pub(super) fn fail(&self) {
        self.reply(Reply::status(500));
    }

    pub(super) fn reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.sink.count()
    }

    pub(super) async fn stop(&self) {
        self.sink.stop().await;
    }
}

fn answer(document: &Value) -> Reply {
    Reply::status(200).header("content-type", "application/json").body(document.to_string())
}
