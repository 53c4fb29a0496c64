//! The rows of one statement, and where their results belong.

use std::collections::BTreeMap;

use event_bus_core::event::Event;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;

use super::rows::{Column, Row, own_row};
use crate::sinks::Delivery;

/// The event of a row, by its place in the batch.
type Indexed<T> = (usize, T);

/// Rows of one statement.
pub(super) enum Rows {
    Shipped(Vec<Indexed<Row>>),
    Own(Vec<Indexed<serde_json::Value>>),
}

impl Rows {
    /// The rows of a batch. An event that does not fill its row gets its result at once.
    pub(super) fn of(
        batch: &[Event],
        columns: &BTreeMap<String, Column>,
        results: &mut [Option<Delivery>],
    ) -> Self {
        if columns.is_empty() {
            return Self::Shipped(batch.iter().map(Row::of).enumerate().collect());
        }
        let mut rows = Vec::with_capacity(batch.len());
        for (index, event) in batch.iter().enumerate() {
            match own_row(columns, event) {
                Ok(row) => rows.push((index, row)),
                Err(error) => results[index] = Some(Err(error)),
            }
        }
        Self::Own(rows)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Shipped(rows) => rows.len(),
            Self::Own(rows) => rows.len(),
        }
    }

    /// Both halves, the first one in front.
    pub(super) fn halves(self) -> (Self, Self) {
        let middle = self.len() / 2;
        match self {
            Self::Shipped(mut rows) => {
                let second = rows.split_off(middle);
                (Self::Shipped(rows), Self::Shipped(second))
            }
            Self::Own(mut rows) => {
                let second = rows.split_off(middle);
                (Self::Own(rows), Self::Own(second))
            }
        }
    }

    /// Says what became of each row.
    pub(super) fn settle(
        &self,
        results: &mut [Option<Delivery>],
        mut result: impl FnMut() -> Delivery,
    ) {
        match self {
            Self::Shipped(rows) => {
                rows.iter().for_each(|(index, _)| results[*index] = Some(result()))
            }
            Self::Own(rows) => rows.iter().for_each(|(index, _)| results[*index] = Some(result())),
        }
    }
}

/// What the statement is run with.
pub(super) fn arguments(rows: &Rows) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    match rows {
        Rows::Own(rows) => {
            let rows: Vec<_> = rows.iter().map(|(_, row)| row).collect();
            let text =
                serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
            add(&mut arguments, text)?;
        }
        Rows::Shipped(rows) => {
            let column = |field: fn(&Row) -> &str| {
                rows.iter().map(|(_, row)| field(row)).collect::<Vec<_>>()
            };
            let nullable = |field: fn(&Row) -> Option<&str>| {
                rows.iter().map(|(_, row)| field(row)).collect::<Vec<_>>()
            };
            add(&mut arguments, column(|row| &row.ce_source))?;
            add(&mut arguments, column(|row| &row.ce_id))?;
            add(&mut arguments, column(|row| &row.ce_type))?;
            add(&mut arguments, nullable(|row| row.ce_subject.as_deref()))?;
            add(&mut arguments, nullable(|row| row.ce_time.as_deref()))?;
            add(&mut arguments, column(|row| &row.attributes))?;
            add(&mut arguments, nullable(|row| row.data.as_deref()))?;
            let bytes: Vec<_> = rows.iter().map(|(_, row)| row.data_bytes.as_deref()).collect();
            add(&mut arguments, bytes)?;
        }
    }
    Ok(arguments)
}

fn add<'a, T>(arguments: &mut PgArguments, value: T) -> Result<(), sqlx::Error>
where
    T: sqlx::Encode<'a, Postgres> + sqlx::Type<Postgres> + 'a,
{
    sqlx::Arguments::add(arguments, value).map_err(sqlx::Error::Encode)
}
