//! A row of statistics: a job, its run, and what follows from them (section 11).

use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

const DATE: StaticFormatDescription = format_description!("[day]-[month]-[year]");

const TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// The members of a row, in their order.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) event_id: String,
    pub(super) job_ref: String,
    pub(super) tenant_id: String,
    pub(super) source_app: String,
    pub(super) source_app_version: String,
    pub(super) environment: String,
    pub(super) run_timestamp_start: Option<i64>,
    pub(super) run_timestamp_end: Option<i64>,
    pub(super) internal_id: i64,
    pub(super) country: Option<String>,
    pub(super) catalog_id: String,
    pub(super) status: String,
    pub(super) timestamp_start: Option<i64>,
    pub(super) timestamp_end: Option<i64>,
    pub(super) message: Option<String>,
    pub(super) additional_info: Option<Box<RawValue>>,
    #[serde(flatten)]
    pub(super) computed: Computed,
}

/// What no column holds. `null` where a column that it follows from is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Computed {
    run_date: Option<String>,
    run_status: &'static str,
    formatted_tenant: String,
    elapsed_time: Option<i64>,
    start_time: Option<String>,
    end_time: Option<String>,
}

/// The columns that [`Computed`] follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) run_start: Option<i64>,
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) status: &'a str,
    pub(super) message: Option<&'a str>,
    pub(super) tenant: &'a str,
}

impl Known<'_> {
    pub(super) fn compute(self) -> Computed {
        let elapsed = |(start, end): (i64, i64)| end.checked_sub(start);
        Computed {
            run_date: self.run_start.and_then(|start| written(start, DATE)),
            run_status: run_status(self.status, self.message.unwrap_or_default()),
            formatted_tenant: self.tenant.to_lowercase(),
            elapsed_time: self.start.zip(self.end).and_then(elapsed),
            start_time: self.start.and_then(|start| written(start, TIME)),
            end_time: self.end.and_then(|end| written(end, TIME)),
        }
    }
}

fn run_status(status: &str, message: &str) -> &'static str {
    let message = message.to_lowercase();
    match status {
        "failed" if message.contains("no data") => "no data received",
        "failed" if message.contains("no records to send") => "no data produced",
        "failed" => "failed",
        _ => "succeeded",
    }
}

/// A moment in UTC; none beyond the year 9999.
fn written(milliseconds: i64, format: StaticFormatDescription) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1000)).ok()?;
    moment.format(format).ok()
}
