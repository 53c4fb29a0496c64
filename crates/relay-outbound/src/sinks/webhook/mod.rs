//! CloudEvents over HTTP POST, signed by Standard Webhooks.

mod config;
mod sink;

pub use config::{Config, Mode};
pub use sink::WebhookSink;
