//! The statements of the sink. Names come from the settings, which allow letters, digits and `_` only; values are bound.

use std::collections::BTreeMap;

use super::Config;

/// A table as it stands in a statement.
pub(super) fn quoted_table(table: &str) -> String {
    table.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

/// Inserts rows of the shipped table; the parameters are one array for each column.
pub(super) fn insert_events(table: &str) -> String {
    format!(
        "INSERT INTO {} (ce_source, ce_id, ce_type, ce_subject, ce_time, attributes, data, data_bytes) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]::timestamptz[], \
         $6::text[]::jsonb[], $7::text[]::jsonb[], $8::bytea[]) \
         ON CONFLICT (ce_source, ce_id) DO NOTHING",
        quoted_table(table)
    )
}

/// Inserts rows of an own table; the one parameter is a JSON array of objects, which the database turns into the types
/// of the columns.
pub(super) fn insert_own(table: &str, columns: &BTreeMap<String, String>) -> String {
    let table = quoted_table(table);
    let columns = columns.keys().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO {table} ({columns}) \
         SELECT {columns} FROM json_populate_recordset(NULL::{table}, $1::text::json) \
         ON CONFLICT DO NOTHING"
    )
}

/// The statement of these settings.
pub(super) fn insert(config: &Config) -> String {
    if config.columns.is_empty() {
        insert_events(&config.table)
    } else {
        insert_own(&config.table, &config.columns)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
