//! OAuth 2.0 client credentials (RFC 6749, section 4.4): tokens for destinations that want them.
//!
//! A token is fetched when it is first needed and kept until shortly before it expires, or until the destination refuses
//! it. Only one fetch is under way at a time. Neither the token nor the client's secret is ever printed.

mod config;
#[cfg(test)]
mod tests;
mod tokens;

pub use config::{ClientAuth, Config};
pub use tokens::{Token, TokenError, Tokens};
