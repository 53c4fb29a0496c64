//! What of an event goes into which field of an entry.

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event, parse_time};
use time::OffsetDateTime;

use super::entry::MAX_DETAIL_TYPE;
use super::{Config, trace};
use crate::template::{Escape, Template, View};

/// The settings of the fields, read.
#[derive(Debug)]
pub(super) struct Fields {
    source: Option<Template>,
    detail_type: Option<Template>,
    detail: Detail,
    time: Option<Template>,
    resources: Vec<Template>,
    trace_header: Option<Template>,
}

#[derive(Debug)]
enum Detail {
    Event,
    Data,
    Template(Box<Template>),
}

/// The fields of one event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filled {
    pub(super) source: String,
    pub(super) detail_type: String,
    pub(super) detail: String,
    pub(super) time: Option<OffsetDateTime>,
    pub(super) resources: Vec<String>,
    pub(super) trace_header: Option<String>,
}

/// A setting cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidField {
    #[error(transparent)]
    Template(#[from] crate::template::InvalidTemplate),
    #[error("must be \"event\", \"data\" or a template of a JSON object")]
    Detail,
}

/// An event does not fill a field.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("the event has no JSON data, which `detail = \"data\"` wants")]
    NoData,
    #[error("`time` gives no timestamp (RFC 3339)")]
    Time,
}

/// What is wrong with fields that are the same for every event, and would make each of them a dead letter.
pub(super) fn constant_problems(config: &Config) -> Vec<(&'static str, &'static str)> {
    let constant = |text: &Option<String>| text.clone().filter(|text| !text.contains('{'));
    let mut problems = Vec::new();
    for (key, text) in [("source", &config.source), ("detail_type", &config.detail_type)] {
        if constant(text).is_some_and(|text| text.trim().is_empty()) {
            problems.push((key, "must not be empty; leave it out for the event's own"));
        }
    }
    if constant(&config.detail_type).is_some_and(|text| text.chars().count() > MAX_DETAIL_TYPE) {
        problems.push(("detail_type", "is longer than the 128 characters that EventBridge takes"));
    }
    if constant(&config.time).is_some_and(|text| parse_time(&text).is_none()) {
        problems.push(("time", "is no timestamp (RFC 3339) and no template of one"));
    }
    problems
}

impl Fields {
    /// Reads the settings, or says which of them cannot be read.
    pub(super) fn parse(config: &Config) -> Result<Self, (&'static str, InvalidField)> {
        let template = |key: &'static str, text: &String| {
            Template::parse(text, Escape::None).map_err(|error| (key, error.into()))
        };
        let optional =
            |key, text: &Option<String>| text.as_ref().map(|text| template(key, text)).transpose();
        let detail = match config.detail.as_str() {
            "event" => Detail::Event,
            "data" => Detail::Data,
            text if text.trim_start().starts_with('{') || text.contains("{%") => {
                Detail::Template(Box::new(template("detail", &config.detail)?))
            }
            _ => return Err(("detail", InvalidField::Detail)),
        };
        let resources = config.resources.iter().map(|text| template("resources", text));
        Ok(Self {
            source: optional("source", &config.source)?,
            detail_type: optional("detail_type", &config.detail_type)?,
            detail,
            time: optional("time", &config.time)?,
            resources: resources.collect::<Result<_, _>>()?,
            trace_header: optional("trace_header", &config.trace_header)?,
        })
    }

    /// Fills the fields from an event.
    pub(super) fn fill(&self, event: &Event) -> Result<Filled, DeliveryError> {
        // Most routes have no template at all, and looking at an event parses its data.
        let view = std::cell::OnceCell::new();
        let fill = |template: &Template| template.fill(view.get_or_init(|| View::of(event)));
        let or = |template: &Option<Template>, usual: &str| match template {
            Some(template) => fill(template),
            None => Ok(usual.to_owned()),
        };
        let time = match &self.time {
            Some(template) => {
                let time = parse_time(&fill(template)?);
                Some(time.ok_or_else(|| DeliveryError::Unencodable(Unfit::Time.into()))?)
            }
            None => event.time().and_then(parse_time),
        };
        let detail = match (&self.detail, event.data()) {
            (Detail::Event, _) => text(&event.to_structured()),
            (Detail::Data, Some(Data::Json(json))) => text(json),
            (Detail::Data, Some(Data::Text(_) | Data::Binary(_)) | None) => {
                return Err(DeliveryError::Unencodable(Unfit::NoData.into()));
            }
            (Detail::Template(template), _) => fill(template)?,
        };
        let resources = self.resources.iter().map(fill);
        Ok(Filled {
            source: or(&self.source, event.ce_source())?,
            detail_type: or(&self.detail_type, event.kind())?,
            detail,
            time,
            resources: resources.collect::<Result<_, _>>()?,
            trace_header: match &self.trace_header {
                Some(template) => Some(fill(template)?),
                None => {
                    event.extension("traceparent").and_then(|value| trace::header(&value.to_text()))
                }
            },
        })
    }
}

/// JSON is UTF-8.
fn text(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}
