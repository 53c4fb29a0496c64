//! The samples that `trigger` sends, one small file each.

use event_bus_core::event::format_time;
use time::OffsetDateTime;
use uuid::Uuid;

/// A request of a provider, as it is sent but for what differs each time.
#[derive(Debug)]
pub(super) struct Sample {
    /// Name of the provider; `generic` serves all that are made by configuration.
    provider: &'static str,
    /// What the command calls it.
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    text: &'static str,
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const GENERIC: &str = "generic";

macro_rules! sample {
    ($provider:literal, $name:literal) => {
        sample!($provider, $name, ".json", JSON)
    };
    ($provider:literal, $name:literal, $extension:literal, $content_type:ident) => {
        Sample {
            provider: $provider,
            name: $name,
            content_type: $content_type,
            text: include_str!(concat!("../../../samples/", $provider, "/", $name, $extension)),
        }
    };
}

/// All samples, by provider.
static SAMPLES: [Sample; 23] = [
    sample!("github", "ping"),
    sample!("github", "push"),
    sample!("github", "pull_request.opened"),
    sample!("github", "pull_request.closed"),
    sample!("github", "issues.opened"),
    sample!("github", "issue_comment.created"),
    sample!("github", "release.published"),
    sample!("github", "workflow_run.completed"),
    sample!("slack", "message"),
    sample!("slack", "app_mention"),
    sample!("slack", "reaction_added"),
    sample!("slack", "slash_command", ".form", FORM),
    sample!("slack", "url_verification"),
    sample!("stripe", "invoice.paid"),
    sample!("stripe", "checkout.session.completed"),
    sample!("stripe", "payment_intent.payment_failed"),
    sample!("stripe", "customer.subscription.deleted"),
    sample!("linear", "Issue.create"),
    sample!("linear", "Issue.update"),
    sample!("linear", "Comment.create"),
    sample!("standard-webhooks", "contact.created"),
    sample!("standard-webhooks", "invoice.paid"),
    sample!("generic", "event"),
];

impl Sample {
    /// The samples of a provider; providers by configuration share theirs.
    pub(super) fn of(provider: &str) -> impl Iterator<Item = &'static Self> {
        let own = SAMPLES.iter().any(|sample| sample.provider == provider);
        let provider = if own { provider } else { GENERIC }.to_owned();
        SAMPLES.iter().filter(move |sample| sample.provider == provider)
    }

    /// The body with this id and time. Placeholders in quotes that stand for numbers lose their quotes.
    pub(super) fn body(&self, id: &str, now: OffsetDateTime) -> String {
        let milliseconds = now.unix_timestamp_nanos() / 1_000_000;
        self.text
            .replace("\"{{seconds}}\"", &now.unix_timestamp().to_string())
            .replace("\"{{milliseconds}}\"", &milliseconds.to_string())
            .replace("{{time}}", &format_time(now))
            .replace("{{id}}", id)
            .trim_end()
            .to_owned()
    }
}

/// A new delivery id, in the style of the provider.
pub(super) fn new_id(provider: &str) -> String {
    let id = Uuid::new_v4();
    match provider {
        "slack" => format!("Ev{}", &id.simple().to_string()[..10].to_uppercase()),
        "stripe" => format!("evt_{}", id.simple()),
        "standard-webhooks" => format!("msg_{}", id.simple()),
        _ => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_sample_is_a_file_and_every_file_is_a_sample() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
        let mut files = BTreeSet::new();
        for provider in std::fs::read_dir(folder).unwrap() {
            for file in std::fs::read_dir(provider.unwrap().path()).unwrap() {
                files.insert(std::fs::read_to_string(file.unwrap().path()).unwrap());
            }
        }
        let used: BTreeSet<_> = SAMPLES.iter().map(|sample| sample.text.to_owned()).collect();
        assert_eq!(files, used);
    }

    #[test]
    fn a_body_has_its_id_and_numbers_where_numbers_belong() {
        let now = datetime!(2026-11-21 10:00 UTC);
        for sample in &SAMPLES {
            let body = sample.body("the-id", now);
            assert!(!body.contains("{{"), "{}", sample.name);
            if sample.content_type == FORM {
                continue;
            }
            let body: Value = serde_json::from_str(&body).unwrap();
            let number = match sample.provider {
                "slack" if sample.name != "url_verification" => &body["event_time"],
                "stripe" => &body["created"],
                "linear" => &body["webhookTimestamp"],
                _ => continue,
            };
            assert!(number.is_i64(), "{} {number}", sample.name);
        }
    }

    #[test]
    fn a_provider_without_samples_of_its_own_has_the_general_one() {
        let names = |provider| Sample::of(provider).map(|sample| sample.name).collect::<Vec<_>>();
        assert_eq!(names("hmac"), ["event"]);
        assert!(names("github").contains(&"push") && !names("github").contains(&"event"));
    }
}
