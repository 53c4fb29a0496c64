//! Versions of a server, and what the older ones cannot do.

use std::fmt;

/// A server version; anything after the patch number is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Version {
    /// The oldest server whose stored messages may become due at a time (scheduled publish).
    pub const SCHEDULES: Self = Self::new(2, 12, 0);

    /// The oldest server whose consumers take several filter subjects.
    pub const MULTIPLE_FILTERS: Self = Self::new(2, 10, 0);

    /// A version by its numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `2.12.1`, `v2.12.1`, `2.12` or `2.15.0-dev`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let numbers = text.strip_prefix('v').unwrap_or(text).split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let patch = parts.next().unwrap_or(Some(0))?;
        parts.next().is_none().then_some(Self { major, minor, patch })
    }

    /// What this server cannot do, as sentences for the log; empty for a current one.
    pub fn limitations(self) -> Vec<&'static str> {
        let mut limitations = Vec::new();
        if self < Self::MULTIPLE_FILTERS {
            limitations.push("it ignores several subjects in one consumer and keeps no metadata");
        }
        if self < Self::SCHEDULES {
            limitations.push("it has no scheduled publish, so retries wait by negative acks");
        }
        limitations
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_servers_print_them() {
        for (text, expected) in [
            ("2.12.1", Some(Version::new(2, 12, 1))),
            ("v2.9.10", Some(Version::new(2, 9, 10))),
            ("2.15.0-dev", Some(Version::new(2, 15, 0))),
            ("2.11.0-RC.1+abc", Some(Version::new(2, 11, 0))),
            ("2.12", Some(Version::new(2, 12, 0))),
            ("2", None),
            ("", None),
            ("2.x.1", None),
            ("2.1.2.3", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::new(2, 9, 10) < Version::new(2, 10, 0));
        assert!(Version::new(2, 15, 1) > Version::SCHEDULES);
        assert_eq!(Version::new(2, 9, 10).limitations().len(), 2);
        assert_eq!(Version::new(2, 11, 4).limitations().len(), 1);
        assert!(Version::new(2, 15, 1).limitations().is_empty());
    }
}
