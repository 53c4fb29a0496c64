//! Which event a value comes from, and the order of events.

use std::collections::BTreeMap;

use event_bus_core::event::{Event, format_time, parse_time};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};

/// Names an event and orders it among others; the greater is the newer. The order of the fields is that of comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Stamp {
    time: OffsetDateTime,
    recorded: Option<OffsetDateTime>,
    id: String,
    source: String,
}

/// The stamps of a row: one for each column, or one for each member of a merged object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) columns: BTreeMap<String, Stamp>,
    pub(super) objects: BTreeMap<String, BTreeMap<String, Stamp>>,
}

/// Stamps as they are kept: each event stands once, and columns and members name its place.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    events: Vec<(String, Option<String>, String, String)>,
    columns: BTreeMap<String, usize>,
    objects: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Stamp {
    /// The stamp of an event that happened at this time.
    pub(super) fn of(event: &Event, time: OffsetDateTime) -> Self {
        let recorded = event.extension("recordedtime");
        Self {
            time,
            recorded: recorded.and_then(|value| instant(&value.to_text())),
            id: event.id().to_owned(),
            source: event.ce_source().to_owned(),
        }
    }

    /// The stamp of a value that was there: older than any event of the same time.
    pub(super) fn found(time: OffsetDateTime) -> Self {
        Self { time, recorded: None, id: String::new(), source: String::new() }
    }
}

/// An instant in UTC that can be written again.
pub(super) fn instant(text: &str) -> Option<OffsetDateTime> {
    let time = parse_time(text)?.checked_to_offset(UtcOffset::UTC)?;
    (1..=9999).contains(&time.year()).then_some(time)
}

impl Stamps {
    /// Reads what [`Stamps::to_json`] wrote. What cannot be read counts as absent.
    pub(super) fn from_json(text: &str) -> Self {
        let kept: Kept = serde_json::from_str(text).unwrap_or_default();
        let events: Vec<Option<Stamp>> = kept.events.into_iter().map(read).collect();
        let find = |places: BTreeMap<String, usize>| {
            let found = places
                .into_iter()
                .filter_map(|(name, place)| Some((name, events.get(place)?.clone()?)));
            found.collect()
        };
        let objects = kept.objects.into_iter().map(|(name, members)| (name, find(members)));
        Self { objects: objects.collect(), columns: find(kept.columns) }
    }

    /// As they are kept.
    pub(super) fn to_json(&self) -> String {
        let of_members = self.objects.values().flat_map(BTreeMap::values);
        let mut events: Vec<&Stamp> = self.columns.values().chain(of_members).collect();
        events.sort_unstable();
        events.dedup();
        let place = |stamp: &Stamp| events.binary_search(&stamp).unwrap_or_default();
        let places = |stamps: &BTreeMap<String, Stamp>| {
            stamps.iter().map(|(name, stamp)| (name.clone(), place(stamp))).collect()
        };
        let objects = self.objects.iter().map(|(name, members)| (name.clone(), places(members)));
        let kept = Kept {
            columns: places(&self.columns),
            objects: objects.collect(),
            events: events.iter().map(|stamp| written(stamp)).collect(),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

fn read((time, recorded, id, source): (String, Option<String>, String, String)) -> Option<Stamp> {
    let recorded = recorded.and_then(|text| instant(&text));
    Some(Stamp { time: instant(&time)?, recorded, id, source })
}

fn written(stamp: &Stamp) -> (String, Option<String>, String, String) {
    let recorded = stamp.recorded.map(format_time);
    (format_time(stamp.time), recorded, stamp.id.clone(), stamp.source.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(time: &str, recorded: Option<&str>, id: &str) -> Stamp {
        let mut builder = Event::builder(id, "/source", "type");
        if let Some(recorded) = recorded {
            builder = builder.extension("recordedtime", recorded);
        }
        Stamp::of(&builder.build().unwrap(), instant(time).unwrap())
    }

    #[test]
    fn events_are_ordered_by_time_then_arrival_then_id() {
        let ordered = [
            Stamp::found(instant("2026-01-01T00:00:00Z").unwrap()),
            stamp("2026-01-01T00:00:00Z", None, "z"),
            stamp("2026-01-01T01:00:00+01:00", Some("2026-01-01T00:00:00Z"), "y"),
            stamp("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00.5Z"), "a"),
            stamp("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00.5Z"), "b"),
            stamp("2026-01-01T00:00:00.000000001Z", None, "a"),
        ];
        assert!(ordered.is_sorted());
    }

    #[test]
    fn stamps_are_read_as_they_were_written_and_name_an_event_once() {
        let one = stamp("2026-01-01T00:00:00.123456789Z", Some("2026-01-02T00:00:00Z"), "1");
        let two = stamp("2025-01-01T00:00:00Z", None, "2");
        let mut stamps = Stamps::default();
        stamps.columns.insert("a".to_owned(), one.clone());
        stamps.columns.insert("b".to_owned(), one.clone());
        stamps
            .objects
            .insert("c".to_owned(), [("x".to_owned(), two), ("y".to_owned(), one)].into());
        stamps.objects.insert("d".to_owned(), BTreeMap::new());
        let json = stamps.to_json();
        assert_eq!(json.matches("2026-01-01T00:00:00.123456789Z").count(), 1, "{json}");
        assert_eq!(Stamps::from_json(&json), stamps);
        assert_eq!(Stamps::from_json("{}"), Stamps::default());
    }

    #[test]
    fn a_time_that_cannot_be_written_again_is_none() {
        for text in
            ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "x"]
        {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
