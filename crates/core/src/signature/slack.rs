//! Slack: HMAC-SHA256 over `v0:timestamp:body`, lower-case hex in `X-Slack-Signature`.
//!
//! The timestamp is signed as the text of its header. Event callbacks carry an `event_id` that Slack's retries repeat;
//! slash commands and interactivity have no id and are not retried, so a hash of their body is their id. Types:
//! `com.slack.<event type>`, `com.slack.slash_command.<command>`, `com.slack.<payload type>`. A form becomes a JSON object
//! of its fields, or its `payload` field if it has one.
//!
//! `ssl_check` is answered unsigned; see [`Scheme::Slack`](super::Scheme::Slack). `url_verification` only when it is signed.

use std::time::Duration;

use time::OffsetDateTime;

use super::fields::Fields;
use super::mac::{Key, find_match, text_keys};
use super::verifier::Provider;
use super::{
    Description, Handshake, Outcome, RawRequest, Rejection, SigningSecret, Verified, encoding,
    form, header, identity, timestamp,
};

pub(super) struct Slack {
    keys: Vec<Key>,
    tolerance: Duration,
}

impl Slack {
    pub(super) fn new(secrets: &[SigningSecret], tolerance: Duration) -> Self {
        Self { keys: text_keys(secrets), tolerance }
    }
}

impl Provider for Slack {
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let verified = Verified::new(request, None);
        if form::is_form(verified.content_type.as_deref()) && is_ssl_check(request.body) {
            return Ok(Outcome::Handshake(Handshake {
                name: "ssl_check",
                status: 200,
                content_type: None,
                body: Vec::new(),
            }));
        }
        let claimed = header::signature(request, "x-slack-signature")?;
        let stamp = header::timestamp(request, "x-slack-request-timestamp")?;
        timestamp::check_seconds(timestamp::unix_seconds(stamp)?, now, self.tolerance)?;
        let claimed = claimed.strip_prefix("v0=").and_then(encoding::sha256_hex);
        let claimed = claimed.ok_or(Rejection::MalformedSignature)?;
        let parts: [&[u8]; 4] = [b"v0:", stamp.as_bytes(), b":", request.body];
        let secret =
            find_match(&self.keys, &parts, &[claimed]).ok_or(Rejection::SignatureMismatch)?;

        if let Some(fields) = Fields::parse(request.body)
            && fields.string("type").as_deref() == Some("url_verification")
        {
            return url_verification(&fields).map(Outcome::Handshake);
        }
        Ok(Outcome::Verified(Verified { secret_index: Some(secret), ..verified }))
    }

    fn describe(&self, verified: &Verified, _source: &str) -> Result<Description, Rejection> {
        let form_json = form::json(verified.content_type.as_deref(), &verified.body);
        let fields = Fields::parse(form_json.as_ref().unwrap_or(&verified.body));
        let string = |paths: &[&str]| fields.as_ref().and_then(|fields| fields.first_string(paths));

        let (event, kind) = match (string(&["event.type", "type"]), string(&["command"])) {
            (Some(event), _) => (Some(event.clone()), event),
            (None, Some(command)) => {
                let kind = format!("slash_command.{}", command.trim_start_matches('/'));
                (Some(command), kind)
            }
            (None, None) => (None, "event".to_owned()),
        };
        let kind = identity::name(&kind).unwrap_or_else(|| "event".to_owned());
        let id = match string(&["event_id"]) {
            Some(id) => identity::delivery_id(&id)?,
            None => identity::content_id(&[&verified.body]),
        };
        let workspace = string(&[
            "team_id",
            "team.id",
            "user.team_id",
            "enterprise_id",
            "enterprise.id",
            "api_app_id",
        ]);
        let ce_source = identity::source_under("https://slack.com", workspace.as_deref());

        let description =
            Description::new(verified, fields.as_ref(), id, ce_source, format!("com.slack.{kind}"));
        let mut description = description.with_form_json(form_json.as_ref(), fields.as_ref());
        description.subject = identity::subject(string(&[
            "event.channel",
            "event.item.channel",
            "channel.id",
            "channel_id",
        ]));
        description.time = fields.as_ref().and_then(|fields| fields.time("event_time"));
        description.event = event;
        description.action = string(&["event.subtype"]);
        Ok(description)
    }
}

fn is_ssl_check(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').any(|pair| pair == b"ssl_check=1")
}

fn url_verification(fields: &Fields<'_>) -> Result<Handshake, Rejection> {
    let challenge = fields.string("challenge").ok_or(Rejection::MalformedBody)?;
    let body = serde_json::json!({ "challenge": challenge }).to_string().into_bytes();
    Ok(Handshake {
        name: "url_verification",
        status: 200,
        content_type: Some("application/json"),
        body,
    })
}
