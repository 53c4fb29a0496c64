//! Manifests: shared lints, and versions only in the workspace.

use toml::{Table, Value};

use crate::tree::File;

const SECTIONS: [&str; 3] = ["build-dependencies", "dependencies", "dev-dependencies"];
const INHERITED: [&str; 4] = ["edition", "license", "rust-version", "version"];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let manifests = files
        .iter()
        .filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    manifests.flat_map(|file| check_one(&file.path, &file.text)).collect()
}

fn check_one(path: &str, text: &str) -> Vec<String> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut findings = Vec::new();
    if !is_inherited(manifest.get("lints")) {
        findings.push(format!("{path}: [lints] workspace = true is missing"));
    }
    for field in INHERITED {
        let value = manifest.get("package").and_then(|package| package.get(field));
        if !is_inherited(value) {
            findings.push(format!("{path}: package.{field} must come from the workspace"));
        }
    }
    for (name, value) in dependencies(&manifest) {
        let fixes_version = ["git", "path", "version"].iter().any(|key| value.get(key).is_some());
        if !is_inherited(Some(value)) || fixes_version {
            findings.push(format!("{path}: the version of {name} must come from the workspace"));
        }
    }
    findings
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// The dependencies of every section, those of single targets included.
fn dependencies(manifest: &Table) -> Vec<(&String, &Value)> {
    let targets =
        manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = [manifest].into_iter().chain(targets.filter_map(Value::as_table));
    let sections = tables
        .flat_map(|table| SECTIONS.iter().filter_map(|section| table.get(*section)?.as_table()));
    sections.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "
        [package]
        name = \"x\"
        edition.workspace = true
        license.workspace = true
        rust-version.workspace = true
        version.workspace = true
        [lints]
        workspace = true
        [dependencies]
        serde.workspace = true
        tokio = { workspace = true, features = [\"full\"] }
    ";

    #[test]
    fn a_sound_manifest_passes() {
        assert_eq!(check_one("crates/x/Cargo.toml", SOUND), Vec::<String>::new());
    }

    #[test]
    fn each_breach_is_found() {
        for (from, to) in [
            ("[lints]\n        workspace = true", ""),
            ("edition.workspace = true", "edition = \"2021\""),
            ("serde.workspace = true", "serde = \"1\""),
            ("serde.workspace = true", "serde = { version = \"1\" }"),
            ("[dependencies]", "[dependencies]\n        x = { path = \"../x\" }"),
            (
                "[dependencies]",
                "[target.'cfg(unix)'.dependencies]\n        x = \"1\"\n        [dependencies]",
            ),
            ("[dependencies]", "[dev-dependencies]\n        x = \"1\"\n        [dependencies]"),
        ] {
            let text = SOUND.replace(from, to);
            assert_ne!(text, SOUND, "{from}");
            assert_eq!(check_one("crates/x/Cargo.toml", &text).len(), 1, "{from} -> {to}");
        }
    }
}
