//! What the settings make of events, and the statements that write it.

use std::sync::Arc;

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use sqlx::{AssertSqlSafe, PgConnection};

use super::arguments::Arguments;
use super::insert::{self, Known};
use super::merge::{MergePlan, Merger};
use super::parameters::Parameters;
use super::transaction::{begin, end};
use super::{Child, Record};
use crate::sinks::BuildError;
use crate::sinks::postgres::Config;
use crate::sinks::postgres::columns::{self, Row, Seen, Whole};
use crate::sinks::postgres::errors::Answer;
use crate::sinks::postgres::table::{Layout, Table};

/// What is written for an event.
#[derive(Debug)]
pub(in super::super) struct Mapping {
    pub(in super::super) table: Table,
    known: Known,
    children: Vec<Child>,
    merger: Option<Merger>,
}

/// The statements, made for the types that the columns have.
#[derive(Debug)]
pub(in super::super) enum Plan {
    Insert {
        /// What waits for others that write the same rows.
        lock: Option<Arc<str>>,
        insert: Arc<str>,
    },
    Merge(MergePlan),
}

/// What tells an event from others is not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the event gives no value for {column}, a column of `{setting}`, and would be inserted again and again"
)]
struct NullInKey {
    column: String,
    setting: &'static str,
}

impl Mapping {
    /// What the settings describe.
    pub(in super::super) fn of(config: &Config) -> Result<Self, BuildError> {
        let children = config.children.iter().map(Child::parse).collect::<Result<_, _>>();
        let table = Table::of(config)?;
        let merger = config.merge.as_ref().map(|merge| Merger::parse(merge, &table));
        let unusable =
            |(_, problem): (String, String)| BuildError::Setting("merge", problem.into());
        Ok(Self {
            merger: merger.transpose().map_err(unusable)?,
            table,
            known: config.known(),
            children: children
                .map_err(|(_, problem)| BuildError::Setting("children", problem.into()))?,
        })
    }

    /// What an event writes, or why it can write nothing.
    pub(in super::super) fn record(&self, event: &Event) -> Result<Record, DeliveryError> {
        let whole = Whole::of(event);
        let seen = Seen::of(&whole);
        let mut row = columns::row(&self.table.columns, &seen)?;
        if let Some(merger) = &self.merger {
            let stamp = merger.stamp(event, &seen, &mut row)?;
            return Ok(Record { row, children: Vec::new(), stamp: Some(stamp) });
        }
        let is_null = |name: &&String| {
            let mut columns = self.table.columns.iter().zip(&row);
            columns.any(|(column, value)| column.name == **name && value.is_none())
        };
        // A unique index takes two of them for different ones.
        if let Some(column) = self.known.columns().iter().find(is_null) {
            let problem = NullInKey { column: column.clone(), setting: self.known.setting() };
            return Err(DeliveryError::Unencodable(problem.into()));
        }
        let children = self.children.iter().map(|child| child.rows(&whole));
        Ok(Record { children: children.collect::<Result<_, _>>()?, row, stamp: None })
    }

    /// Looks up the types of the columns and makes the statements.
    pub(in super::super) async fn plan(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Arc<Plan>, Answer> {
        let (layout, children) = self.layouts(connection).await?;
        if let Some(merger) = &self.merger {
            return Ok(Arc::new(Plan::Merge(merger.plan(connection, &layout).await?)));
        }
        let lock = match &self.known {
            Known::Never | Known::Index(_) => None,
            Known::Lock(columns) => {
                let key = layout.only(columns);
                Some(insert::lock(&key, &mut Parameters::numbered()).into())
            }
        };
        let insert = self.insert(&layout, &children, &mut Parameters::numbered()).into();
        Ok(Arc::new(Plan::Insert { lock, insert }))
    }

    /// Lets the server plan the statements, which checks names, types, the unique index and privileges.
    pub(in super::super) async fn explain(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), Answer> {
        let (layout, children) = self.layouts(connection).await?;
        let mut statements = Vec::new();
        if let Some(merger) = &self.merger {
            statements.extend(merger.statements(connection, &layout, Parameters::empty).await?);
        } else {
            statements.push(self.insert(&layout, &children, &mut Parameters::empty()));
        }
        if let Known::Lock(columns) = &self.known {
            statements.push(insert::lock(&layout.only(columns), &mut Parameters::empty()));
        }
        for statement in statements {
            let statement = AssertSqlSafe(format!("EXPLAIN {statement}"));
            sqlx::query(statement).persistent(false).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Writes all records or none; what is there already counts as written.
    pub(in super::super) async fn write(
        &self,
        connection: &mut PgConnection,
        plan: &Plan,
        records: &[&Record],
    ) -> Result<(), Answer> {
        let (lock, insert) = match plan {
            Plan::Insert { lock, insert } => (lock, insert),
            Plan::Merge(plan) => {
                let Some(merger) = &self.merger else { return Ok(()) };
                return merger.write(connection, plan, records).await;
            }
        };
        let Some(lock) = lock else { return self.run(connection, insert, records).await };
        begin(connection).await?;
        let done = self.run_locked(connection, lock, insert, records).await;
        end(connection, done).await
    }

    async fn run_locked(
        &self,
        connection: &mut PgConnection,
        lock: &Arc<str>,
        insert: &Arc<str>,
        records: &[&Record],
    ) -> Result<(), Answer> {
        let key = self.table.places(self.known.columns());
        let rows: Vec<&Row> = records.iter().map(|record| &record.row).collect();
        let arguments = Arguments::default().columns(key, &rows)?.bound();
        let lock = sqlx::query_with(AssertSqlSafe(Arc::clone(lock)), arguments);
        lock.execute(&mut *connection).await?;
        self.run(connection, insert, records).await
    }

    async fn layouts(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(Layout, Vec<Layout>), Answer> {
        let layout = self.table.layout(connection).await?;
        let mut children = Vec::with_capacity(self.children.len());
        for child in &self.children {
            children.push(child.table.layout(connection).await?);
        }
        Ok((layout, children))
    }

    fn insert(&self, layout: &Layout, children: &[Layout], parameters: &mut Parameters) -> String {
        let is_plain = children.is_empty() && !matches!(self.known, Known::Lock(_));
        if is_plain {
            insert::rows(layout, &self.known, parameters)
        } else {
            insert::families(layout, &self.known, children, parameters)
        }
    }

    async fn run(
        &self,
        connection: &mut PgConnection,
        insert: &Arc<str>,
        records: &[&Record],
    ) -> Result<(), Answer> {
        let rows: Vec<&Row> = records.iter().map(|record| &record.row).collect();
        let mut arguments = Arguments::default().columns(0..self.table.columns.len(), &rows)?;
        for (place, child) in self.children.iter().enumerate() {
            let (mut parents, mut rows) = (Vec::new(), Vec::new());
            for (record, parent) in records.iter().zip(1_i64..) {
                parents.extend(record.children[place].iter().map(|_| parent));
                rows.extend(&record.children[place]);
            }
            arguments = arguments.array(parents)?.columns(0..child.table.columns.len(), &rows)?;
        }
        let insert = sqlx::query_with(AssertSqlSafe(Arc::clone(insert)), arguments.bound());
        insert.execute(connection).await?;
        Ok(())
    }
}
