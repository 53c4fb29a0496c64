//! Texts with holes that an event fills: `Merged: {data.pull_request.title}`.
//!
//! The language is Jinja (crate `minijinja`) with single braces: `{…}` prints, `{% … %}` controls, `{# … #}` is a comment.
//! Known are the names that filters know: the attributes, `extensions` and `data`. It is strict: a missing field is an
//! error, and so is one that is `null`, unless `default(…)` or a condition covers it. What a template may do is bounded.

use std::fmt;

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Data, Event};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, merge_maps};
use minijinja::{Environment, UndefinedBehavior};
use serde::Deserialize as _;
use serde_json::value::RawValue;

/// Steps that filling one template may take; a loop over a list of ten thousand needs about a tenth.
const FUEL: u64 = 1_000_000;

const NAME: &str = "template";

const LINK_TARGET: &str = "link_target";

/// Stands where an event gives no address to link to.
const NO_LINK: &str = "about:blank";

/// What is done to the values that are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Nothing.
    None,
    /// `&`, `<` and `>` become entities, as Slack asks for.
    Slack,
}

/// A template that has been read.
#[derive(Clone)]
pub struct Template {
    /// On the heap: it is large, and templates stand in many places.
    environment: Box<Environment<'static>>,
    text: String,
}

/// A text is no template.
#[derive(Debug, thiserror::Error)]
#[error("not a template: {0}")]
pub struct InvalidTemplate(String);

/// The event does not fill the template.
#[derive(Debug, thiserror::Error)]
#[error("the template `{template}` cannot be filled: {problem}")]
pub struct Unfilled {
    template: String,
    problem: String,
}

/// What templates see of one event; made once for all templates of a sink.
#[derive(Clone, Debug)]
pub struct View(Value);

impl Template {
    /// Reads a template.
    pub fn parse(text: &str, escape: Escape) -> Result<Self, InvalidTemplate> {
        let invalid = |error: minijinja::Error| InvalidTemplate(one_line(&error));
        let syntax = SyntaxConfig::builder()
            .block_delimiters("{%", "%}")
            .variable_delimiters("{", "}")
            .comment_delimiters("{#", "#}")
            .keep_trailing_newline(true)
            .build()
            .map_err(invalid)?;
        let mut environment = Environment::new();
        environment.set_syntax(syntax);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(move |output, _, value| write_value(output, value, escape));
        environment.add_filter(LINK_TARGET, link_target);
        let source = match escape {
            Escape::None => text.to_owned(),
            Escape::Slack => with_link_targets(text),
        };
        environment.add_template_owned(NAME, source).map_err(invalid)?;
        Ok(Self { environment: Box::new(environment), text: text.to_owned() })
    }

    /// Fills the template.
    pub fn fill(&self, view: &View) -> Result<String, Unfilled> {
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(&view.0))
            .map_err(|error| Unfilled { template: self.text.clone(), problem: one_line(&error) })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Template").field(&self.text).finish()
    }
}

impl From<Unfilled> for DeliveryError {
    fn from(error: Unfilled) -> Self {
        Self::Unencodable(error.into())
    }
}

impl View {
    /// Looks at an event.
    pub fn of(event: &Event) -> Self {
        let mut members = serde_json::Map::new();
        let attributes = [
            ("id", Some(event.id())),
            ("source", Some(event.ce_source())),
            ("type", Some(event.kind())),
            ("subject", event.subject()),
            ("time", event.time()),
            ("datacontenttype", event.datacontenttype()),
            ("dataschema", event.dataschema()),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.into());
            }
        }
        let extensions = event
            .extensions()
            .map(|(name, value)| (name.to_owned(), value.to_text().into_owned().into()))
            .collect();
        members.insert("extensions".to_owned(), serde_json::Value::Object(extensions));
        if let Some(data) = event.data().and_then(Data::to_value) {
            members.insert("data".to_owned(), without_nulls(data));
        }
        Self(Value::from(Serde(members)))
    }

    /// The same with an element of an array, as `item` and `index`.
    pub fn at(&self, item: &RawValue, index: usize) -> Self {
        let mut members = serde_json::Map::new();
        members.insert("index".to_owned(), index.into());
        let mut deserializer = serde_json::Deserializer::from_str(item.get());
        // It is part of an event, which holds only JSON that is at most 128 deep.
        deserializer.disable_recursion_limit();
        match serde_json::Value::deserialize(&mut deserializer) {
            Ok(item) if !item.is_null() => members.insert("item".to_owned(), without_nulls(item)),
            Ok(_) | Err(_) => None,
        };
        Self(merge_maps([Value::from(Serde(members)), self.0.clone()]))
    }
}

/// A member that is `null` counts as missing: nobody means the word "none" to stand in a message.
fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        serde_json::Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Strict, and with Slack's entities where they are asked for.
fn write_value(
    output: &mut minijinja::Output<'_>,
    value: &Value,
    escape: Escape,
) -> Result<(), minijinja::Error> {
    if value.is_undefined() || value.is_none() {
        return Err(minijinja::ErrorKind::UndefinedError.into());
    }
    let text = value.to_string();
    match escape {
        Escape::Slack if !value.is_safe() => output.write_str(&slack_text(&text))?,
        Escape::None | Escape::Slack => output.write_str(&text)?,
    }
    Ok(())
}

