//! Signatures are compared in constant time only: by `hmac` or `subtle`, never by `==`.

use crate::tree::File;

const FOLDER: &str = "crates/core/src/signature/";
/// Words that name a value which an attacker must not learn byte by byte.
const SECRET_WORDS: [&str; 8] =
    ["digest", "expected", "mac", "password", "secret", "signature", "tag", "token"];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let sources: Vec<&File> = files.iter().filter(|file| is_source(&file.path)).collect();
    let mut findings: Vec<String> = sources.iter().flat_map(|file| comparisons(file)).collect();
    let is_constant_time = sources
        .iter()
        .any(|file| file.text.contains("subtle::") || file.text.contains("verify_slice"));
    if !sources.is_empty() && !is_constant_time {
        findings.push(format!("{FOLDER}: nothing compares in constant time"));
    }
    findings
}

fn is_source(path: &str) -> bool {
    path.starts_with(FOLDER)
        && path.ends_with(".rs")
        && !path.ends_with("/tests.rs")
        && !path.contains("/tests/")
}

fn comparisons(file: &File) -> Vec<String> {
    let production = file.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let suspicious = production.enumerate().filter(|(_, line)| compares_a_secret(line));
    suspicious
        .map(|(number, line)| {
            format!("{}:{}: compare in constant time: {}", file.path, number + 1, line.trim())
        })
        .collect()
}

fn compares_a_secret(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["==", "!="].iter().any(|operator| {
        code.split_once(operator).is_some_and(|(left, right)| {
            // Lengths, emptiness, counts and what stands in the source are no secrets.
            let is_public = |side: &str| {
                let is_literal = ["\"", "b\"", "'", "b'"]
                    .iter()
                    .any(|quote| side.trim_start().starts_with(quote));
                is_literal
                    || ["len()", "is_", ".count()"].iter().any(|public| side.contains(public))
            };
            let names_a_secret = |side: &str| words(side).any(|word| SECRET_WORDS.contains(&word));
            !is_public(left) && !is_public(right) && (names_a_secret(left) || names_a_secret(right))
        })
    })
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character: char| !character.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn findings(line: &str) -> usize {
        let text = format!(
            "use subtle::ConstantTimeEq;\n{line}\n#[cfg(test)]\nmod tests {{ mac == b }}\n"
        );
        check(&[file("crates/core/src/signature/github.rs", &text)]).len()
    }

    #[test]
    fn a_comparison_that_leaks_its_progress_is_found() {
        for line in
            ["if claimed_mac == computed {", "a.signature() != b", "token.as_bytes() == value"]
        {
            assert_eq!(findings(line), 1, "{line}");
        }
    }

    #[test]
    fn lengths_comments_and_tests_are_no_comparison_of_secrets() {
        for line in [
            "if mac.len() != 32 {",
            "// mac == expected",
            "token != \":\"",
            "bool::from(mac.ct_eq(x))",
        ] {
            assert_eq!(findings(line), 0, "{line}");
        }
    }

    #[test]
    fn a_folder_without_any_constant_time_comparison_is_found() {
        assert_eq!(check(&[file("crates/core/src/signature/mod.rs", "")]).len(), 1);
        assert_eq!(check(&[file("crates/core/src/event.rs", "mac == x")]).len(), 0);
    }
}
