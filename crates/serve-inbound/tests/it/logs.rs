//! What an operator reads: one line for each refusal, with its reason and the event it concerns, and no secret.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::world::{GITHUB, SECRET, World, github_headers, sign};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// The lines of this service so far.
    fn take(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        assert!(!text.contains(SECRET), "{text}");
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let own = |line: &serde_json::Value| {
            line["target"].as_str().is_some_and(|target| target.starts_with("serve_inbound"))
        };
        lines.filter(own).collect()
    }
}

#[tokio::test]
async fn each_refusal_is_one_line_with_its_reason_and_its_event() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"required": ["n"]}"#).unwrap();
    let replica = world.serve(&format!("{GITHUB}schema = {schema:?}\n")).await;
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone()).finish();
    // The runtime of this test has one thread, so this is the subscriber of every task in it.
    let _guard = tracing::subscriber::set_default(subscriber);

    assert_eq!(replica.github("id-1", "push", b"{\"n\":1}").await.status, 202);
    assert_eq!(lines.take(), Vec::<serde_json::Value>::new(), "a success needs no line");

    let wrong = sign(b"other");
    let forged = github_headers("id-2", "push", &wrong);
    assert_eq!(replica.post("/hooks/gh", &forged, b"{}").await.status, 401);
    let line = the_line(&lines);
    assert_eq!((&line["level"], &line["fields"]["source"]), (&"WARN".into(), &"gh".into()));
    assert_eq!(line["fields"]["reason"], "signature_mismatch");

    assert_eq!(replica.github("id-3", "push", b"{}").await.status, 422);
    let line = the_line(&lines);
    assert_eq!(line["fields"]["reason"], "schema_mismatch");
    assert_eq!(line["fields"]["event"], "https://github.com#id-3");

    assert_eq!(replica.post("/hooks/what-a-stranger-typed", &[], b"").await.status, 404);
    let line = the_line(&lines);
    assert_eq!((&line["level"], &line["fields"]["source"]), (&"INFO".into(), &"unknown".into()));
    assert!(!line.to_string().contains("stranger"));
}

fn the_line(lines: &Lines) -> serde_json::Value {
    let mut found = lines.take();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
