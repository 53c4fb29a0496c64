//! The table: its name, the types of its columns, and the one statement that inserts.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection};

use super::columns::{Column, Row};
use super::errors::Answer;

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
    /// The columns of its unique index; empty if there is none.
    pub(super) conflict: Vec<String>,
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
    /// Looks up the types of the columns and makes the statement that inserts rows.
    pub(super) async fn statement(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Arc<str>, Answer> {
        let types = self.types(connection).await?;
        Ok(self.insert(&types, |index| format!("${}", index + 1)).into())
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

    /// The type of each column, as a cast names it.
    async fn types(&self, connection: &mut PgConnection) -> Result<Vec<String>, Answer> {
        // The modifier -1 keeps `varchar(5)` from cutting off in silence what it should refuse.
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT attname::text, format_type(atttypid, -1) FROM pg_catalog.pg_attribute \
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
            let Some((_, kind)) = found.iter().find(|(name, _)| *name == column.name) else {
                let (table, column) = (self.name.quoted(), quote(&column.name));
                return Err(Answer::missing(format!("the table {table} has no column {column}")));
            };
            types.push(kind.clone());
        }
        Ok(types)
    }

    fn insert(&self, types: &[String], parameter: impl Fn(usize) -> String) -> String {
        let join = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(", ");
        let names = join(&mut self.columns.iter().map(|column| quote(&column.name)));
        let values = join(&mut types.iter().enumerate().map(|(i, kind)| format!("r.c{i}::{kind}")));
        let arrays = join(&mut (0..types.len()).map(|i| format!("{}::text[]", parameter(i))));
        let aliases = join(&mut (0..types.len()).map(|i| format!("c{i}")));
        let table = self.name.quoted();
        let mut statement = format!(
            "INSERT INTO {table} ({names}) SELECT {values} FROM unnest({arrays}) AS r({aliases})"
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
        let types = ["text".to_owned(), "jsonb".to_owned()];
        let statement = table.insert(&types, |index| format!("${}", index + 1));
        let without_conflict = r#"INSERT INTO "s"."t" ("a", "b c") SELECT r.c0::text, r.c1::jsonb FROM unnest($1::text[], $2::text[]) AS r(c0, c1)"#;
        assert_eq!(statement, format!(r#"{without_conflict} ON CONFLICT ("a") DO NOTHING"#));
        table.conflict.clear();
        assert_eq!(table.insert(&types, |index| format!("${}", index + 1)), without_conflict);
    }
}