/// Has every hole right behind a `<`, where Slack reads what to link to or whom to mention, filled by [`link_target`].
fn with_link_targets(text: &str) -> String {
    let mut parts = text.split("<{");
    let mut source = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hole = part.split_once('}').filter(|(hole, _)| !hole.starts_with(['%', '#']));
        match hole {
            Some((hole, rest)) => {
                source.push_str(&format!("<{{({hole})|{LINK_TARGET}}}{rest}"));
            }
            None => {
                source.push_str("<{");
                source.push_str(part);
            }
        }
    }
    source
}

/// A web or mail address. Anything else is left out: `!channel` would mention everybody, and `|` forge the text.
fn link_target(value: &Value) -> Result<Value, minijinja::Error> {
    if value.is_undefined() || value.is_none() {
        return Err(minijinja::ErrorKind::UndefinedError.into());
    }
    let target = value.to_string();
    let is_known =
        ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme));
    let target =
        if is_known { slack_text(&target).replace('|', "%7C") } else { NO_LINK.to_owned() };
    Ok(Value::from_safe_string(target))
}

/// Slack's three control characters as entities.
fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The first line says what is wrong; the rest repeats the template.
fn one_line(error: &minijinja::Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let place = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    format!("{}{detail}{place}", error.kind())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn fill(text: &str, data: &str, escape: Escape) -> Result<String, String> {
        let event = Event::builder("1", "/source", "com.example.type")
            .subject("s")
            .extension("partitionkey", "k")
            .data(Data::Json(Bytes::copy_from_slice(data.as_bytes())))
            .build()
            .unwrap();
        let template = Template::parse(text, escape).map_err(|error| error.to_string())?;
        template.fill(&View::of(&event)).map_err(|error| error.to_string())
    }

    #[test]
    fn single_braces_print_and_the_rest_of_jinja_works() {
        for (text, expected) in [
            ("Merged: {data.pr.title}", "Merged: A & <b>"),
            ("{type} {source} {subject} {extensions.partitionkey}", "com.example.type /source s k"),
            ("{data.n} {data.list[1]} {data.list|length}", "7 b 2"),
            ("{% for item in data.list %}{item};{% endfor %}{# nothing #}", "a;b;"),
            ("{data.gone|default('-')}{data.nothing|default('-')}", "--"),
            ("{% if data.gone is defined %}x{% else %}y{% endif %}", "y"),
            ("{ '{' }literal{ '}' }", "{literal}"),
        ] {
            let data = r#"{"pr":{"title":"A & <b>"},"n":7,"list":["a","b"],"nothing":null}"#;
            assert_eq!(fill(text, data, Escape::None).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_event_mentions_nobody_where_a_link_is_meant() {
        let template = "<{data.url}|a> <{ data.url | default('http://d') }|b> {% if true %}<{data.n}>{% endif %} <{# c #}";
        for (url, expected) in [
            (
                "https://e.x/?a=1&b=2",
                "<https://e.x/?a=1&amp;b=2|a> <https://e.x/?a=1&amp;b=2|b> <about:blank> <",
            ),
            ("!channel", "<about:blank|a> <about:blank|b> <about:blank> <"),
            (
                "http://e.x|forged><!here",
                "<http://e.x%7Cforged&gt;&lt;!here|a> <http://e.x%7Cforged&gt;&lt;!here|b> <about:blank> <",
            ),
        ] {
            let data = serde_json::json!({ "url": url, "n": 7 }).to_string();
            assert_eq!(fill(template, &data, Escape::Slack).as_deref(), Ok(expected), "{url}");
        }
        assert!(fill("<{data.gone}|a>", "{}", Escape::Slack).is_err());
        assert_eq!(
            fill("<{data.url}|a>", r#"{"url":"!x"}"#, Escape::None).as_deref(),
            Ok("<!x|a>")
        );
    }

    #[test]
    fn a_missing_field_is_an_error_that_names_the_template() {
        for text in
            ["{data.gone}", "{data.gone.deeper}", "{data.nothing}", "{unknown}", "{data.a.b.c}"]
        {
            for escape in [Escape::None, Escape::Slack] {
                let problem = fill(text, r#"{"nothing":null}"#, escape).unwrap_err();
                assert!(problem.contains(text) && problem.contains("undefined"), "{problem}");
            }
        }
    }

    #[test]
    fn slack_gets_its_three_entities_and_no_more() {
        let filled = fill("({data.t})", r#"{"t":"<!channel> & \"x\""}"#, Escape::Slack);
        assert_eq!(filled.as_deref(), Ok("(&lt;!channel&gt; &amp; \"x\")"));
    }

    #[test]
    fn a_template_that_cannot_be_read_says_why() {
        for text in ["{data.x", "{% if %}", "{% for x in %}", "{data..x}", "{x|nofilter}"] {
            let problem = fill(text, "{}", Escape::None).unwrap_err();
            assert!(problem.len() > 10, "{problem}");
        }
    }

    #[test]
    fn a_template_cannot_run_for_ever() {
        let text = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(fill(text, "{}", Escape::None).unwrap_err().contains("fuel"));
    }
}
