//! A rate, written as `"50/s"`.

use std::num::NonZeroU32;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// Events per second, minute or hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    per: Duration,
}

impl Rate {
    /// Reads `<count>/<s|m|h>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        Some(Self { count: count.trim().parse().ok()?, per: Duration::from_secs(seconds) })
    }

    /// The same rate for a rate limiter; up to one second's worth may come at once.
    pub fn quota(self) -> governor::Quota {
        let burst = NonZeroU32::new(
            self.count.get() / u32::try_from(self.per.as_secs()).unwrap_or(u32::MAX),
        );
        governor::Quota::with_period(self.per / self.count.get())
            .unwrap_or(governor::Quota::per_second(NonZeroU32::MAX))
            .allow_burst(burst.unwrap_or(NonZeroU32::MIN))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not a rate: write a number per s, m or h, such as \"50/s\""
            ))
        })
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Events per second, minute or hour.",
            "pattern": "^[0-9]+/[smh]$",
            "examples": ["50/s", "600/m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_names_its_unit() {
        for text in ["50/s", "600/m", "1/h"] {
            assert!(Rate::parse(text).is_some(), "{text}");
        }
        for text in ["50", "0/s", "-1/s", "5/d", "/s", ""] {
            assert!(Rate::parse(text).is_none(), "{text}");
        }
        assert_eq!(Rate::parse("50/s").unwrap().quota().burst_size().get(), 50);
        assert_eq!(Rate::parse("600/m").unwrap().quota().burst_size().get(), 10);
        assert_eq!(Rate::parse("1/h").unwrap().quota().burst_size().get(), 1);
    }
}
