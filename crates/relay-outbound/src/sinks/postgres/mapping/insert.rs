//! The statements that insert rows: into one table, or into a table and those of its children.

use super::parameters::Parameters;
use crate::sinks::postgres::table::{Layout, join, literal};

/// How a row is known that is there already.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Known {
    /// Not at all.
    Never,
    /// By a unique index over these columns.
    Index(Vec<String>),
    /// By looking for these values, while a lock keeps others from inserting the same.
    Lock(Vec<String>),
}

impl Known {
    /// The columns that must have a value.
    pub(super) fn columns(&self) -> &[String] {
        match self {
            Self::Never => &[],
            Self::Index(columns) | Self::Lock(columns) => columns,
        }
    }

    /// The setting that names them.
    pub(super) fn setting(&self) -> &'static str {
        match self {
            Self::Never | Self::Index(_) => "conflict",
            Self::Lock(_) => "unique_by",
        }
    }
}

/// Rows of one table, known by an index or not at all.
pub(super) fn rows(layout: &Layout, known: &Known, parameters: &mut Parameters) -> String {
    let casts =
        join(layout.columns.iter().enumerate(), |(i, column)| format!("r.c{i}::{}", column.cast));
    format!(
        "INSERT INTO {} ({}) SELECT {casts} FROM {} WHERE {}{}",
        layout.table,
        layout.names(),
        parameters.rows(layout, ""),
        layout.guard(),
        on_conflict(layout, known)
    )
}

/// New rows of a table and, for each of them, those of its children.
pub(super) fn families(
    layout: &Layout,
    known: &Known,
    children: &[Layout],
    parameters: &mut Parameters,
) -> String {
    let key = layout.places(known.columns());
    let casts = join(layout.columns.iter().enumerate(), |(i, column)| {
        format!("r.c{i}::{} AS c{i}", column.cast)
    });
    let values = join(0..layout.columns.len(), |i| format!("c{i}"));
    let (table, names) = (&layout.table, layout.names());
    let given = format!(
        "SELECT r.o, {casts} FROM {} WHERE {}",
        parameters.rows(layout, "o"),
        layout.guard()
    );
    // Of rows that are the same event, the first.
    let given = match key.as_slice() {
        [] => given,
        key => {
            let key = join(key, |i| format!("g.c{i}::{}", layout.columns[*i].exact));
            format!("SELECT DISTINCT ON ({key}) g.* FROM ({given}) AS g ORDER BY {key}, g.o")
        }
    };
    // A value is compared as it will stand in its column: a `numeric(5,2)` has two digits behind the point.
    let same_as = |other: &str| {
        let pairs = key.iter().map(|i| {
            let column = &layout.columns[*i];
            format!("{other}.{} = g.c{i}::{}", column.name, column.exact)
        });
        pairs.collect::<Vec<_>>().join(" AND ")
    };
    let mut statement = format!("WITH given AS MATERIALIZED ({given})");
    match known {
        Known::Never | Known::Lock(_) => {
            let condition = match known {
                Known::Lock(_) => {
                    format!(" WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE {})", same_as("t"))
                }
                Known::Never | Known::Index(_) => String::new(),
            };
            statement.push_str(&format!(
                ", fresh AS MATERIALIZED (SELECT g.* FROM given AS g{condition}), parent AS \
                 (INSERT INTO {table} ({names}) SELECT {values} FROM fresh ORDER BY o)"
            ));
        }
        Known::Index(_) => {
            let same = same_as("p");
            let returned = join(&key, |i| layout.columns[*i].name.clone());
            statement.push_str(&format!(
                ", parent AS (INSERT INTO {table} ({names}) SELECT {values} FROM given ORDER BY o{} \
                 RETURNING {returned}), fresh AS MATERIALIZED (SELECT g.o FROM given AS g JOIN parent AS p ON {same})",
                on_conflict(layout, known)
            ));
        }
    }
    for (place, child) in children.iter().enumerate() {
        let casts = join(child.columns.iter().enumerate(), |(i, column)| {
            format!("r.c{i}::{}", column.cast)
        });
        statement.push_str(&format!(
            ", child{place} AS (INSERT INTO {} ({}) SELECT {casts} FROM {} WHERE {} AND r.p IN (SELECT o FROM fresh) \
             ORDER BY r.o)",
            child.table,
            child.names(),
            parameters.children(child),
            child.guard()
        ));
    }
    statement.push_str(" SELECT count(*) FROM given");
    statement
}

/// Waits until nobody else writes rows with these values, in an order that is the same for all.
///
/// Equal values have the same hash, whatever text they came from.
pub(super) fn lock(layout: &Layout, parameters: &mut Parameters) -> String {
    let values =
        join(layout.columns.iter().enumerate(), |(i, column)| format!("r.c{i}::{}", column.cast));
    format!(
        "SELECT pg_advisory_xact_lock(k.h) FROM (SELECT DISTINCT hash_record_extended(ROW({values}), \
         to_regclass({})::oid::bigint) AS h FROM {} WHERE {} ORDER BY h) AS k",
        literal(&layout.table),
        parameters.rows(layout, ""),
        layout.guard()
    )
}

fn on_conflict(layout: &Layout, known: &Known) -> String {
    match known {
        Known::Never | Known::Lock(_) => String::new(),
        Known::Index(columns) => {
            let unique = join(layout.places(columns), |i| layout.columns[i].name.clone());
            format!(" ON CONFLICT ({unique}) DO NOTHING")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::for_test("s.t", &[("a", "text", 25), ("b c", "jsonb", 3802)])
    }

    #[test]
    fn one_statement_inserts_all_rows() {
        let known = Known::Index(vec!["a".to_owned()]);
        let statement = rows(&layout(), &known, &mut Parameters::numbered());
        let insert = r#"INSERT INTO "s"."t" ("a", "b c") SELECT r.c0::text, r.c1::jsonb FROM unnest($1::text[], $2::text[]) AS r(c0, c1) WHERE "#;
        assert!(statement.starts_with(insert), "{statement}");
        assert!(statement.contains(r#"(E'a', 25::oid), (E'b c', 3802::oid)"#), "{statement}");
        assert!(statement.ends_with(r#" ON CONFLICT ("a") DO NOTHING"#), "{statement}");
        let statement = rows(&layout(), &Known::Never, &mut Parameters::numbered());
        assert!(!statement.contains("CONFLICT"), "{statement}");
    }

    #[test]
    fn parameters_are_numbered_through_all_tables() {
        let child = Layout::for_test("u", &[("x", "text", 25)]);
        let known = Known::Lock(vec!["a".to_owned()]);
        let children = [child.clone(), child];
        let statement = families(&layout(), &known, &children, &mut Parameters::numbered());
        for part in [
            "unnest($1::text[], $2::text[]) WITH ORDINALITY AS r(c0, c1, o)",
            "unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS r(p, c0, o)",
            "unnest($5::bigint[], $6::text[])",
            r#"NOT EXISTS (SELECT FROM "s"."t" AS t WHERE t."a" = g.c0::text)"#,
            "DISTINCT ON (g.c0::text)",
        ] {
            assert!(statement.contains(part), "{statement}");
        }
        let explained = families(&layout(), &known, &children, &mut Parameters::empty());
        assert!(explained.contains("unnest('{}'::bigint[], '{}'::text[])"), "{explained}");
    }
}
