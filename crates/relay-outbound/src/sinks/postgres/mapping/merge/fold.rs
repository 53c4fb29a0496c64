//! Folds events into a row. The result depends on which events there are, never on their order or repetition.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::rule::Rule;
use super::stamp::{Stamp, Stamps};
use crate::sinks::postgres::columns::Row;

/// A column that is folded.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) name: String,
    pub(super) rule: Rule,
}

/// What stands in a row already.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) stamps: Option<String>,
    /// How old the values are that no event wrote.
    pub(super) time: Option<time::OffsetDateTime>,
    /// Of each column: the names of an object's members as JSON, or no more than that there is a value that counts.
    pub(super) values: Vec<Option<String>>,
}

/// A row with what events make of it.
#[derive(Debug)]
pub(super) struct Fold<'a> {
    columns: &'a [Folded],
    pub(super) is_found: bool,
    /// Something must be written, be it only a stamp.
    is_changed: bool,
    slots: Vec<Slot>,
    stamps: Stamps,
}

/// What is to be written into a column.
#[derive(Debug)]
enum Slot {
    /// As it was.
    Kept,
    Value(Option<String>),
    /// Members that are newer than those of the object that is there.
    Members(BTreeMap<String, String>),
    /// Values of which the greatest counts, that of the row included.
    Candidates(Vec<String>),
}

impl<'a> Fold<'a> {
    /// A row that is not there yet.
    pub(super) fn new(columns: &'a [Folded]) -> Self {
        let slots = columns.iter().map(|column| match &column.rule {
            Rule::LatestUnless(values) => Slot::Value(values.first().cloned()),
            Rule::Key | Rule::Latest | Rule::LatestOrNull | Rule::MergeObject | Rule::Max => {
                Slot::Kept
            }
        });
        let slots = slots.collect();
        Self { columns, is_found: false, is_changed: true, slots, stamps: Stamps::default() }
    }

    /// A row that is there. Values without a stamp were written by somebody else.
    pub(super) fn of(columns: &'a [Folded], found: Found) -> Self {
        let slots = columns.iter().map(|_| Slot::Kept).collect();
        let stamps = found.stamps.as_deref().map(Stamps::from_json).unwrap_or_default();
        let mut fold = Self { columns, is_found: true, is_changed: false, slots, stamps };
        if let Some(time) = found.time {
            let stamp = Stamp::found(time);
            for (column, value) in columns.iter().zip(&found.values) {
                fold.is_changed |= adopt(column, value.as_deref(), &stamp, &mut fold.stamps);
            }
        }
        fold
    }

    /// Folds an event in.
    pub(super) fn add(&mut self, row: &Row, stamp: &Stamp) {
        let columns = self.columns.iter().zip(row).zip(&mut self.slots);
        for ((Folded { name, rule }, value), slot) in columns {
            match rule {
                Rule::Key => {
                    // Other events may write it in another way.
                    if matches!(slot, Slot::Kept) {
                        *slot = Slot::Value(value.clone());
                    }
                    continue;
                }
                Rule::Max => {
                    self.is_changed |= add_candidate(slot, value.as_deref());
                    continue;
                }
                Rule::MergeObject => {
                    let stamps = &mut self.stamps.objects;
                    self.is_changed |= add_members(slot, name, value.as_deref(), stamp, stamps);
                    continue;
                }
                Rule::Latest if value.is_none() => continue,
                Rule::LatestUnless(_) if value.is_none() => continue,
                Rule::LatestUnless(unless)
                    if unless.iter().any(|other| value.as_ref() == Some(other)) =>
                {
                    continue;
                }
                Rule::Latest | Rule::LatestUnless(_) | Rule::LatestOrNull => {}
            }
            let is_newer = self.stamps.columns.get(name).is_none_or(|known| known < stamp);
            if is_newer {
                self.stamps.columns.insert(name.clone(), stamp.clone());
                *slot = Slot::Value(value.clone());
                self.is_changed = true;
            }
        }
    }

    /// Whether anything must be written.
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The values to be written, as the statement expects them.
    pub(super) fn row(&self) -> Row {
        let values = self.slots.iter().map(|slot| match slot {
            Slot::Kept => None,
            Slot::Value(value) => value.clone(),
            Slot::Members(members) => Some(object(members)),
            Slot::Candidates(values) => serde_json::to_string(values).ok(),
        });
        values.collect()
    }

    /// Which of them are to be written: a digit for the row, which says whether it is there, and one for each column.
    pub(super) fn flags(&self) -> String {
        let slots = self.slots.iter().map(|slot| !matches!(slot, Slot::Kept));
        [self.is_found].into_iter().chain(slots).map(|flag| if flag { '1' } else { '0' }).collect()
    }

    /// The stamps to be written.
    pub(super) fn stamps(&self) -> String {
        self.stamps.to_json()
    }
}

/// Gives a value that somebody else wrote a stamp. Returns whether it needed one.
fn adopt(column: &Folded, value: Option<&str>, stamp: &Stamp, stamps: &mut Stamps) -> bool {
    let name = &column.name;
    let is_open = match &column.rule {
        Rule::Key | Rule::Max => return false,
        Rule::MergeObject => {
            // The names of the members.
            let names: Option<Vec<String>> =
                value.and_then(|names| serde_json::from_str(names).ok());
            let Some(names) = names else { return false };
            let mut is_new = !stamps.objects.contains_key(name);
            let known = stamps.objects.entry(name.clone()).or_default();
            for member in names {
                is_new |= !known.contains_key(&member);
                known.entry(member).or_insert_with(|| stamp.clone());
            }
            return is_new;
        }
        Rule::Latest | Rule::LatestUnless(_) => value.is_some(),
        Rule::LatestOrNull => true,
    };
    let is_new = is_open && !stamps.columns.contains_key(name);
    if is_new {
        stamps.columns.insert(name.clone(), stamp.clone());
    }
    is_new
}

fn add_candidate(slot: &mut Slot, value: Option<&str>) -> bool {
    let Some(value) = value else { return false };
    match slot {
        Slot::Candidates(values) => values.push(value.to_owned()),
        Slot::Kept | Slot::Value(_) | Slot::Members(_) => {
            *slot = Slot::Candidates(vec![value.to_owned()]);
        }
    }
    true
}

/// The value is an object or null, which was looked at before.
fn add_members(
    slot: &mut Slot,
    name: &str,
    value: Option<&str>,
    stamp: &Stamp,
    stamps: &mut BTreeMap<String, BTreeMap<String, Stamp>>,
) -> bool {
    let Some(members) = value.and_then(members) else { return false };
    // An object without members is not null either.
    let mut newer = if stamps.contains_key(name) { None } else { Some(BTreeMap::new()) };
    let known = stamps.entry(name.to_owned()).or_default();
    for (member, value) in members {
        if known.get(&member).is_none_or(|known| known < stamp) {
            known.insert(member.clone(), stamp.clone());
            newer.get_or_insert_default().insert(member, value.get().to_owned());
        }
    }
    let Some(newer) = newer else { return false };
    match slot {
        Slot::Members(members) => members.extend(newer),
        Slot::Kept | Slot::Value(_) | Slot::Candidates(_) => *slot = Slot::Members(newer),
    }
    true
}

/// The members of an object; nothing if it is none.
pub(super) fn members(text: &str) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(text).ok()
}

fn object(members: &BTreeMap<String, String>) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
