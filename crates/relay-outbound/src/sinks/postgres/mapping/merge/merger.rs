//! Folds the events of a batch into their rows, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use sqlx::{AssertSqlSafe, PgConnection};
use time::OffsetDateTime;

use super::super::arguments::Arguments;
use super::super::parameters::Parameters;
use super::super::transaction::{begin, end};
use super::super::{Record, Source, number};
use super::MergeConfig;
use super::fold::{Fold, Folded, Found, members};
use super::rule::{Condition, Rule, parse_source};
use super::stamp::{Stamp, instant};
use super::statements::Target;
use crate::sinks::postgres::columns::{Row, Seen};
use crate::sinks::postgres::errors::Answer;
use crate::sinks::postgres::table::{Layout, Table, TableName};

/// How events are folded into the rows of a table.
#[derive(Debug)]
pub(in super::super) struct Merger {
    columns: Vec<Folded>,
    conditions: Vec<Option<Condition>>,
    /// Places of the columns that name a row.
    key: Vec<usize>,
    time: Source,
    stamps: TableName,
}

/// The statements, made for the types that the columns have.
#[derive(Debug)]
pub(in crate::sinks::postgres) struct MergePlan {
    lock: Arc<str>,
    read: Arc<str>,
    write: Arc<str>,
}

/// What folding needs is not there.
#[derive(Debug, thiserror::Error)]
enum Unfoldable {
    #[error("the event gives no value for {0}, a column of `merge.key`, which names its row")]
    Key(String),
    #[error(
        "the event gives no time that `merge.time` can read, so nobody knows whether it is newer"
    )]
    Time,
    #[error("the value for {0} is no object, and only objects can be merged")]
    Object(String),
}

