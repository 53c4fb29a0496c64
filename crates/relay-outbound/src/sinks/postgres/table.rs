//! A table: its name, its columns and their types.

use sqlx::PgConnection;
use sqlx::postgres::types::Oid;

use super::Config;
use super::columns::{Column, DEFAULT_COLUMNS, Scope};
use super::errors::Answer;
use super::mapping::SourceConfig;
use crate::sinks::BuildError;

/// PostgreSQL cuts longer names off, so that two could become one.
const MAX_NAME: usize = 63;

/// A table, perhaps with its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableName {
    schema: Option<String>,
    name: String,
}

/// A table with the columns that are filled.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: TableName,
    pub(super) columns: Vec<Column>,
}

/// The same as the server knows it.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// As a statement names the table.
    pub(super) table: String,
    pub(super) columns: Vec<LayoutColumn>,
}

/// A column as the server knows it.
#[derive(Clone, Debug)]
pub(super) struct LayoutColumn {
    plain: String,
    /// As a statement names it.
    pub(super) name: String,
    /// Its type as a cast names it that refuses what is too long.
    pub(super) cast: String,
    /// The same with its precision, which rounds: how values are compared with those that are there already.
    pub(super) exact: String,
    pub(super) oid: Oid,
}

impl TableName {
    /// Reads `table` or `schema.table`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        if name.contains('.') {
            return Err("must be a table, or a schema and a table with one dot between".to_owned());
        }
        for part in schema.into_iter().chain([name]) {
            check_identifier(part)?;
        }
        Ok(Self { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    /// The name as it stands in a statement.
    pub(super) fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }

    /// A table beside this one.
    pub(super) fn with_suffix(&self, suffix: &str) -> Self {
        Self { schema: self.schema.clone(), name: format!("{}{suffix}", self.name) }
    }
}

impl Table {
    /// The table that the settings describe.
    pub(super) fn of(config: &Config) -> Result<Self, BuildError> {
        let unusable = |key| move |problem: String| BuildError::Setting(key, problem.into());
        let parse = |name: &str, source: &SourceConfig| Column::parse(name, source, Scope::Event);
        let columns: Result<Vec<_>, _> = if config.has_default_columns() {
            let columns = DEFAULT_COLUMNS.into_iter();
            columns.map(|(name, source)| parse(name, &SourceConfig::of(source))).collect()
        } else {
            config.columns.iter().map(|(name, source)| parse(name, source)).collect()
        };
        Ok(Self {
            name: TableName::parse(&config.table).map_err(unusable("table"))?,
            columns: columns.map_err(unusable("columns"))?,
        })
    }

    /// Where these columns stand among all.
    pub(super) fn places(&self, names: &[String]) -> Vec<usize> {
        let place = |name: &String| self.columns.iter().position(|column| column.name == *name);
        names.iter().filter_map(place).collect()
    }

    /// Looks up the type of each column.
    pub(super) async fn layout(&self, connection: &mut PgConnection) -> Result<Layout, Answer> {
        // The modifier -1 keeps `varchar(5)` from cutting off in silence what it should refuse.
        let found: Vec<(String, String, String, Oid)> = sqlx::query_as(
            "SELECT attname::text, format_type(atttypid, -1), format_type(atttypid, CASE \
             WHEN atttypid IN ('bpchar'::regtype, 'varchar'::regtype, 'bit'::regtype, 'varbit'::regtype) THEN -1 \
             ELSE atttypmod END), atttypid \
             FROM pg_catalog.pg_attribute \
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
        )
        .bind(self.name.quoted())
        .fetch_all(connection)
        .await?;
        if found.is_empty() {
            return Err(Answer::missing(format!(
                "the table {} does not exist",
                self.name.quoted()
            )));
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for Column { name, .. } in &self.columns {
            let Some((_, cast, exact, oid)) = found.iter().find(|(other, ..)| other == name) else {
                let (table, column) = (self.name.quoted(), quote(name));
                return Err(Answer::missing(format!("the table {table} has no column {column}")));
            };
            columns.push(LayoutColumn {
                plain: name.clone(),
                name: quote(name),
                cast: cast.clone(),
                exact: exact.clone(),
                oid: *oid,
            });
        }
        Ok(Layout { table: self.name.quoted(), columns })
    }
}

impl Layout {
    /// The names of all columns.
    pub(super) fn names(&self) -> String {
        join(&self.columns, |column| column.name.clone())
    }

    /// Where these columns stand among all.
    pub(super) fn places(&self, names: &[String]) -> Vec<usize> {
        let place = |name: &String| self.columns.iter().position(|column| column.plain == *name);
        names.iter().filter_map(place).collect()
    }

    /// The same table with no more than these columns, in this order.
    pub(super) fn only(&self, names: &[String]) -> Self {
        let columns = self.places(names).into_iter().map(|place| self.columns[place].clone());
        Self { table: self.table.clone(), columns: columns.collect() }
    }

    /// A condition that fails by itself once the columns have other types than these: a value that is cast to a type of
    /// yesterday may lose a part of itself, and no error would tell.
    pub(super) fn guard(&self) -> String {
        let known = join(&self.columns, |column| {
            format!("({}, {}::oid)", literal(&column.plain), column.oid.0)
        });
        format!(
            "(SELECT width_bucket(0::float8, 0, 1, (count(*) = {})::int) FROM pg_catalog.pg_attribute \
             WHERE attrelid = to_regclass({}) AND NOT attisdropped AND (attname, atttypid) IN ({known})) = 1",
            self.columns.len(),
            literal(&self.table)
        )
    }
}

/// Checks the name of a table, a schema or a column.
pub(super) fn check_identifier(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains('\0') {
        return Err("the name of a table, schema or column must not be empty".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!("`{name}` is longer than {MAX_NAME} bytes, the most PostgreSQL knows"));
    }
    Ok(())
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as it stands in a statement, whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// Parts of a statement with commas between.
pub(super) fn join<T>(parts: impl IntoIterator<Item = T>, text: impl FnMut(T) -> String) -> String {
    parts.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
impl Layout {
    /// A table with columns of these types, each its cast and its number.
    pub(super) fn for_test(table: &str, columns: &[(&str, &str, u32)]) -> Self {
        let columns = columns.iter().map(|(name, cast, oid)| LayoutColumn {
            plain: (*name).to_owned(),
            name: quote(name),
            cast: (*cast).to_owned(),
            exact: (*cast).to_owned(),
            oid: Oid(*oid),
        });
        Self { table: TableName::parse(table).unwrap().quoted(), columns: columns.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_whatever_they_hold() {
        for (text, quoted) in [
            ("events", r#""events""#),
            ("audit.Events", r#""audit"."Events""#),
            (r#"x"; DROP TABLE y; --"#, r#""x""; DROP TABLE y; --""#),
        ] {
            assert_eq!(TableName::parse(text).unwrap().quoted(), quoted);
        }
        for text in ["", ".x", "x.", "a.b.c", &"x".repeat(64), "nul\0"] {
            assert!(TableName::parse(text).is_err(), "{text}");
        }
    }
}
