//! CloudEvents over HTTP POST, signed by Standard Webhooks.

mod config;
mod gzip;
mod handshake;
mod request;
mod sink;

pub use config::{Config, Mode};
pub use handshake::ValidationConfig;
pub use sink::WebhookSink;
