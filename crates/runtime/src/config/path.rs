//! Places in a configuration, such as `inbound.sources[1].provider`.

use std::fmt;

use serde_path_to_error::Segment;

/// Where a value stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyPath(pub(super) Vec<Step>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl KeyPath {
    /// Reads the text form. What is not an index in brackets is taken as part of a key.
    pub(super) fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let (key, indexes) = part.split_once('[').unwrap_or((part, ""));
            if !key.is_empty() {
                steps.push(Step::Key(key.to_owned()));
            }
            let indexes = indexes.split(['[', ']']).filter_map(|index| index.parse().ok());
            steps.extend(indexes.map(Step::Index));
        }
        Self(steps)
    }

    /// The path within a section, seen from the root of the file.
    pub(super) fn from_serde(section: Option<&str>, path: &serde_path_to_error::Path) -> Self {
        let mut steps: Vec<_> =
            section.map(|name| Step::Key(name.to_owned())).into_iter().collect();
        for segment in path {
            match segment {
                Segment::Map { key } => steps.push(Step::Key(key.clone())),
                Segment::Enum { variant } => steps.push(Step::Key(variant.clone())),
                Segment::Seq { index } => steps.push(Step::Index(*index)),
                Segment::Unknown => {}
            }
        }
        Self(steps)
    }

    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_path_reads_back_as_the_path() {
        for text in ["", "bus", "inbound.sources[1].provider", "a[0][12].b-c", "x[3]"] {
            assert_eq!(KeyPath::parse(text).to_string(), text);
        }
    }
}
