//! Which events of its subjects a route delivers: by type, by source, and by a CEL expression.

use std::collections::HashMap;
use std::fmt;

use cel::{Context, ExecutionError, Program, Value};
use event_bus_core::event::{Data, Event};

/// The conditions of a route; an event passes if all of them hold.
pub struct Filter {
    types: Vec<Prefix>,
    sources: Vec<Prefix>,
    expression: Option<Expression>,
}

/// The CEL expression cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a CEL expression: {0}")]
pub struct InvalidFilter(String);

/// What a filter says about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be delivered.
    Pass,
    /// It is not for this route.
    Drop,
    /// The expression failed on it, for another reason than a missing field; it is not delivered.
    Failed,
}

/// A text, or the beginning of one.
enum Prefix {
    Exact(String),
    Start(String),
}

struct Expression {
    program: Program,
    reads_data: bool,
}

impl Filter {
    /// Compiles the conditions.
    pub fn new(
        types: &[String],
        sources: &[String],
        expression: Option<&str>,
    ) -> Result<Self, InvalidFilter> {
        let prefixes = |texts: &[String]| texts.iter().map(|text| Prefix::parse(text)).collect();
        let expression = expression.map(Expression::compile).transpose()?;
        Ok(Self { types: prefixes(types), sources: prefixes(sources), expression })
    }

    /// Whether its verdict depends on the payload.
    pub fn reads_data(&self) -> bool {
        self.expression.as_ref().is_some_and(|expression| expression.reads_data)
    }

    /// Whether the attributes alone tell that an event is not for this route.
    pub fn rules_out(&self, event: &Event) -> bool {
        let any = |prefixes: &[Prefix], text: &str| {
            prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.matches(text))
        };
        !any(&self.types, event.kind()) || !any(&self.sources, event.ce_source())
    }

    /// Judges an event.
    pub fn judge(&self, event: &Event) -> Verdict {
        if self.rules_out(event) {
            return Verdict::Drop;
        }
        match &self.expression {
            None => Verdict::Pass,
            Some(expression) => expression.judge(event),
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Filter").finish_non_exhaustive()
    }
}

impl Prefix {
    fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) => Self::Start(start.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Start(start) => text.starts_with(start),
        }
    }
}

impl Expression {
    fn compile(text: &str) -> Result<Self, InvalidFilter> {
        let program = Program::compile(text)
            .map_err(|errors| InvalidFilter(one_line(&errors.to_string())))?;
        let references = program.references();
        let known = [
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "extensions",
            "data",
        ];
        if let Some(unknown) = references.variables().iter().find(|name| !known.contains(name)) {
            return Err(InvalidFilter(format!(
                "`{unknown}` is not known here; there are {}",
                known.join(", ")
            )));
        }
        let reads_data = references.has_variable("data");
        Ok(Self { program, reads_data })
    }

    fn judge(&self, event: &Event) -> Verdict {
        match self.program.execute(&self.context(event)) {
            Ok(Value::Bool(true)) => Verdict::Pass,
            Ok(Value::Bool(false)) | Err(ExecutionError::NoSuchKey(_)) => Verdict::Drop,
            Ok(_) | Err(_) => Verdict::Failed,
        }
    }

    fn context(&self, event: &Event) -> Context<'static, 'static> {
        let text =
            |value: Option<&str>| value.map_or(Value::Null, |text| Value::from(text.to_owned()));
        let mut context = Context::default();
        context.add_variable_from_value("id", event.id().to_owned());
        context.add_variable_from_value("source", event.ce_source().to_owned());
        context.add_variable_from_value("type", event.kind().to_owned());
        context.add_variable_from_value("subject", text(event.subject()));
        context.add_variable_from_value("time", text(event.time()));
        context.add_variable_from_value("datacontenttype", text(event.datacontenttype()));
        context.add_variable_from_value("dataschema", text(event.dataschema()));
        let extensions: HashMap<String, String> = event
            .extensions()
            .map(|(name, value)| (name.to_owned(), value.to_text().into_owned()))
            .collect();
        context.add_variable_from_value("extensions", extensions);
        if self.reads_data {
            context.add_variable_from_value("data", data_value(event));
        }
        context
    }
}

