//! Signed tokens, and the server that publishes the keys they are signed by.

mod key_server;
mod signer;

pub use key_server::KeyServer;
pub use signer::{Signer, decode, document, encode, hs256, message};
