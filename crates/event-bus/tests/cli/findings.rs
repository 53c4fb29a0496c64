//! The index of findings lists what the program explains, and every page of it.

use std::collections::BTreeSet;
use std::fs;

use crate::world::{LONG, event_bus};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings");

#[tokio::test]
async fn the_index_of_findings_lists_all_that_the_program_explains() {
    let index = fs::read_to_string(format!("{FOLDER}/index.md")).unwrap();
    let listed: BTreeSet<String> = index
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| [")?.split_once(']')?.0.to_owned()))
        .collect();
    let pages: BTreeSet<String> = fs::read_dir(FOLDER)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".md").map(str::to_owned)
        })
        .filter(|name| name != "index")
        .collect();
    assert_eq!(listed, pages);
    for code in &listed {
        let explained = event_bus(&["doctor", "explain", code]).output(LONG).await;
        assert_eq!(explained.code(), Some(0), "{code}: {}", explained.stderr);
        let title = explained.stdout.lines().next().unwrap_or_default().to_owned();
        let (_, text) = title.split_once(": ").unwrap_or(("", &title));
        assert!(index.contains(text.trim()), "{code}: the index does not say {text:?}");
    }
    let unknown = event_bus(&["doctor", "explain", "EB9999"]).output(LONG).await;
    assert_ne!(unknown.code(), Some(0));
}
