//! The doctor.v1 document. `doctor.v1.schema.json` beside this crate's manifest describes it.

use std::collections::BTreeMap;

use event_bus_core::event::format_time;
use event_bus_runtime::{Severity, Status};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    schema_version: &'static str,
    run_id: String,
    generated_at: String,
    scope: String,
    status: Status,
    summary: Summary,
    checks: Vec<Entry>,
    artifacts: Vec<Artifact>,
}

/// How many findings there are of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// As they should be.
    pub pass: usize,
    /// To be mended.
    pub warn: usize,
    /// Broken.
    pub fail: usize,
    /// Not asked.
    pub skip: usize,
    /// Checks that broke.
    pub error: usize,
}

/// One finding. A check that looks at several things has an entry for each.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// `<component>.<check>`, followed by `.<thing>` where the check looks at several. Unique in a report.
    pub id: String,
    /// The part of the system.
    pub component: &'static str,
    /// The verdict.
    pub status: Status,
    /// What a failure means for the whole.
    pub severity: Severity,
    /// How long the whole check took.
    pub duration_ms: u64,
    /// One sentence for a person.
    pub message: String,
    /// The facts behind the verdict; `code` names the page of the finding.
    pub evidence: BTreeMap<String, Value>,
    /// What was struck from this entry: `message`, or `evidence.<name>`.
    pub redactions: Vec<String>,
}

/// A file that a run wrote. This doctor writes none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// What it is.
    pub kind: String,
    /// Where it is.
    pub path: String,
}

impl Report {
    /// A report of these entries; ids that occur twice are numbered.
    pub(crate) fn new(
        run_id: String,
        scope: String,
        generated_at: OffsetDateTime,
        mut checks: Vec<Entry>,
    ) -> Self {
        make_unique(&mut checks);
        let mut summary = Summary::default();
        for entry in &checks {
            *summary.of(entry.status) += 1;
        }
        Self {
            schema_version: "doctor.v1",
            run_id,
            generated_at: format_time(generated_at),
            scope,
            status: summary.status(),
            summary,
            checks,
            artifacts: Vec::new(),
        }
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("texts, numbers and maps with text keys are JSON")
    }

    /// The document for a person, a line for each finding.
    pub fn to_text(&self, colour: bool) -> String {
        crate::text::render(self, colour)
    }

    /// 0 if nothing is broken, warnings allowed; 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self.status {
            Status::Pass | Status::Warn | Status::Skip => 0,
            Status::Fail | Status::Error => 1,
        }
    }

    /// The findings.
    pub fn entries(&self) -> &[Entry] {
        &self.checks
    }

    /// The counts.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The worst status; a run in which nothing could be asked is skipped.
    pub fn status(&self) -> Status {
        self.status
    }
}

impl Entry {
    /// Code of the finding, such as `EB0007`.
    pub fn code(&self) -> Option<&str> {
        self.evidence.get("code").and_then(Value::as_str)
    }
}

impl Summary {
    fn of(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Pass => &mut self.pass,
            Status::Warn => &mut self.warn,
            Status::Fail => &mut self.fail,
            Status::Skip => &mut self.skip,
            Status::Error => &mut self.error,
        }
    }

    fn status(self) -> Status {
        match self {
            Self { error: 1.., .. } => Status::Error,
            Self { fail: 1.., .. } => Status::Fail,
            Self { warn: 1.., .. } => Status::Warn,
            Self { pass: 1.., .. } => Status::Pass,
            Self { .. } => Status::Skip,
        }
    }
}

fn make_unique(entries: &mut [Entry]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries {
        let times = seen.entry(entry.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            entry.id = format!("{}.{times}", entry.id);
        }
    }
}
