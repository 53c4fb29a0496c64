//! A key server whose answer can be changed.

use std::time::Duration;

use serde_json::Value;

use crate::{CaptureSink, Reply, Script};

/// Publishes keys, until it is told otherwise.
#[derive(Debug)]
pub struct KeyServer(CaptureSink);

impl KeyServer {
    pub async fn start(document: Value) -> Self {
        Self(CaptureSink::scripted(Script::reply(answer(&document))).await)
    }

    pub fn url(&self) -> String {
        format!("{}keys", self.0.url())
    }

    pub fn publish(&self, document: &Value) {
        self.reply(answer(document));
    }

    pub fn publish_slowly(&self, document: &Value, delay: Duration) {
        self.reply(answer(document).after(delay));
    }

    pub fn fail(&self) {
        self.reply(Reply::status(500));
    }

    pub fn reply(&self, reply: Reply) {
        self.0.set_script(Script::reply(reply));
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.0.count()
    }

    pub async fn stop(&self) {
        self.0.stop().await;
    }

    /// Listens again where it listened before.
    pub async fn restart(&self) {
        self.0.restart_on_same_port().await;
    }
}

fn answer(document: &Value) -> Reply {
    Reply::status(200).header("content-type", "application/json").body(document.to_string())
}
