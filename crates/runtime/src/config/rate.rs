//! A rate, written as `"100/s"`.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A number per second, minute or hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    seconds: u32,
}

impl Rate {
    /// Reads `<count>/<s|m|h>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        Some(Self { count: count.parse().ok()?, seconds })
    }

    /// The rate for a limiter that lets the whole count through at once: senders deliver in bursts.
    pub fn bursting(self) -> Quota {
        self.quota(self.count)
    }

    /// The rate for a limiter that lets through at once what a second has: a destination wants an even flow.
    pub fn even(self) -> Quota {
        self.quota(NonZeroU32::new(self.count.get() / self.seconds).unwrap_or(NonZeroU32::MIN))
    }

    fn quota(self, burst: NonZeroU32) -> Quota {
        let period = Duration::from_secs(self.seconds.into()) / self.count.get();
        // A period of zero is the only failure, and more than one per nanosecond is no limit.
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MAX));
        quota.allow_burst(burst)
    }

    /// The number per minute, at least one: the unit of CloudEvents' `WebHook-Allowed-Rate`.
    pub fn per_minute(self) -> u32 {
        let count = u64::from(self.count.get()) * 60 / u64::from(self.seconds);
        u32::try_from(count).unwrap_or(u32::MAX).max(1)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let message = "not a rate: write a number per s, m or h, such as \"100/s\"";
            de::Error::custom(message)
        })
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number per second, minute or hour.",
            "pattern": "^[0-9]+/[smh]$",
            "examples": ["100/s", "600/m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_names_its_unit() {
        for (text, per_minute) in [
            ("50/s", Some(3000)),
            ("600/m", Some(600)),
            ("1/h", Some(1)),
            ("4294967295/s", Some(u32::MAX)),
            ("50", None),
            ("0/s", None),
            ("-1/s", None),
            ("5/d", None),
            ("/s", None),
            ("", None),
        ] {
            assert_eq!(Rate::parse(text).map(Rate::per_minute), per_minute, "{text}");
        }
    }

    #[test]
    fn the_whole_count_or_that_of_a_second_may_come_at_once() {
        for (text, bursting, even) in [
            ("50/s", 50, 50),
            ("600/m", 600, 10),
            ("1/h", 1, 1),
            ("4294967295/s", u32::MAX, u32::MAX),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!(rate.bursting().burst_size().get(), bursting);
            assert_eq!(rate.even().burst_size().get(), even);
        }
    }
}
