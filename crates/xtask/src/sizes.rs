//! How long the Rust files are.

use crate::tree::File;

/// Median, 90th percentile and largest of the hand-written files that are not tests.
pub(crate) fn report(files: &[File]) -> String {
    let sources: Vec<&File> = files.iter().filter(|file| is_production(&file.path)).collect();
    let whole = sorted(&sources, |text| text.lines().count());
    let production = sorted(&sources, production_lines);
    let mut report = format!("{} files of production code\n", sources.len());
    for (name, sizes) in [("whole files", whole), ("without inline tests", production)] {
        if let Some((largest, path)) = sizes.last() {
            let (median, p90) = (percentile(&sizes, 50), percentile(&sizes, 90));
            report.push_str(&format!(
                "{name}: median {median}, p90 {p90}, largest {largest} ({path})\n"
            ));
        }
    }
    report
}

/// Sources of the crates, without files that hold only tests.
fn is_production(path: &str) -> bool {
    let in_source = path.starts_with("crates/") && path.contains("/src/") && path.ends_with(".rs");
    in_source
        && !path.ends_with("/tests.rs")
        && !path.contains("/tests/")
        && !super::tidy::is_data_table(path)
}

fn production_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {"));
    tests.unwrap_or(lines.len())
}

fn sorted<'a>(files: &[&'a File], measure: impl Fn(&str) -> usize) -> Vec<(usize, &'a str)> {
    let mut sizes: Vec<_> =
        files.iter().map(|file| (measure(&file.text), file.path.as_str())).collect();
    sizes.sort_unstable();
    sizes
}

/// The smallest size that at least `percent` of all do not exceed.
fn percentile(sorted: &[(usize, &str)], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0, |(size, _)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_members_of_the_list() {
        let sizes: Vec<(usize, &str)> = (1..=10).map(|size| (size, "")).collect();
        assert_eq!((percentile(&sizes, 50), percentile(&sizes, 90)), (5, 9));
        assert_eq!(percentile(&sizes[..1], 50), 1);
    }

    #[test]
    fn inline_tests_and_test_files_do_not_count() {
        assert_eq!(production_lines("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert!(is_production("crates/core/src/event.rs"));
        assert!(!is_production("crates/core/src/event/tests.rs"));
        assert!(!is_production("crates/core/tests/event.rs"));
    }
}
