//! What a verified request says about itself, ready to become an event.

use bytes::Bytes;
use time::OffsetDateTime;

use super::fields::Fields;
use super::identity;
use super::request::Verified;
use crate::event::{Data, Value};

/// The attributes of the event that a verified request becomes.
///
/// `ce_source` is always a valid URI-reference and `kind` and `id` are always valid CloudEvents strings.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The delivery id of the provider: the same when the provider sends the same event again.
    pub id: String,
    /// The CloudEvents attribute `source`.
    pub ce_source: String,
    /// The CloudEvents attribute `type`.
    pub kind: String,
    /// The CloudEvents attribute `subject`.
    pub subject: Option<String>,
    /// The provider's own time of the event; `None` if it gave none, and the time of receipt takes its place.
    pub time: Option<OffsetDateTime>,
    /// The payload; `None` for an empty body.
    pub data: Option<Data>,
    /// The CloudEvents attribute `datacontenttype`.
    pub datacontenttype: Option<String>,
    /// `{event}` of subject templates, such as `pull_request`, as the provider wrote it.
    pub event: Option<String>,
    /// `{action}` of subject templates, such as `opened`, as the provider wrote it.
    pub action: Option<String>,
    /// Extension attributes.
    pub extensions: Vec<(String, Value)>,
}

impl Description {
    /// A description with the body as its data, by the embedding rule of [`Data::from_body`]. If the fields of the body
    /// are known, the body is not read again.
    pub(super) fn new(
        verified: &Verified,
        fields: Option<&Fields<'_>>,
        id: String,
        ce_source: String,
        kind: String,
    ) -> Self {
        // The fields of a form are those of JSON in it, but a form itself is never taken for JSON.
        let is_strict = fields.map(Fields::is_strict);
        let content_type = verified.content_type.as_deref();
        let (data, datacontenttype) =
            Data::from_scanned_body(content_type, verified.body.clone(), is_strict);
        Self {
            id,
            ce_source,
            kind,
            subject: None,
            time: None,
            data,
            datacontenttype,
            event: None,
            action: None,
            extensions: Vec::new(),
        }
    }

    /// The same with JSON that was taken out of a form, and its fields.
    pub(super) fn with_form_json(self, json: Option<&Bytes>, fields: Option<&Fields<'_>>) -> Self {
        let Some(json) = json else { return self };
        let is_strict = fields.map(Fields::is_strict);
        let (data, datacontenttype) =
            Data::from_scanned_body(Some("application/json"), json.clone(), is_strict);
        Self { data, datacontenttype, ..self }
    }

    /// The description of a sender that nothing is known about: source `/hooks/<source>`, type `com.<source>.event`.
    pub(super) fn generic(verified: &Verified, source: &str) -> Self {
        let id = verified.id.clone().unwrap_or_else(|| identity::content_id(&[&verified.body]));
        let vendor = identity::name(source).unwrap_or_else(|| "hook".to_owned());
        Self::new(verified, None, id, identity::hook_source(source), format!("com.{vendor}.event"))
    }
}
