//! The layout of what a generic HMAC covers, such as `{timestamp}.{body}`.

use http::HeaderName;

use super::{RawRequest, Rejection};

/// Text and variables, parsed once: `{body}`, `{timestamp}`, `{id}`, `{header:Name}` and `{url}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Body,
    Timestamp,
    Id,
    Header(HeaderName),
    Url,
}

/// What is wrong with a template, alone or together with its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// A brace without its partner.
    #[error("a brace has no partner")]
    Unbalanced,
    /// A variable that does not exist.
    #[error("`{{{0}}}` is not a variable; known are body, timestamp, id, header:<name> and url")]
    Unknown(String),
    /// `{header:…}` with something that cannot be a header name.
    #[error("`{0}` is not a header name")]
    HeaderName(String),
    /// The body would not be signed at all.
    #[error("`{{body}}` does not occur, so the body would not be signed")]
    NoBody,
    /// `{timestamp}` without a header to read it from.
    #[error("`{{timestamp}}` occurs but no timestamp header is set")]
    NoTimestampHeader,
    /// A timestamp header that nothing signs: anybody could refresh an old request.
    #[error(
        "a timestamp header is set but `{{timestamp}}` does not occur, so it would not be signed"
    )]
    UnsignedTimestamp,
    /// `{id}` without a header to read it from.
    #[error("`{{id}}` occurs but no id header is set")]
    NoIdHeader,
}

/// The values of the variables for one request.
pub(super) struct Values<'a> {
    pub(super) timestamp: Option<&'a str>,
    pub(super) id: Option<&'a str>,
}

impl Template {
    /// Parses the text of the setting `signed`.
    pub fn parse(text: &str) -> Result<Self, TemplateProblem> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, after) = rest.split_at(rest.find(['{', '}']).unwrap_or(rest.len()));
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            rest = after;
            if !rest.is_empty() {
                let inner = rest.strip_prefix('{').ok_or(TemplateProblem::Unbalanced)?;
                let (variable, after) = inner.split_once('}').ok_or(TemplateProblem::Unbalanced)?;
                parts.push(Part::variable(variable)?);
                rest = after;
            }
        }
        if !parts.contains(&Part::Body) {
            return Err(TemplateProblem::NoBody);
        }
        Ok(Self { parts })
    }

    /// The body alone.
    pub fn body() -> Self {
        Self { parts: vec![Part::Body] }
    }

    /// Whether the public URL of the endpoint must be known.
    pub fn needs_url(&self) -> bool {
        self.parts.contains(&Part::Url)
    }

    pub(super) fn check(&self, has_timestamp: bool, has_id: bool) -> Result<(), TemplateProblem> {
        match (self.parts.contains(&Part::Timestamp), has_timestamp) {
            (true, false) => return Err(TemplateProblem::NoTimestampHeader),
            (false, true) => return Err(TemplateProblem::UnsignedTimestamp),
            (true, true) | (false, false) => {}
        }
        if self.parts.contains(&Part::Id) && !has_id {
            return Err(TemplateProblem::NoIdHeader);
        }
        Ok(())
    }

    /// The signed content of a request, piece by piece.
    pub(super) fn render<'a>(
        &'a self,
        request: &RawRequest<'a>,
        values: &Values<'a>,
    ) -> Result<Vec<&'a [u8]>, Rejection> {
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(self.parts.len());
        for (index, part) in self.parts.iter().enumerate() {
            pieces.push(match part {
                Part::Literal(text) => text.as_bytes(),
                Part::Body => request.body,
                Part::Timestamp => values.timestamp.ok_or(Rejection::TimestampMissing)?.as_bytes(),
                Part::Id => {
                    let id = values.id.ok_or(Rejection::MissingId)?;
                    self.check_framing(index, id)?;
                    id.as_bytes()
                }
                Part::Header(name) => single_value(request, name)?,
                Part::Url => request.url.ok_or(Rejection::UnknownUrl)?.as_bytes(),
            });
        }
        Ok(pieces)
    }

    /// An id that holds the text which ends it could swallow the parts behind it, and the MAC would still match.
    fn check_framing(&self, index: usize, id: &str) -> Result<(), Rejection> {
        match self.parts.get(index + 1) {
            Some(Part::Literal(text)) if id.contains(text.as_str()) => Err(Rejection::MalformedId),
            Some(_) | None => Ok(()),
        }
    }
}

impl Part {
    fn variable(text: &str) -> Result<Self, TemplateProblem> {
        match text {
            "body" => Ok(Self::Body),
            "timestamp" => Ok(Self::Timestamp),
            "id" => Ok(Self::Id),
            "url" => Ok(Self::Url),
            other => {
                let name = other
                    .strip_prefix("header:")
                    .ok_or_else(|| TemplateProblem::Unknown(other.to_owned()))?;
                name.parse()
                    .map(Self::Header)
                    .map_err(|_| TemplateProblem::HeaderName(name.to_owned()))
            }
        }
    }
}

fn single_value<'a>(request: &RawRequest<'a>, name: &HeaderName) -> Result<&'a [u8], Rejection> {
    let mut values = request.headers.get_all(name).iter();
    let value = values.next().ok_or(Rejection::MissingHeader)?;
    if values.next().is_some() { Err(Rejection::DuplicateHeader) } else { Ok(value.as_bytes()) }
}
