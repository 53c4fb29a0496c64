//! The pages of the findings, in the program.

/// The page of a finding, in Markdown, such as for `EB0007`; upper or lower case. `None` for an unknown code.
pub fn explain(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| *page)
}

/// All codes, each with its title.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().map(|(code, page)| (*code, title(page)))
}

fn title(page: &'static str) -> &'static str {
    let first = page.lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}

macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        [$(($code, include_str!(concat!("../../../docs/findings/", $code, ".md")))),*]
    };
}

/// Every page in `docs/findings`; a test compares them.
const PAGES: &[(&str, &str)] = &pages![
    "EB0001", "EB0002", "EB0003", "EB0004", "EB0005", "EB0006", "EB0007", "EB0008", "EB0009",
    "EB0010", "EB0011", "EB0012", "EB0013", "EB0014", "EB0015", "EB0101", "EB0102", "EB0103",
    "EB0104", "EB0105", "EB0106", "EB0107", "EB0108", "EB0109", "EB0201", "EB0202", "EB0203",
    "EB0204", "EB0205", "EB0206", "EB0207", "EB0208", "EB0209", "EB0210", "EB0211", "EB0212",
    "EB0213", "EB0214", "EB0215", "EB0216", "EB0217", "EB0218", "EB0219", "EB0301", "EB0302",
    "EB0303", "EB0304", "EB0305", "EB0306", "EB0307",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_page_of_the_folder_is_here_and_has_its_three_sections() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings");
        let in_folder: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("EB"))
            .collect();
        let here: BTreeSet<String> = PAGES.iter().map(|(code, _)| format!("{code}.md")).collect();
        assert_eq!(here, in_folder);
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
            let sections: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
            assert_eq!(sections, ["## What", "## Why it matters", "## What to do"], "{code}");
        }
    }

    #[test]
    fn a_code_is_found_in_either_case() {
        assert_eq!(explain("eb0007"), explain("EB0007"));
        assert!(explain("EB0007").unwrap().contains("discard"));
        assert_eq!(explain("EB00070"), None);
        assert!(codes().all(|(_, title)| !title.is_empty() && !title.starts_with('#')));
    }
}
