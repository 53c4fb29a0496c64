//! What a request for statistics asks for (section 11).

use time::{Duration, OffsetDateTime};

use crate::json::{self, Limits, Number, Value};

/// How far back the window reaches where nothing is said.
const WINDOW: Duration = Duration::days(7);

/// Rows of a page where nothing is said.
const DEFAULT_LIMIT: usize = 50;

/// Most rows of a page; who asks for more gets these.
const MAX_LIMIT: usize = 1000;

/// A page that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// First start of a run, in milliseconds of the epoch.
    pub(super) from: i64,
    /// Last start of a run.
    pub(super) to: i64,
    /// Only rows whose `internal_id` is smaller.
    pub(super) below: i64,
    /// Most rows.
    pub(super) limit: usize,
}

/// Reads a body; an empty one asks for the default. Says what is wrong with it.
pub(super) fn parse(
    body: &[u8],
    now: OffsetDateTime,
    limits: Limits,
) -> Result<Asked, &'static str> {
    let body = if body.is_empty() { b"{}" } else { body };
    let body = json::parse(body, limits).map_err(|_| "Request body must be valid JSON.")?;
    if body.as_object().is_none() {
        return Err("Request body must be a JSON object.");
    }
    let from = integer(&body, "timestamp_start")
        .map_err(|NoInteger| "Field 'timestamp_start' must be an integer (epoch ms).")?;
    let to = integer(&body, "timestamp_end")
        .map_err(|NoInteger| "Field 'timestamp_end' must be an integer (epoch ms).")?;
    let below = integer(&body, "cursor")
        .map_err(|NoInteger| "Field 'cursor' must be an integer (internal_id).")?;
    let limit = limit(&body).ok_or("Field 'limit' must be a positive integer.")?;
    Ok(Asked {
        from: from.unwrap_or_else(|| milliseconds(now - WINDOW)),
        to: to.unwrap_or_else(|| milliseconds(now)),
        below: below.unwrap_or(i64::MAX),
        limit,
    })
}

struct NoInteger;

/// The number of a member; none if it is absent or null. One that no column holds is the nearest that one does.
fn integer(body: &Value, field: &str) -> Result<Option<i64>, NoInteger> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(Number::Int(number))) => Ok(Some(*number)),
        Some(Value::Number(Number::Big(number))) => {
            let is_negative = number.sign() == num_bigint::Sign::Minus;
            Ok(Some(if is_negative { i64::MIN } else { i64::MAX }))
        }
        Some(_) => Err(NoInteger),
    }
}

fn limit(body: &Value) -> Option<usize> {
    if body.get("limit").is_none() {
        return Some(DEFAULT_LIMIT);
    }
    let asked = integer(body, "limit").ok()??;
    (asked >= 1).then(|| usize::try_from(asked).unwrap_or(MAX_LIMIT).min(MAX_LIMIT))
}

/// Since the epoch, in milliseconds.
fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}