/// The payload as a CEL value: JSON as it is, text as a string, anything else and nothing as null.
fn data_value(event: &Event) -> Value {
    event.data().and_then(Data::to_value).map_or(Value::Null, value)
}

/// JSON as CEL sees it: a number is an integer if it is one, so that the operators of a filter find two of the same type.
fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Int(integer),
            (None, Some(float)) => Value::Float(float),
            (None, None) => Value::Null,
        },
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(items) => {
            Value::List(std::sync::Arc::new(items.into_iter().map(value).collect()))
        }
        serde_json::Value::Object(members) => {
            let members: HashMap<String, Value> =
                members.into_iter().map(|(name, member)| (name, value(member))).collect();
            Value::from(members)
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn event(data: &'static str) -> Event {
        Event::builder("1", "https://api.github.com/repos/a/b", "com.github.pull_request.closed")
            .subject("42")
            .extension("traceparent", "00-x")
            .data(Data::Json(Bytes::from_static(data.as_bytes())))
            .build()
            .unwrap()
    }

    fn judge(expression: &str, data: &'static str) -> Verdict {
        Filter::new(&[], &[], Some(expression)).unwrap().judge(&event(data))
    }

    #[test]
    fn an_expression_decides_and_a_missing_field_is_false() {
        let merged = "data.pull_request.merged == true";
        for (expression, data, expected) in [
            (merged, r#"{"pull_request":{"merged":true}}"#, Verdict::Pass),
            (merged, r#"{"pull_request":{"merged":false}}"#, Verdict::Drop),
            (merged, r#"{"pull_request":{}}"#, Verdict::Drop),
            (merged, "{}", Verdict::Drop),
            (merged, "[]", Verdict::Failed),
            ("data.n > 3", r#"{"n":5}"#, Verdict::Pass),
            ("data.n % 2 == 0 && data.n + 1 == 7 && data.n * 2 > 3", r#"{"n":6}"#, Verdict::Pass),
            ("data.a - data.b < 0", r#"{"a":1,"b":2}"#, Verdict::Pass),
            (
                "data.x > 0.5 && data.l[1].m == 'y'",
                r#"{"x":0.75,"l":[0,{"m":"y"}]}"#,
                Verdict::Pass,
            ),
            ("data.n > 3", r#"{"n":"five"}"#, Verdict::Failed),
            ("data.n", r#"{"n":1}"#, Verdict::Failed),
            ("type.startsWith('com.github.') && subject == '42'", "{}", Verdict::Pass),
            ("extensions.traceparent == '00-x'", "{}", Verdict::Pass),
            ("extensions.partitionkey == 'x'", "{}", Verdict::Drop),
            ("'bug' in data.labels", r#"{"labels":["bug"]}"#, Verdict::Pass),
            ("has(data.a) && data.a == 1", "{}", Verdict::Drop),
        ] {
            assert_eq!(judge(expression, data), expected, "{expression} on {data}");
        }
    }

    #[test]
    fn types_and_sources_match_whole_or_by_their_beginning() {
        for (types, sources, expected) in [
            (vec![], vec![], Verdict::Pass),
            (vec!["com.github.pull_request.closed"], vec![], Verdict::Pass),
            (vec!["com.github.push", "com.github.pull_request.*"], vec![], Verdict::Pass),
            (vec!["com.github.pull_request"], vec![], Verdict::Drop),
            (vec![], vec!["https://api.github.com/repos/a/*"], Verdict::Pass),
            (vec![], vec!["https://api.github.com/repos/c/*"], Verdict::Drop),
        ] {
            let owned =
                |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let filter = Filter::new(&owned(&types), &owned(&sources), None).unwrap();
            assert_eq!(filter.judge(&event("{}")), expected, "{types:?} {sources:?}");
        }
    }

    #[test]
    fn an_expression_that_can_never_work_is_refused_at_the_start() {
        for (expression, named) in [("data.x ==", "CEL"), ("dat.x == 1", "`dat`"), ("", "CEL")] {
            let error = Filter::new(&[], &[], Some(expression)).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
