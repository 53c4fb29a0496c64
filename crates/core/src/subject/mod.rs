//! NATS subjects: templates that make them, and patterns that match them.

use std::fmt;

/// The longest subject that a template makes, in bytes.
pub const MAX_LENGTH: usize = 200;

/// The variables of a template.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variables<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// The provider's name for the kind of event, such as `pull_request`.
    pub event: Option<&'a str>,
    /// What happened, such as `opened`.
    pub action: Option<&'a str>,
    /// The CloudEvents type without `com.<vendor>.`; its full stops separate tokens.
    pub kind: Option<&'a str>,
    /// The event's id.
    pub id: Option<&'a str>,
}

/// A subject with variables, such as `fleet.repo.{event}.{action}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    tokens: Vec<Vec<Part>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Source,
    Event,
    Action,
    Kind,
    Id,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Variable),
}

/// Why a text is not a template or not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    /// No text.
    #[error("the subject is empty")]
    Empty,
    /// Two full stops in a row, or one at an end.
    #[error("the subject has an empty token")]
    EmptyToken,
    /// A character that a subject must not hold there.
    #[error("`{0}` cannot stand in this subject")]
    Character(char),
    /// `{…}` with an unknown name.
    #[error("`{{{0}}}` is not a variable: use source, event, action, type or id")]
    Variable(String),
    /// `{` without `}`.
    #[error("a `{{` has no `}}`")]
    Unclosed,
    /// The first token would depend on what a sender sends.
    #[error("the first token must be written out, such as `fleet`")]
    VariableRoot,
    /// `>` not at the end, or a wildcard as part of a token.
    #[error("a wildcard must be a token of its own, and `>` the last one")]
    Wildcard,
    /// Longer than [`MAX_LENGTH`].
    #[error("the subject is longer than 200 bytes")]
    TooLong,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, InvalidSubject> {
        if text.is_empty() {
            return Err(InvalidSubject::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(InvalidSubject::TooLong);
        }
        let tokens = text.split('.').map(parse_token).collect::<Result<Vec<_>, _>>()?;
        if !matches!(tokens[0][..], [Part::Literal(_)]) {
            return Err(InvalidSubject::VariableRoot);
        }
        Ok(Self { text: text.to_owned(), tokens })
    }

    /// Makes the subject. A token whose variable is absent is dropped; whatever a sender put into a variable, the
    /// result is one plain subject: other characters than `A-Z a-z 0-9 _ -` become `_`, and it is cut to [`MAX_LENGTH`].
    pub fn render(&self, variables: &Variables<'_>) -> String {
        let mut subject = String::with_capacity(64);
        for token in &self.tokens {
            let Some(text) = render_token(token, variables) else { continue };
            if !subject.is_empty() {
                subject.push('.');
            }
            subject.push_str(&text);
        }
        if subject.len() > MAX_LENGTH {
            // Rendered text is ASCII, so every position is a character border.
            subject.truncate(MAX_LENGTH);
            subject.truncate(subject.trim_end_matches('.').len());
        }
        subject
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn parse_token(token: &str) -> Result<Vec<Part>, InvalidSubject> {
    if token.is_empty() {
        return Err(InvalidSubject::EmptyToken);
    }
    let mut parts = Vec::new();
    let mut rest = token;
    while !rest.is_empty() {
        let Some(open) = rest.find('{') else {
            parts.push(literal(rest)?);
            break;
        };
        if open > 0 {
            parts.push(literal(&rest[..open])?);
        }
        let close = rest.find('}').ok_or(InvalidSubject::Unclosed)?;
        let name = rest.get(open + 1..close).ok_or(InvalidSubject::Unclosed)?;
        parts.push(Part::Variable(match name {
            "source" => Variable::Source,
            "event" => Variable::Event,
            "action" => Variable::Action,
            "type" => Variable::Kind,
            "id" => Variable::Id,
            other => return Err(InvalidSubject::Variable(other.to_owned())),
        }));
        rest = &rest[close + 1..];
    }
    Ok(parts)
}

fn literal(text: &str) -> Result<Part, InvalidSubject> {
    match text.chars().find(|character| !is_plain(*character)) {
        Some(character) => Err(InvalidSubject::Character(character)),
        None => Ok(Part::Literal(text.to_owned())),
    }
}

fn render_token(parts: &[Part], variables: &Variables<'_>) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Variable(Variable::Source) => text.push_str(&sanitise(variables.source)),
            Part::Variable(Variable::Event) => text.push_str(&sanitise(variables.event?)),
            Part::Variable(Variable::Action) => text.push_str(&sanitise(variables.action?)),
            Part::Variable(Variable::Id) => text.push_str(&sanitise(variables.id?)),
            Part::Variable(Variable::Kind) => {
                let tokens = variables.kind?.split('.').filter(|token| !token.is_empty());
                text.push_str(&tokens.map(sanitise).collect::<Vec<_>>().join("."));
            }
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Makes one token of any text.
pub fn sanitise(text: &str) -> String {
    text.chars().map(|character| if is_plain(character) { character } else { '_' }).collect()
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

/// The part of a CloudEvents type that follows `com.<vendor>.`; the whole type if it has no such beginning.
pub fn type_suffix(kind: &str) -> &str {
    let mut parts = kind.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("com"), Some(_), Some(suffix)) if !suffix.is_empty() => suffix,
        _ => kind,
    }
}

/// A pattern with `*` and `>`, as routes and consumers use it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidSubject> {
        if text.is_empty() {
            return Err(InvalidSubject::Empty);
        }
        let tokens: Vec<_> = text.split('.').collect();
        for (index, token) in tokens.iter().enumerate() {
            if token.is_empty() {
                return Err(InvalidSubject::EmptyToken);
            }
            if let Some(character) = token.chars().find(|c| c.is_whitespace() || c.is_control()) {
                return Err(InvalidSubject::Character(character));
            }
            let wild = token.contains(['*', '>']);
            if wild && token.len() > 1 || *token == ">" && index + 1 < tokens.len() {
                return Err(InvalidSubject::Wildcard);
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a subject matches.
    pub fn matches(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                (_, Some(_) | None) => return false,
            }
        }
        tokens.next().is_none()
    }

    /// Whether some subject matches both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.0.split('.'), other.0.split('.'));
        loop {
            match (left.next(), right.next()) {
                (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
                (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
                (Some(_), Some(_) | None) | (None, Some(_)) => return false,
            }
        }
    }

    /// Whether every subject that `other` matches is matched by this pattern too.
    pub fn covers(&self, other: &Self) -> bool {
        let (mut own, mut others) = (self.0.split('.'), other.0.split('.'));
        loop {
            match (own.next(), others.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(token)) if token != ">" => {}
                (Some(a), Some(b)) if a == b => {}
                (Some(_), Some(_) | None) | (None, Some(_)) => return false,
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
