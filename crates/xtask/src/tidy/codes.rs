//! Every finding of the doctor has a page, and every page a finding.

use std::collections::BTreeSet;

use crate::tree::File;

const PAGES: &str = "docs/findings/";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let is_source = |path: &str| {
        path.starts_with("crates/")
            && path.contains("/src/")
            && path.ends_with(".rs")
            && !path.starts_with("crates/xtask/")
    };
    let sources = files.iter().filter(|file| is_source(&file.path));
    let in_source: BTreeSet<&str> =
        sources.flat_map(|file| code_lines(&file.text).flat_map(codes)).collect();
    let pages: BTreeSet<&str> = files.iter().filter_map(|file| page(&file.path)).collect();
    let without_page =
        in_source.difference(&pages).map(|code| format!("{code} has no page {PAGES}{code}.md"));
    let without_code = pages
        .difference(&in_source)
        .map(|code| format!("{PAGES}{code}.md explains an unknown code"));
    without_page.chain(without_code).collect()
}

fn page(path: &str) -> Option<&str> {
    let stem = path.strip_prefix(PAGES)?.strip_suffix(".md")?;
    (codes(stem).next()? == stem).then_some(stem)
}

/// A comment may name a code as an example.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Every `EB` with exactly four digits that stands alone.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| {
        let digits = word.strip_prefix("EB");
        digits.is_some_and(|digits| {
            digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
        let source =
            file("crates/event-bus-doctor/src/codes.rs", "\"EB0001\", EB0002, EB00030, WEB0004");
        assert_eq!(
            check(&[
                source.clone(),
                file("docs/findings/EB0001.md", ""),
                file("docs/findings/EB0002.md", "")
            ])
            .len(),
            0
        );
        assert_eq!(check(&[source.clone(), file("docs/findings/EB0001.md", "")]).len(), 1);
        assert_eq!(check(&[file("docs/findings/EB0009.md", "")]).len(), 1);
        assert_eq!(check(&[source, file("docs/findings/README.md", "")]).len(), 2);
    }
}
