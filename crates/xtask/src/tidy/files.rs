//! Length, names, portability and permissions of files.

use crate::tree::File;

const LONGEST: usize = 500;
const LONGEST_ARCHITECTURE: usize = 200;
const LONGEST_PROVIDER: usize = 120;
const LONGEST_SINK: usize = 200;

/// The providers: one file each, or `mod.rs` of a folder.
const PROVIDERS: [&str; 9] = [
    "basic",
    "github",
    "hmac",
    "linear",
    "slack",
    "standard_webhooks",
    "stripe",
    "token",
    "unsigned",
];

/// Generated tables, which are not read from top to bottom.
const DATA_TABLES: [&str; 1] = ["crates/core/src/signature/github/rules.rs"];

/// Names that say nothing about what is inside.
const DRAWERS: [&str; 5] = ["common", "helpers", "misc", "util", "utils"];

/// Whether the file is a table of data that stands in a file of its own.
pub(crate) fn is_data_table(path: &str) -> bool {
    DATA_TABLES.contains(&path)
}

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(length(file));
        findings.extend(drawer(file));
        findings.extend(machine(file));
        findings.extend(permission(file));
    }
    findings
}

fn length(file: &File) -> Option<String> {
    let longest = match file.path.as_str() {
        "docs/architecture.md" => LONGEST_ARCHITECTURE,
        path if is_provider(path) => LONGEST_PROVIDER,
        path if path.contains("/src/sinks/") && path.ends_with("/sink.rs") => LONGEST_SINK,
        path if path.ends_with(".rs") && !is_data_table(path) => LONGEST,
        _ => return None,
    };
    let lines = file.text.lines().count();
    (lines > longest).then(|| format!("{}: {lines} lines, at most {longest}", file.path))
}

fn is_provider(path: &str) -> bool {
    let name =
        path.strip_prefix("crates/core/src/signature/").and_then(|name| name.strip_suffix(".rs"));
    name.is_some_and(|name| PROVIDERS.contains(&name.strip_suffix("/mod").unwrap_or(name)))
}

fn drawer(file: &File) -> Vec<String> {
    let Some(stem) = file.path.strip_suffix(".rs") else { return Vec::new() };
    let in_path = stem.split('/').filter(|part| DRAWERS.contains(part));
    let in_text = file.text.lines().filter_map(|line| {
        let name = line.trim().trim_start_matches("pub ").strip_prefix("mod ")?;
        let name = name.split([' ', ';', '{']).next()?;
        // `mod name;` is already seen as a file.
        (DRAWERS.contains(&name) && line.contains('{')).then_some(name)
    });
    in_path
        .chain(in_text)
        .map(|name| format!("{}: a module named {name} says nothing", file.path))
        .collect()
}

/// What would tie the tree to the machine that it was written on.
fn machine(file: &File) -> Vec<String> {
    // Split, so that this file does not contain what it looks for.
    let signs = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("artif", "actory"),
        concat!("extra-index", "-url"),
        concat!("find-", "links"),
    ];
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for sign in signs.iter().filter(|sign| names_a_place(line, sign)) {
            findings.push(format!("{}:{}: {sign} belongs to one machine", file.path, number + 1));
        }
        let is_foreign = file.path == "Cargo.lock"
            && line.starts_with("source = ")
            && line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        if is_foreign {
            findings.push(format!("{}:{}: only crates.io is a source", file.path, number + 1));
        }
    }
    findings
}

/// A path counts only from its beginning: `repos/root/x` is no machine's path.
fn names_a_place(line: &str, sign: &str) -> bool {
    line.match_indices(sign).any(|(position, _)| {
        let before = line[..position].chars().next_back();
        !sign.starts_with('/')
            || !before.is_some_and(|before| before.is_alphanumeric() || "._-}/)".contains(before))
    })
}

fn permission(file: &File) -> Option<String> {
    let must_run =
        file.path.starts_with("scripts/") && !file.path.contains('.') || file.path == ".ci/run";
    (must_run && !file.executable).then(|| format!("{}: a script must be executable", file.path))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn finding(path: &str, text: &str) -> Vec<String> {
        check(&[file(path, text)])
    }

    #[test]
    fn a_long_file_is_found_and_a_data_table_is_not() {
        let text = "x\n".repeat(501);
        assert_eq!(finding("crates/core/src/event.rs", &text).len(), 1);
        assert_eq!(finding("crates/core/src/event.rs", &text[2..]).len(), 0);
        assert_eq!(finding(DATA_TABLES[0], &text).len(), 0);
        assert_eq!(finding("docs/guide.md", &text).len(), 0);
    }

    #[test]
    fn architecture_providers_and_sinks_have_shorter_limits() {
        for (path, longest) in [
            ("docs/architecture.md", 200),
            ("crates/core/src/signature/slack.rs", 120),
            ("crates/core/src/signature/github/mod.rs", 120),
            ("crates/relay-outbound/src/sinks/webhook/sink.rs", 200),
        ] {
            assert_eq!(finding(path, &"x\n".repeat(longest)).len(), 0, "{path}");
            assert_eq!(finding(path, &"x\n".repeat(longest + 1)).len(), 1, "{path}");
        }
    }

    #[test]
    fn drawers_are_found_as_files_folders_and_inline_modules() {
        for (path, text) in [
            ("crates/core/src/utils.rs", ""),
            ("crates/core/src/common/mod.rs", ""),
            ("crates/core/src/event.rs", "pub mod helpers {"),
        ] {
            assert_eq!(finding(path, text).len(), 1, "{path}");
        }
        assert_eq!(finding("crates/core/src/utility.rs", "mod commons {").len(), 0);
    }

    #[test]
    fn paths_and_hosts_of_one_machine_are_found() {
        let place = concat!("/ro", "ot/project");
        assert_eq!(finding("README.md", &format!("see {place}")).len(), 1);
        assert_eq!(finding("README.md", &format!("see https://example.org{place}")).len(), 0);
        assert_eq!(
            finding(".cargo/config.toml", concat!("https://x/artif", "actory/api")).len(),
            1
        );
        assert_eq!(finding("Cargo.lock", "source = \"git+https://github.com/x/y\"").len(), 1);
        let crates_io = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert_eq!(finding("Cargo.lock", crates_io).len(), 0);
    }

    #[test]
    fn a_script_that_cannot_be_run_is_found() {
        assert_eq!(finding("scripts/test", "#!/bin/sh").len(), 1);
        assert_eq!(finding(".ci/run", "#!/bin/sh").len(), 1);
        assert_eq!(finding("scripts/load.lua", "").len(), 0);
        let runnable = File { executable: true, ..file("scripts/test", "") };
        assert_eq!(check(&[runnable]).len(), 0);
    }
}
