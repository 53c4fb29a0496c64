//! Documents of OpenAPI, and whether running services answer as they say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::http::{self, Response};

/// Asks, and compares the answer with the document.
pub(crate) struct Asker {
    document: Value,
    base: String,
    given: BTreeSet<(String, String, String)>,
}

impl Asker {
    /// Asks the service at this address.
    pub(crate) fn new(document: Value, base: String) -> Self {
        Self { document, base, given: BTreeSet::new() }
    }

    /// Sends a request that must be answered with this status, as the document says.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        status: u16,
    ) {
        let url = format!("{}{path}", self.base);
        let answer = http::send(method, &url, headers, body).await;
        let known = self.template(path);
        self.compare(method, &known, &answer, status);
    }

    /// The path of the document that a path belongs to.
    fn template(&self, path: &str) -> String {
        let paths = self.document["paths"].as_object().unwrap();
        let fits = |known: &&String| {
            let start = known.split_once('{').map(|(start, _)| start);
            *known == path || start.is_some_and(|start| path.starts_with(start))
        };
        paths.keys().find(fits).unwrap_or_else(|| panic!("{path} is not in the document")).clone()
    }

    /// An answer to a path of the document.
    pub(crate) fn compare(&mut self, method: &str, path: &str, answer: &Response, status: u16) {
        let what = format!("{method} {path} {status}: {}", answer.text());
        assert_eq!(answer.status, status, "{what}");
        let operation = operations(&self.document);
        // Another method is refused as the methods say that are there.
        let operation = operation
            .iter()
            .filter(|(known, verb, _)| known == path && (verb == method || status == 405))
            .find(|(_, _, operation)| operation["responses"].get(status.to_string()).is_some())
            .unwrap_or_else(|| panic!("{what} is not in the document"));
        let response = &operation.2["responses"][status.to_string()];
        let response = follow(&self.document, response);
        for (name, _) in response["headers"].as_object().into_iter().flatten() {
            let optional = name == "WWW-Authenticate";
            assert!(optional || answer.header(name).is_some(), "{what}: no {name}");
        }
        match (answer.header("content-type"), response["content"].as_object()) {
            // Answered by the HTTP library, as the document says.
            (None, _) if status == 431 => assert_eq!(answer.text(), "", "{what}"),
            (None, None) => assert_eq!(answer.text(), "", "{what}"),
            (Some(media), Some(content)) => {
                let schema =
                    &content.get(media).unwrap_or_else(|| panic!("{what}: {media}"))["schema"];
                let root = json!({ "components": self.document["components"], "allOf": [schema] });
                let validator = jsonschema::validator_for(&root).unwrap();
                let body =
                    if media.contains("json") { answer.json() } else { json!(answer.text()) };
                let problems: Vec<_> =
                    validator.iter_errors(&body).map(|error| error.to_string()).collect();
                assert!(problems.is_empty(), "{what}: {problems:?}");
            }
            (media, content) => panic!("{what}: {media:?}, and the document says {content:?}"),
        }
        self.given.insert((path.to_owned(), method.to_owned(), status.to_string()));
    }

    /// Documented answers that nobody gave.
    pub(crate) fn never_given(&self) -> Vec<String> {
        let all = operations(&self.document).into_iter().flat_map(|(path, method, operation)| {
            let statuses: Vec<String> =
                operation["responses"].as_object().unwrap().keys().cloned().collect();
            statuses.into_iter().map(move |status| (path.clone(), method.clone(), status))
        });
        // A refused method counts for its path.
        let given = |(path, method, status): &(String, String, String)| {
            self.given
                .iter()
                .any(|(p, m, s)| p == path && s == status && (m == method || s == "405"))
        };
        all.filter(|each| !given(each))
            .map(|(path, method, status)| format!("{method} {path} {status}"))
            .collect()
    }
}

/// The object itself, or what its reference leads to.
pub(crate) fn follow<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    let target = node.get("$ref").and_then(Value::as_str);
    target.map_or(node, |target| document.pointer(target.trim_start_matches('#')).unwrap())
}

/// Each operation: path, method, and its object.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods =
            item.as_object().unwrap().iter().filter(|(name, _)| {
                !["servers", "parameters", "description"].contains(&name.as_str())
            });
        methods.map(|(method, operation)| (path.clone(), method.to_uppercase(), operation.clone()))
    });
    operations.collect()
}
