//! Who sends: JWTs, and the keys that sign them.
//!
//! A token is a JWT (RFC 7519) signed with RS256 by one of the keys that a key server publishes. Nothing in the token says
//! how or with what to verify it: another algorithm is refused before any key is touched, a key or an address of keys in
//! the header is never looked at, and `kid` only says which key to try first.

mod claims;
mod document;
mod extract;
mod fetch;
mod keys;
mod ring_provider;
mod verify;

pub use claims::Rules;
pub use document::DocumentError;
pub use extract::from_headers;
pub use fetch::{FetchError, KeySource, Trust};
pub use keys::{Keys, KeysError, KeysOptions, KeysStatus};
pub use verify::{Identity, Refusal, Tokens, TokensError};

#[cfg(test)]
mod tests;
