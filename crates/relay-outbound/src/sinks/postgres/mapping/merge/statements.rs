//! The statements of a merge: lock the keys, read what is there, write what the events make of it.

use super::super::parameters::Parameters;
use super::fold::Folded;
use super::rule::Rule;
use crate::sinks::postgres::table::{Layout, LayoutColumn, join, literal};

/// A table that is merged into, as the server knows it.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) layout: &'a Layout,
    pub(super) columns: &'a [Folded],
    /// Places of the columns that name a row.
    pub(super) key: &'a [usize],
    /// The table of stamps, as a statement names it.
    pub(super) stamps: &'a str,
    /// What stamps call the target: its name with its schema.
    pub(super) name: &'a str,
}

/// How the age of values is read that somebody else wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Instant,
    Number,
}

impl Target<'_> {
    /// Waits until nobody else merges into these rows, in an order that is the same for all. Gives each event's row a
    /// number: equal keys have the same, whatever text they came from.
    pub(super) fn lock(&self, parameters: &mut Parameters) -> String {
        let key = self.keys();
        let values =
            join(key.columns.iter().enumerate(), |(i, column)| format!("r.c{i}::{}", column.exact));
        format!(
            "SELECT k.o, k.row, pg_advisory_xact_lock(k.h) FROM (SELECT r.o, dense_rank() OVER (ORDER BY {values}) AS row, \
             hash_record_extended(ROW({values}), to_regclass({})::oid::bigint) AS h FROM {} WHERE {} ORDER BY h) AS k",
            literal(&key.table),
            parameters.rows(&key, "o"),
            key.guard()
        )
    }

    /// What stands in the rows that are there, which nobody else can change until the end.
    pub(super) fn read(&self, parameters: &mut Parameters) -> String {
        let key = self.keys();
        let same = self.same(|i, column| format!("r.c{i}::{}", column.exact));
        let values = join(self.layout.columns.iter().zip(self.columns), |(column, folded)| {
            let value = format!("t.{}", column.name);
            match &folded.rule {
                Rule::LatestUnless(unless) => {
                    let unless =
                        join(unless, |other| format!("{}::{}", literal(other), column.cast));
                    format!("CASE WHEN {value} NOT IN ({unless}) THEN '' END")
                }
                Rule::MergeObject => format!(
                    "CASE jsonb_typeof({value}::jsonb) WHEN 'object' THEN \
                     (SELECT coalesce(jsonb_agg(m), '[]')::text FROM jsonb_object_keys({value}::jsonb) AS m) END"
                ),
                Rule::Key | Rule::Latest | Rule::LatestOrNull | Rule::Max => {
                    format!("CASE WHEN {value} IS NOT NULL THEN '' END")
                }
            }
        });
        format!(
            "SELECT r.o, s.stamps::text, {}, ARRAY[{values}]::text[] FROM {} JOIN {} AS t ON {same} LEFT JOIN {} AS s \
             ON s.target = {} AND s.key = {} WHERE {} ORDER BY r.o FOR UPDATE OF t",
            self.age(),
            parameters.rows(&key, "o"),
            self.layout.table,
            self.stamps,
            literal(self.name),
            self.row_name("t"),
            self.layout.guard()
        )
    }

    /// Writes values and stamps, and says how many rows it has written.
    pub(super) fn write(&self, parameters: &mut Parameters) -> String {
        let layout = self.layout;
        let casts = join(
            layout.columns.iter().zip(self.columns).enumerate(),
            |(i, (column, folded))| {
                let cast = &column.cast;
                match folded.rule {
                    Rule::Max => format!(
                        "(SELECT m.v::{cast} FROM jsonb_array_elements_text(r.c{i}::jsonb) AS m(v) ORDER BY 1 DESC LIMIT 1) AS c{i}"
                    ),
                    Rule::Key
                    | Rule::Latest
                    | Rule::LatestOrNull
                    | Rule::LatestUnless(_)
                    | Rule::MergeObject => {
                        format!("r.c{i}::{cast} AS c{i}")
                    }
                }
            },
        );
        let mut arrays: Vec<String> =
            layout.columns.iter().map(|_| parameters.array("text")).collect();
        arrays.extend([parameters.array("text"), parameters.array("text")]);
        let names = join(0..layout.columns.len(), |i| format!("c{i}"));
        let given = format!(
            "SELECT r.o, r.f, r.s, {casts} FROM unnest({}) WITH ORDINALITY AS r({names}, f, s, o) WHERE {}",
            arrays.join(", "),
            layout.guard()
        );
        let key = join(self.key, |i| layout.columns[*i].name.clone());
        let updated_key = join(self.key, |i| format!("t.{}", layout.columns[*i].name));
        let same = |other: &str| {
            let pairs = self.key.iter().map(|i| {
                let column = &layout.columns[*i];
                format!("{other}.{} = g.c{i}::{}", column.name, column.exact)
            });
            pairs.collect::<Vec<_>>().join(" AND ")
        };
        let changes = join(
            layout
                .columns
                .iter()
                .zip(self.columns)
                .enumerate()
                .filter(|(i, _)| !self.key.contains(i)),
            |(i, (column, folded))| change(i, column, &folded.rule),
        );
        format!(
            "WITH given AS MATERIALIZED ({given}), \
             changed AS (UPDATE {table} AS t SET {changes} FROM given AS g WHERE left(g.f, 1) = '1' AND {} \
             RETURNING {updated_key}), \
             made AS (INSERT INTO {table} ({}) SELECT {names} FROM given WHERE left(f, 1) = '0' ORDER BY o \
             ON CONFLICT ({key}) DO NOTHING RETURNING {key}), \
             written AS (SELECT * FROM changed UNION ALL SELECT * FROM made), \
             stamped AS (INSERT INTO {stamps} (target, key, stamps) SELECT {}, {}, g.s::jsonb \
             FROM written AS w JOIN given AS g ON {} ON CONFLICT (target, key) DO UPDATE SET stamps = excluded.stamps) \
             SELECT count(*) FROM written",
            same("t"),
            layout.names(),
            literal(self.name),
            self.row_name("w"),
            same("w"),
            table = layout.table,
            stamps = self.stamps,
        )
    }

    /// The columns that name a row, alone.
    fn keys(&self) -> Layout {
        let columns = self.key.iter().map(|place| self.layout.columns[*place].clone()).collect();
        Layout { table: self.layout.table.clone(), columns }
    }

    /// That the row `t` has this key.
    fn same(&self, value: impl Fn(usize, &LayoutColumn) -> String) -> String {
        let pairs = self.key.iter().enumerate().map(|(i, place)| {
            let column = &self.layout.columns[*place];
            format!("t.{} = {}", column.name, value(i, column))
        });
        pairs.collect::<Vec<_>>().join(" AND ")
    }

    /// What stamps call a row: the text of its key, or a list of such texts.
    fn row_name(&self, row: &str) -> String {
        let texts = join(self.key, |i| format!("{row}.{}::text", self.layout.columns[*i].name));
        match self.key {
            [_] => texts,
            _ => format!("jsonb_build_array({texts})::text"),
        }
    }

    /// How old values are that somebody else wrote: microseconds since 1970, or the number as it stands, or null.
    fn age(&self) -> String {
        let ages = self.layout.columns.iter().zip(self.columns).filter_map(|(column, folded)| {
            (folded.rule == Rule::Max).then(|| Some((column, age(column)?))).flatten()
        });
        match ages.into_iter().next() {
            Some((column, Age::Instant)) => {
                let value = format!("t.{}", column.name);
                format!(
                    "CASE WHEN isfinite({value}) THEN (extract(epoch FROM {value}) * 1000000)::bigint::text END, 'instant'"
                )
            }
            Some((column, Age::Number)) => format!("t.{}::text, 'number'", column.name),
            None => "NULL::text, ''".to_owned(),
        }
    }
}

/// By the numbers that PostgreSQL gives its own types.
fn age(column: &LayoutColumn) -> Option<Age> {
    match column.oid.0 {
        // date, timestamp, timestamptz
        1082 | 1114 | 1184 => Some(Age::Instant),
        // bigint, integer, double precision, numeric
        20 | 23 | 701 | 1700 => Some(Age::Number),
        _ => None,
    }
}

/// What a column of a row that is there becomes.
fn change(place: usize, column: &LayoutColumn, rule: &Rule) -> String {
    let (name, cast) = (&column.name, &column.cast);
    let old = format!("t.{name}");
    let new = match rule {
        Rule::MergeObject => format!(
            "(CASE jsonb_typeof({old}::jsonb) WHEN 'object' THEN {old}::jsonb ELSE '{{}}' END || g.c{place}::jsonb)::{cast}"
        ),
        Rule::Max => format!("greatest({old}, g.c{place})"),
        Rule::Key | Rule::Latest | Rule::LatestOrNull | Rule::LatestUnless(_) => {
            format!("g.c{place}")
        }
    };
    // The first digit is that of the row.
    format!("{name} = CASE substr(g.f, {}, 1) WHEN '1' THEN {new} ELSE {old} END", place + 2)
}
