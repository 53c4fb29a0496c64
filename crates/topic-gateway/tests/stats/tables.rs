//! PostgreSQL with the tables of the example, and what stands in them.

use std::fs;
use std::ops::Deref;

use sqlx::{Connection as _, PgConnection};
use testkit::PostgresServer;

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/topics/sql");

const DATABASE: &str = "eventgate_db";

/// A server whose tables are empty.
pub(crate) struct Tables(PostgresServer);

impl Tables {
    pub(crate) async fn start() -> Self {
        let server = PostgresServer::start().await;
        server.psql(&format!("CREATE DATABASE {DATABASE}"));
        let tables = Self(server);
        let mut paths: Vec<_> =
            fs::read_dir(MIGRATIONS).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(path).unwrap();
            let fill = |text: String, role: &str| {
                text.replace(&format!("${{eventgate_{role}_password}}"), role)
            };
            tables.sql(&["owner", "writer", "reader"].into_iter().fold(text, fill));
        }
        tables
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.try_psql_in(DATABASE, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// A run, and a job for each of `jobs`, which are values for the columns from `country` on.
    pub(crate) fn run(&self, event_id: &str, start: &str, jobs: &[&str]) {
        self.sql(&format!(
            "INSERT INTO public_cps_za_runs VALUES \
             ('{event_id}', 'ref', 'Tenant', 'app', '1', 'dev', {start}, {start} + 60000)"
        ));
        for job in jobs {
            self.sql(&format!(
                "INSERT INTO public_cps_za_runs_jobs (event_id, country, catalog_id, status, \
                 timestamp_start, timestamp_end, message, additional_info) \
                 VALUES ('{event_id}', {job})"
            ));
        }
    }

    /// So many jobs, two in each run; the run of the nth job began at `start`, an expression with `n`.
    pub(crate) fn fill(&self, jobs: usize, start: &str) {
        self.sql(&format!(
            "INSERT INTO public_cps_za_runs \
             SELECT 'event-' || n, 'ref', 'Tenant', 'app', '1', 'dev', {start}, {start} + 60000 \
             FROM generate_series(1, {jobs}, 2) n; \
             INSERT INTO public_cps_za_runs_jobs (event_id, country, catalog_id, status, \
             timestamp_start, timestamp_end, message, additional_info) \
             SELECT 'event-' || n - (n + 1) % 2, 'za', 'catalog-' || n, 'succeeded', \
             {start}, {start} + 1000, NULL, '{{\"n\": 1}}' FROM generate_series(1, {jobs}) n"
        ));
    }

    /// The `internal_id` of every job, newest first.
    pub(crate) fn ids(&self, condition: &str) -> Vec<i64> {
        let ids = self.sql(&format!(
            "SELECT internal_id FROM public_cps_za_runs_jobs job WHERE EXISTS \
             (SELECT FROM public_cps_za_runs run WHERE run.event_id = job.event_id \
             AND ({condition})) ORDER BY internal_id DESC"
        ));
        ids.lines().map(|id| id.parse().unwrap()).collect()
    }

    /// A session of the owner of everything.
    pub(crate) async fn session(&self) -> PgConnection {
        let url = format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", self.port());
        PgConnection::connect(&url).await.unwrap()
    }

    /// Nobody else reads jobs for as long as the session lives.
    pub(crate) async fn lock(&self) -> PgConnection {
        let mut session = self.session().await;
        let lock = "BEGIN; LOCK TABLE public_cps_za_runs_jobs IN ACCESS EXCLUSIVE MODE";
        sqlx::raw_sql(lock).execute(&mut session).await.unwrap();
        session
    }
}

impl Deref for Tables {
    type Target = PostgresServer;

    fn deref(&self) -> &PostgresServer {
        &self.0
    }
}
