//! `event-bus config-schema`: the JSON Schema of the configuration file, for editors.

use schemars::schema_for;

use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::Outcome;

pub(crate) fn run(context: &Context) -> Outcome {
    context.output.line(document()?)
}

/// The schema, indented.
fn document() -> serde_json::Result<String> {
    let mut schema = schema_for!(RootConfig);
    schema.insert("title".to_owned(), "event-bus.toml".into());
    serde_json::to_string_pretty(&schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_the_docs_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/event-bus.schema.json");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept.trim_end() == document().unwrap(),
            "the schema is not up to date; run: cargo run -p event-bus -- config-schema > docs/event-bus.schema.json"
        );
    }
}