impl Merger {
    /// Reads `merge`; a problem comes with its key below.
    pub(in super::super) fn parse(
        config: &MergeConfig,
        table: &Table,
    ) -> Result<Self, (String, String)> {
        let at = |key: &str| {
            let key = key.to_owned();
            move |problem| (key, problem)
        };
        let mut columns = Vec::with_capacity(table.columns.len());
        let mut conditions = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            let name = column.name.clone();
            let (rule, condition) = match config.rules.get(&name) {
                _ if config.key.contains(&name) => (Rule::Key, None),
                Some(rule) => Rule::parse(rule).map_err(at(&format!("rules.{name}")))?,
                None => (Rule::Latest, None),
            };
            columns.push(Folded { name, rule });
            conditions.push(condition);
        }
        Ok(Self {
            columns,
            conditions,
            key: table.places(&config.key),
            time: parse_source(&config.time).map_err(at("time"))?,
            stamps: TableName::parse(&config.stamps).map_err(at("stamps"))?,
        })
    }

    /// Makes the values of an event ready to be folded, or says why they cannot be.
    pub(in super::super) fn stamp(
        &self,
        event: &Event,
        seen: &Seen<'_, '_>,
        row: &mut Row,
    ) -> Result<Stamp, DeliveryError> {
        let unfoldable = |problem: Unfoldable| DeliveryError::Unencodable(problem.into());
        let columns = self.columns.iter().zip(&self.conditions).zip(row);
        for ((Folded { name, rule }, condition), value) in columns {
            if *rule == Rule::Key && value.is_none() {
                return Err(unfoldable(Unfoldable::Key(name.clone())));
            }
            if *rule == Rule::MergeObject
                && value.as_deref().is_some_and(|value| members(value).is_none())
            {
                return Err(unfoldable(Unfoldable::Object(name.clone())));
            }
            if let Some(condition) = condition
                && !condition.holds(seen)?
            {
                *value = None;
            }
        }
        let time = self.time.value(seen)?.and_then(|text| instant(&text));
        time.map(|time| Stamp::of(event, time)).ok_or_else(|| unfoldable(Unfoldable::Time))
    }

    /// Makes the statements.
    pub(in super::super) async fn plan(
        &self,
        connection: &mut PgConnection,
        layout: &Layout,
    ) -> Result<MergePlan, Answer> {
        let [lock, read, write] = self.statements(connection, layout, Parameters::numbered).await?;
        Ok(MergePlan { lock: lock.into(), read: read.into(), write: write.into() })
    }

    /// The statements in their order: lock, read, write.
    pub(in super::super) async fn statements(
        &self,
        connection: &mut PgConnection,
        layout: &Layout,
        parameters: impl Fn() -> Parameters,
    ) -> Result<[String; 3], Answer> {
        let name: String = sqlx::query_scalar(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class AS c \
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
        )
        .bind(&layout.table)
        .fetch_one(connection)
        .await?;
        let stamps = self.stamps.quoted();
        let target =
            Target { layout, columns: &self.columns, key: &self.key, stamps: &stamps, name: &name };
        Ok([
            target.lock(&mut parameters()),
            target.read(&mut parameters()),
            target.write(&mut parameters()),
        ])
    }

    /// Folds all events in, or none.
    pub(in super::super) async fn write(
        &self,
        connection: &mut PgConnection,
        plan: &MergePlan,
        records: &[&Record],
    ) -> Result<(), Answer> {
        begin(connection).await?;
        let done = self.merge(connection, plan, records).await;
        end(connection, done).await
    }

    async fn merge(
        &self,
        connection: &mut PgConnection,
        plan: &MergePlan,
        records: &[&Record],
    ) -> Result<(), Answer> {
        let groups = self.lock(connection, plan, records).await?;
        let first: Vec<&Row> = groups.iter().map(|group| &group[0].row).collect();
        let mut found = self.read(connection, plan, &first).await?;
        let mut rows = Vec::new();
        let mut flags = Vec::new();
        let mut stamps = Vec::new();
        for (group, place) in groups.iter().zip(1_i64..) {
            let mut fold = match found.remove(&place) {
                Some(found) => Fold::of(&self.columns, found),
                None => Fold::new(&self.columns),
            };
            for record in group {
                if let Some(stamp) = &record.stamp {
                    fold.add(&record.row, stamp);
                }
            }
            if fold.is_changed() {
                rows.push(fold.row());
                flags.push(fold.flags());
                stamps.push(fold.stamps());
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let expected = rows.len();
        let rows: Vec<&Row> = rows.iter().collect();
        let arguments = Arguments::default().columns(0..self.columns.len(), &rows)?;
        let arguments = arguments.array(flags)?.array(stamps)?.bound();
        let statement = AssertSqlSafe(Arc::clone(&plan.write));
        let written: i64 =
            sqlx::query_scalar_with(statement, arguments).fetch_one(connection).await?;
        if usize::try_from(written) == Ok(expected) { Ok(()) } else { Err(Answer::overtaken()) }
    }

    /// Takes the locks. Returns the records of each row, rows in the order of their keys.
    async fn lock<'a>(
        &self,
        connection: &mut PgConnection,
        plan: &MergePlan,
        records: &[&'a Record],
    ) -> Result<Vec<Vec<&'a Record>>, Answer> {
        let rows: Vec<&Row> = records.iter().map(|record| &record.row).collect();
        let arguments = Arguments::default().columns(self.key.iter().copied(), &rows)?.bound();
        let statement = AssertSqlSafe(Arc::clone(&plan.lock));
        let places: Vec<(i64, i64)> =
            sqlx::query_as_with(statement, arguments).fetch_all(connection).await?;
        let mut groups: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
        for (place, row) in places {
            let place = usize::try_from(place - 1).unwrap_or_default();
            groups.entry(row).or_default().insert(place);
        }
        let records_at = |places: BTreeSet<usize>| {
            places.into_iter().filter_map(|place| records.get(place).copied()).collect()
        };
        Ok(groups.into_values().map(records_at).collect())
    }

    /// What stands in the rows that are there, by their places from 1.
    async fn read(
        &self,
        connection: &mut PgConnection,
        plan: &MergePlan,
        rows: &[&Row],
    ) -> Result<BTreeMap<i64, Found>, Answer> {
        type Read = (i64, Option<String>, Option<String>, String, Vec<Option<String>>);
        let arguments = Arguments::default().columns(self.key.iter().copied(), rows)?.bound();
        let statement = AssertSqlSafe(Arc::clone(&plan.read));
        let read: Vec<Read> =
            sqlx::query_as_with(statement, arguments).fetch_all(connection).await?;
        let found = read.into_iter().map(|(place, stamps, age, unit, values)| {
            let time = age.and_then(|age| self.time_found(&age, &unit));
            (place, Found { stamps, time, values })
        });
        Ok(found.collect())
    }

    /// How old values are that somebody else wrote.
    fn time_found(&self, age: &str, unit: &str) -> Option<OffsetDateTime> {
        match unit {
            "instant" => {
                let nanoseconds = age.parse::<i128>().ok()?.checked_mul(1000)?;
                let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
                (1..=9999).contains(&time.year()).then_some(time)
            }
            "number" => number::instant(age, self.time.epoch?),
            _ => None,
        }
    }
}
