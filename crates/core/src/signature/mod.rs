//! Verification of signed requests, and what a verified request says about itself.
//!
//! A [`Verifier`] is built once per source from a [`Scheme`] and its secrets. [`Verifier::verify`] sees raw bytes and
//! answers [`Outcome::Verified`], [`Outcome::Handshake`] or a [`Rejection`]; [`Verifier::describe`] then turns the
//! verified request into the attributes of an event. Guarantees:
//!
//! - Only this module constructs [`Verified`], so nothing unverified can be described, and so published.
//! - No body is parsed before its MAC has passed. The one exception is Slack's unsigned `ssl_check`; see [`Scheme::Slack`].
//! - MACs and tokens are compared as bytes and in constant time; several secrets may be valid at once.
//! - No rejection carries a secret or the MAC that would have been right.
//!
//! What it does not do: remember what it has seen. A replay inside the tolerance is verified again and has the same id.

mod basic;
mod description;
mod encoding;
mod fields;
mod form;
mod github;
mod header;
mod hmac;
mod identity;
mod linear;
mod mac;
mod rejection;
mod request;
mod scheme;
mod secret;
pub mod sign;
mod slack;
mod standard_webhooks;
mod stripe;
mod template;
#[cfg(test)]
mod tests;
mod timestamp;
mod token;
mod unsigned;
mod verifier;

pub use description::Description;
pub use encoding::Encoding;
pub use hmac::HmacScheme;
pub use mac::Algorithm;
pub use rejection::Rejection;
pub use request::{Handshake, Outcome, RawRequest, Verified};
pub use scheme::Scheme;
pub use secret::{SecretEncoding, SecretProblem, SigningSecret};
pub use template::{Template, TemplateProblem};
pub use token::TokenScheme;
pub use verifier::Verifier;
