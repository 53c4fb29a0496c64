//! The table: its name, the types of its columns, and the one statement that inserts.

use std::sync::Arc;

use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Config;
use super::columns::{self, Column, DEFAULT_COLUMNS, DEFAULT_CONFLICT, Row};
use super::errors::Answer;
use crate::sinks::BuildError;

/// PostgreSQL cuts longer names off, so that two could become one.
const MAX_NAME: usize = 63;

/// A table, perhaps with its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableName {
    schema: Option<String>,
    name: String,
}

/// What tells an event from others is not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the event gives no value for {column}, a column of `conflict`, and would be inserted again and again"
)]
struct NullInConflict {
    column: String,
}

/// A table with the columns that are filled.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: TableName,
    pub(super) columns: Vec<Column>,
    /// The columns of its unique index; empty if there is none.
    pub(super) conflict: Vec<String>,
}

/// The type of a column.
struct Type {
    /// As a cast names it.
    cast: String,
    oid: Oid,
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
        let columns: Result<Vec<_>, _> = if config.has_default_columns() {
            DEFAULT_COLUMNS.into_iter().map(|(name, source)| Column::parse(name, source)).collect()
        } else {
            config.columns.iter().map(|(name, source)| Column::parse(name, source)).collect()
        };
        let conflict = if config.has_default_columns() {
            DEFAULT_CONFLICT.map(str::to_owned).to_vec()
        } else {
            config.conflict.clone().unwrap_or_default()
        };
        Ok(Self {
            name: TableName::parse(&config.table).map_err(unusable("table"))?,
            columns: columns.map_err(unusable("columns"))?,
            conflict,
        })
    }

    /// Looks up the types of the columns and makes the statement that inserts rows.
    pub(super) async fn statement(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Arc<str>, Answer> {
        let types = self.types(connection).await?;
        let statement = self.insert(&types, |index| format!("${}", index + 1));
        Ok(statement.into())
    }

    /// The values of an event, or why it has none.
    pub(super) fn row(&self, event: &Event) -> Result<Row, DeliveryError> {
        let row = columns::row(&self.columns, event)?;
        let is_null = |(column, value): (&Column, &Option<String>)| {
            value.is_none() && self.conflict.contains(&column.name)
        };
        match self.columns.iter().zip(&row).position(is_null) {
            // A unique index takes two of them for different ones.
            Some(place) => {
                let problem = NullInConflict { column: self.columns[place].name.clone() };
                Err(DeliveryError::Unencodable(problem.into()))
            }
            None => Ok(row),
        }
    }

    /// Lets the server plan the statement, which checks names, types, the unique index and privileges.
    pub(super) async fn explain(&self, connection: &mut PgConnection) -> Result<(), Answer> {
        let types = self.types(connection).await?;
        let statement = format!("EXPLAIN {}", self.insert(&types, |_| "'{}'".to_owned()));
        sqlx::query(AssertSqlSafe(statement)).persistent(false).execute(connection).await?;
        Ok(())
    }

    /// Inserts all rows or none; a row that is there already counts as inserted.
    pub(super) async fn fill(
        &self,
        connection: &mut PgConnection,
        statement: &Arc<str>,
        rows: &[&Row],
    ) -> Result<(), Answer> {
        let mut query = sqlx::query(AssertSqlSafe(Arc::clone(statement)));
        for index in 0..self.columns.len() {
            let values: Vec<Option<&str>> = rows.iter().map(|row| row[index].as_deref()).collect();
            query = query.bind(values);
        }
        query.execute(connection).await?;
        Ok(())
    }

    /// The type of each column.
    async fn types(&self, connection: &mut PgConnection) -> Result<Vec<Type>, Answer> {
        // The modifier -1 keeps `varchar(5)` from cutting off in silence what it should refuse.
        let found: Vec<(String, String, Oid)> = sqlx::query_as(
            "SELECT attname::text, format_type(atttypid, -1), atttypid FROM pg_catalog.pg_attribute \
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
        let mut types = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some((_, cast, oid)) = found.iter().find(|(name, ..)| *name == column.name) else {
                let (table, column) = (self.name.quoted(), quote(&column.name));
                return Err(Answer::missing(format!("the table {table} has no column {column}")));
            };
            types.push(Type { cast: cast.clone(), oid: *oid });
        }
        Ok(types)
    }

    /// The statement fails by itself once the columns have other types than these: a value that is cast to a type of
    /// yesterday may lose a part of itself, and no error would tell.
    fn insert(&self, types: &[Type], parameter: impl Fn(usize) -> String) -> String {
        let join = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(", ");
        let names = join(&mut self.columns.iter().map(|column| quote(&column.name)));
        let casts = types.iter().enumerate();
        let values = join(&mut casts.map(|(i, Type { cast, .. })| format!("r.c{i}::{cast}")));
        let columns = self.columns.iter().zip(types);
        let known = join(&mut columns.map(|(column, Type { oid, .. })| {
            format!("({}, {}::oid)", literal(&column.name), oid.0)
        }));
        let arrays = join(&mut (0..types.len()).map(|i| format!("{}::text[]", parameter(i))));
        let aliases = join(&mut (0..types.len()).map(|i| format!("c{i}")));
        let table = self.name.quoted();
        let mut statement = format!(
            "INSERT INTO {table} ({names}) SELECT {values} FROM unnest({arrays}) AS r({aliases}) \
             WHERE (SELECT width_bucket(0::float8, 0, 1, (count(*) = {})::int) FROM pg_catalog.pg_attribute \
             WHERE attrelid = to_regclass({}) AND NOT attisdropped AND (attname, atttypid) IN ({known})) = 1",
            types.len(),
            literal(&table)
        );
        if !self.conflict.is_empty() {
            let unique = join(&mut self.conflict.iter().map(|name| quote(name)));
            statement.push_str(&format!(" ON CONFLICT ({unique}) DO NOTHING"));
        }
        statement
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
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
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

    #[test]
    fn one_statement_inserts_all_rows() {
        let columns =
            vec![Column::parse("a", "id").unwrap(), Column::parse("b c", "data").unwrap()];
        let name = TableName::parse("s.t").unwrap();
        let mut table = Table { name, columns, conflict: vec!["a".to_owned()] };
        let types = [("text", 25), ("jsonb", 3802)];
        let types = types.map(|(cast, oid)| Type { cast: cast.to_owned(), oid: Oid(oid) });
        let statement = table.insert(&types, |index| format!("${}", index + 1));
        let insert = r#"INSERT INTO "s"."t" ("a", "b c") SELECT r.c0::text, r.c1::jsonb FROM unnest($1::text[], $2::text[]) AS r(c0, c1) WHERE "#;
        assert!(statement.starts_with(insert), "{statement}");
        assert!(statement.contains(r#"(E'a', 25::oid), (E'b c', 3802::oid)"#), "{statement}");
        assert!(statement.ends_with(r#" ON CONFLICT ("a") DO NOTHING"#), "{statement}");
        table.conflict.clear();
        assert!(!table.insert(&types, |_| String::new()).contains("CONFLICT"));
    }
}
