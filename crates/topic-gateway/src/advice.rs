//! What to do about documents that cannot be used: the key of the configuration that names each, and where it looks.

use std::path::absolute;

use event_bus_core::Chain;

use crate::config::Config;
use crate::documents::{Location, ReadError};
use crate::governance::GovernanceError;

/// What is wrong with a document, in one line for whoever writes the configuration.
pub fn advice(config: &Config, error: &GovernanceError) -> String {
    let location = match error {
        GovernanceError::Unreadable { location, .. }
        | GovernanceError::Schema { location, .. }
        | GovernanceError::Remote { location, .. }
        | GovernanceError::Subject { location, .. }
        | GovernanceError::Twice { location, .. }
        | GovernanceError::Access { location, .. } => location,
        GovernanceError::Client(_) => return Chain(error).to_string(),
    };
    let mut text = format!("{}: {}", key(config, location), Chain(error));
    if let Location::File(path) = location
        && path.is_relative()
        && let Ok(path) = absolute(path)
    {
        text.push_str(&format!("; the file is {}", path.display()));
    }
    if let GovernanceError::Unreadable { source: ReadError::S3(_), .. } = error {
        text.push_str("; S3 is asked as topics.aws says (region, profile, role_arn, endpoint_url)");
        text.push_str(
            ", with credentials where AWS's own programs find them, such as AWS_ACCESS_KEY_ID",
        );
    }
    text
}

/// The key that names a document.
fn key(config: &Config, location: &Location) -> String {
    if *location == config.access {
        return "topics.access".to_owned();
    }
    match config.topic.iter().position(|topic| topic.schema == *location) {
        Some(index) => format!("topics.topic[{index}].schema"),
        None => "topics.registry.location".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_that_cannot_be_used_is_named_with_its_key_and_its_place() {
        let config: Config = serde_json::from_value(json!({
            "access": "access.json",
            "tokens": { "issuer": "https://login.example.com" },
            "registry": { "location": "s3://b/topics/" },
            "topic": [
                { "name": "a", "schema": "/a.json" },
                { "name": "b", "schema": "kv://TOPICS/b" },
            ],
        }))
        .unwrap();
        let unreadable = |location: &str, source| {
            let location = location.parse().unwrap();
            advice(&config, &GovernanceError::Unreadable { location, source })
        };
        let here = std::env::current_dir().unwrap().join("access.json");
        assert_eq!(
            unreadable("access.json", ReadError::Missing),
            format!(
                "topics.access: access.json cannot be read: there is no such document; the file is {}",
                here.display()
            )
        );
        assert_eq!(
            unreadable("/a.json", ReadError::Missing),
            "topics.topic[0].schema: /a.json cannot be read: there is no such document"
        );
        assert_eq!(
            unreadable("kv://TOPICS/b", ReadError::NoBucket("TOPICS".to_owned())),
            "topics.topic[1].schema: kv://TOPICS/b cannot be read: there is no key-value bucket TOPICS; \
             make it with: nats kv add TOPICS"
        );
        let s3 = unreadable("s3://b/topics/", ReadError::S3("no region".to_owned()));
        assert!(
            s3.starts_with(
                "topics.registry.location: s3://b/topics/ cannot be read: S3: no region"
            )
        );
        assert!(s3.contains("topics.aws") && s3.contains("credentials"), "{s3}");
    }
}
