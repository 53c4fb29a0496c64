//! The attributes of a GitHub event by the CloudEvents adapter (cloudevents/adapters/github.md), errata decided.
//!
//! - `status`: the table's type ends with a dot; here it is `com.github.status`, without the state.
//! - `repository_dispatch` and `repository_ruleset`: the table lacks the dot before the action; here it is there.
//! - `dependabot_alert`: payloads have no `alert.id`; the subject is `alert.number` then.
//! - A time that is not there (`team`, `page_build`, `star` removed) or not a time: the time of receipt. An epoch number
//!   (`installation.updated_at`) is a time.
//! - A source that is not there (organisation-level events, a deleted team): `repository.url`, else `organization.url`,
//!   else `sender.url`, else `https://github.com`.
//! - An action that is not there (`team_add`) is dropped with its dot. `github_app_authorization` has none in its type,
//!   as the table says, though its payload has one.
//! - `security_advisory` keeps the relative reference `github.com`, which is a valid URI-reference.
//! - Events that the table does not list: `com.github.<event>[.<action>]` with the same fallback for the source.

use time::OffsetDateTime;

use super::rules::{DEFAULT, RULES, Rule, Source};
use crate::signature::fields::Fields;
use crate::signature::identity;

const FALLBACK_SOURCES: [&str; 3] = ["repository.url", "organization.url", "sender.url"];

/// What the adapter says about one event.
pub(super) struct Attributes {
    pub(super) ce_source: String,
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) time: Option<OffsetDateTime>,
}

/// The attributes of an event whose payload has these fields; none if the body is not a JSON object.
pub(super) fn attributes(event: &str, fields: Option<&Fields<'_>>) -> Attributes {
    let Some(fields) = fields else {
        return Attributes {
            ce_source: last_resort(),
            kind: format!("com.github.{event}"),
            subject: None,
            time: None,
        };
    };
    let rule = RULES.iter().find(|rule| rule.event == event).unwrap_or(&DEFAULT);
    Attributes {
        ce_source: ce_source(rule, fields),
        kind: kind(rule, event, fields),
        subject: identity::subject(rule.subject.iter().find_map(|path| fields.text(path))),
        time: rule.time.iter().find_map(|path| fields.time(path)),
    }
}

fn ce_source(rule: &Rule, fields: &Fields<'_>) -> String {
    let fallback =
        || fields.first_string(&FALLBACK_SOURCES).and_then(|text| identity::uri_reference(&text));
    let by_rule = by_rule(rule.source, fields).and_then(|text| identity::uri_reference(&text));
    by_rule.or_else(fallback).unwrap_or_else(last_resort)
}

fn by_rule(source: Source, fields: &Fields<'_>) -> Option<String> {
    match source {
        Source::Path(path) => fields.string(path),
        Source::Joined(base, segment) => {
            Some(format!("{}/{}", fields.string(base)?, fields.text(segment)?))
        }
        Source::Parent(path) => {
            fields.string(path)?.rsplit_once('/').map(|(parent, _)| parent.to_owned())
        }
        Source::Literal(text) => Some(text.to_owned()),
    }
}

fn kind(rule: &Rule, event: &str, fields: &Fields<'_>) -> String {
    let suffix = rule.suffix.iter().filter_map(|path| identity::name(&fields.string(path)?));
    suffix.fold(format!("com.github.{event}"), |kind, name| format!("{kind}.{name}"))
}

fn last_resort() -> String {
    "https://github.com".to_owned()
}
