//! What `storage` of a topic lets pass a table takes, and as what; what a table would refuse is refused at once.

use testkit::PostgresServer;

use crate::world::World;

const TABLE: &str = "CREATE TABLE cells (id text PRIMARY KEY, name varchar(8), whole bigint, near bigint, small integer, \
                     tiny integer, doc jsonb, at timestamptz)";

const STORAGE: &str = "
[topics.topic.storage]
name = 'varchar(8)'
whole = 'bigint'
near = 'bigint rounded'
small = 'integer'
tiny = 'integer rounded'
doc = 'jsonb'
at = 'instant'
";

const COLUMNS: &str = "
[outbound.routes.sink.postgres.columns]
id = 'data.id'
name = 'data.name'
whole = 'data.whole'
near = { from = 'data.near', round = true }
small = 'data.small'
tiny = { from = 'data.tiny', round = true }
doc = 'data.doc'
at = { from = 'data.at', epoch = 'ms' }
";

/// A column, a value, and the text that the table has afterwards; none if the value is refused.
const CELLS: [(&str, &str, Option<&str>); 41] = [
    ("name", r#""äöü sind""#, Some("äöü sind")),
    ("name", r#""äöü sind!""#, None),
    ("name", "[1, 2,3]", None),
    ("name", "[1,2]", Some("[1, 2]")),
    ("name", r#"{"a":"<300 characters>"}"#, None),
    ("name", r#"{"a":1}"#, Some(r#"{"a": 1}"#)),
    ("name", r#"["ä"]"#, None),
    ("name", "12345678", Some("12345678")),
    ("name", "123456789", None),
    ("name", "false", Some("false")),
    ("whole", "9223372036854775807", Some("9223372036854775807")),
    ("whole", "-9223372036854775808", Some("-9223372036854775808")),
    ("whole", "9223372036854775808", None),
    ("whole", "1.5", None),
    ("whole", "1700000000000.0", None),
    ("whole", "1e3", None),
    ("whole", r#""1""#, None),
    ("near", "1.5", Some("2")),
    ("near", "-2.5", Some("-3")),
    ("near", "1700000000000.0", Some("1700000000000")),
    ("near", "1e18", Some("1000000000000000000")),
    ("near", "9223372036854775807", Some("9223372036854775807")),
    ("near", "9223372036854775807.0", None),
    ("small", "-2147483648", Some("-2147483648")),
    ("small", "2147483648", None),
    ("small", "1.0", None),
    ("tiny", "2147483647.4", Some("2147483647")),
    ("tiny", "2147483647.5", None),
    ("doc", r#""abc""#, None),
    ("doc", r#""123""#, None),
    ("doc", r#"["abc"]"#, Some(r#"["abc"]"#)),
    ("doc", "123", Some("123")),
    ("doc", "1e20", Some("100000000000000000000")),
    ("doc", "true", Some("true")),
    ("doc", "null", Some("")),
    ("at", "-62135596800000", Some("0001-01-01T00:00:00+00:00")),
    ("at", "-62135596800001", None),
    ("at", "-62135596800000.1", None),
    ("at", "253402300799999", Some("9999-12-31T23:59:59.999+00:00")),
    ("at", "253402300799999.9", None),
    ("at", "253402300800000", None),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_for_a_table_the_table_takes() {
    let server = PostgresServer::start().await;
    server.psql(TABLE);
    let route = format!(
        "[[outbound.routes]]\nname = 'cells'\nsubjects = ['fleet.topic.cells']\nreceipts = true\n\
         batch = {{ max_events = 1, max_wait = '1ms' }}\n[outbound.routes.sink.postgres]\n\
         host = '127.0.0.1'\nport = {}\ndatabase = 'postgres'\nuser = 'postgres'\ntls = 'disable'\n\
         table = 'cells'\nconflict = ['id']\n",
        server.port()
    );
    let world = World::new(&["cells"], &format!("{STORAGE}{route}{COLUMNS}")).await;
    let (_gateway, _relay) = world.start_with_relay().await;
    let mut wrong = Vec::new();
    for (id, (column, value, expected)) in CELLS.iter().enumerate() {
        let body = format!(r#"{{"id": "{id}", "{column}": {value}}}"#);
        let answer = world.post("cells", &body).await;
        let select = match *column {
            "at" => "to_jsonb(at AT TIME ZONE 'UTC') #>> '{}' || '+00:00'".to_owned(),
            column => format!("{column}::text"),
        };
        let found = server.psql(&format!("SELECT {select} FROM cells WHERE id = '{id}'"));
        let status = if expected.is_some() { 202 } else { 400 };
        if answer.status != status || found != expected.unwrap_or_default() {
            wrong.push(format!("{column} {value}: {found:?} {}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
