//! The rules of the house that a program can check. Each is a pure function with a test that breaks it.

mod arrows;
mod codes;
mod files;
mod manifests;
mod signatures;

use std::path::Path;

use crate::tree;

pub(crate) use files::is_data_table;

/// Every breach in the tree, one line each; empty when all is well.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let files = tree::files(root)?;
    let mut findings = arrows::check(&arrows::packages(root)?);
    findings.extend(files::check(&files));
    findings.extend(manifests::check(&files));
    findings.extend(signatures::check(&files));
    findings.extend(codes::check(&files));
    Ok(findings)
}

/// Builds a file for the rules' own tests.
#[cfg(test)]
fn file(path: &str, text: &str) -> tree::File {
    tree::File { path: path.to_owned(), text: text.to_owned(), executable: false }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let findings = super::check(&crate::tree::root()).unwrap();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
