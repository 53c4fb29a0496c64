//! Rows of another table, one for each element of an array.

use event_bus_core::delivery::DeliveryError;
use serde_json::value::RawValue;

use super::ChildConfig;
use crate::sinks::postgres::columns::{self, Column, Row, Scope, Seen, Whole};
use crate::sinks::postgres::table::{Table, TableName};

/// A table whose rows come from the elements of an array.
#[derive(Debug)]
pub(in super::super) struct Child {
    pub(super) table: Table,
    /// Where the array stands in the data.
    each: Vec<String>,
}

/// There is something, and it has no elements.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` of the event is no array")]
struct NoArray(String);

impl Child {
    /// Reads an entry of `children`; a problem comes with its key.
    pub(super) fn parse(config: &ChildConfig) -> Result<Self, (String, String)> {
        let name = TableName::parse(&config.table);
        let name = name.map_err(|problem| ("table".to_owned(), problem))?;
        let each = path(&config.each).map_err(|problem| ("each".to_owned(), problem))?;
        let mut columns = Vec::with_capacity(config.columns.len());
        for (name, source) in &config.columns {
            let column = Column::parse(name, source, Scope::Item);
            columns.push(column.map_err(|problem| (format!("columns.{name}"), problem))?);
        }
        Ok(Self { table: Table { name, columns }, each })
    }

    /// A row for each element; none if there is no array.
    pub(super) fn rows(&self, whole: &Whole<'_>) -> Result<Vec<Row>, DeliveryError> {
        let Some(value) = whole.find(&self.each) else { return Ok(Vec::new()) };
        if value.get() == "null" {
            return Ok(Vec::new());
        }
        let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| {
            DeliveryError::Unencodable(NoArray(format!("data.{}", self.each.join("."))).into())
        })?;
        let items = items.into_iter().enumerate();
        items
            .map(|(index, item)| columns::row(&self.table.columns, &Seen::at(whole, item, index)))
            .collect()
    }
}

/// `data.jobs`, without its first word.
fn path(text: &str) -> Result<Vec<String>, String> {
    let mut names = text.split('.').map(str::to_owned);
    let is_data = names.next().is_some_and(|root| root == "data");
    let names: Vec<_> = names.collect();
    if is_data && names.iter().all(|name| !name.is_empty()) {
        Ok(names)
    } else {
        Err(format!("`{text}` is no array of an event; write its place, such as `data.jobs`"))
    }
}
