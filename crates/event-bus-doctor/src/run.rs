//! Asks the checks one after the other, within a deadline, and cleans up after them.

use std::time::Duration;

use event_bus_runtime::{Check, CheckContext, Finding, Severity, Status};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::cleanup;
use crate::redact::Redactor;
use crate::report::{Entry, Report};

/// How long a broker that is away is waited for, at the start.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is looked at, in words; stands in the report.
    pub scope: String,
    /// Whether a warning counts as a failure.
    pub strict: bool,
    /// How long the whole run may take, the removal of its events excepted. What has not been asked by then is an
    /// error.
    pub deadline: Duration,
    /// Ends the run early, such as on SIGINT; its events are removed all the same.
    pub interrupt: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scope: "event-bus".to_owned(),
            strict: false,
            deadline: Duration::from_secs(120),
            interrupt: CancellationToken::new(),
        }
    }
}

/// Runs the checks in their order. It never fails: what goes wrong is a finding.
pub async fn run(options: Options, checks: Vec<Box<dyn Check>>, context: CheckContext) -> Report {
    let redactor = Redactor::new(&checks, &context.secrets);
    let end = Instant::now() + options.deadline;
    context.bus.wait_connected(end.min(Instant::now() + CONNECT_WITHIN)).await;
    let mut entries = Vec::new();
    for check in &checks {
        let began = Instant::now();
        let findings = ask(check.as_ref(), &options, end, &context).await;
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let entry = |finding| entry(check.as_ref(), finding, duration_ms);
        entries.extend(findings.into_iter().map(entry));
    }
    let untidy = entries.iter().any(|entry| is_broken(entry.status));
    if let Some(finding) = cleanup::remove_events(&context, untidy).await {
        entries.push(cleanup_entry(finding));
    }
    for entry in &mut entries {
        if options.strict && entry.status == Status::Warn {
            entry.status = Status::Fail;
            entry.evidence.insert("promoted_from".to_owned(), "warn".into());
        }
        redactor.apply(entry);
    }
    Report::new(context.run_id, options.scope, context.clock.now(), entries)
}

async fn ask(
    check: &dyn Check,
    options: &Options,
    end: Instant,
    context: &CheckContext,
) -> Vec<Finding> {
    if options.interrupt.is_cancelled() {
        return vec![Finding::skip("the run was interrupted before")];
    }
    let left = end.saturating_duration_since(Instant::now()).min(context.deadline);
    if left.is_zero() {
        return vec![Finding::error("the run's deadline had passed before")];
    }
    if check.needs_bus() && !context.bus.connected() {
        return vec![Finding::skip("cannot be asked while the bus is away; see bus.readiness")];
    }
    let answer = tokio::select! {
        biased;
        () = options.interrupt.cancelled() => return vec![Finding::error("the run was interrupted")],
        answer = timeout(left, check.run(context)) => answer,
    };
    match answer {
        Ok(findings) if findings.is_empty() => vec![Finding::skip("there is nothing to look at")],
        Ok(findings) => findings,
        Err(_) => {
            let seconds = left.as_secs_f32();
            vec![Finding::error(format!("the check did not end within {seconds:.1} s"))]
        }
    }
}

fn entry(check: &dyn Check, finding: Finding, duration_ms: u64) -> Entry {
    let Finding { code, about, status, message, mut evidence } = finding;
    if let Some(code) = code {
        evidence.insert("code".to_owned(), code.into());
    }
    let about = about.map(|about| format!(".{about}")).unwrap_or_default();
    Entry {
        id: format!("{}.{}{about}", check.component(), check.id()),
        component: check.component(),
        status,
        severity: check.severity(),
        duration_ms,
        message,
        evidence,
        redactions: Vec::new(),
    }
}

fn cleanup_entry(finding: Finding) -> Entry {
    let mut evidence = finding.evidence;
    evidence.extend(finding.code.map(|code| ("code".to_owned(), code.into())));
    Entry {
        id: "event-bus-doctor.cleanup".to_owned(),
        component: "event-bus-doctor",
        status: finding.status,
        severity: Severity::Recommended,
        duration_ms: 0,
        message: finding.message,
        evidence,
        redactions: Vec::new(),
    }
}

fn is_broken(status: Status) -> bool {
    match status {
        Status::Fail | Status::Error => true,
        Status::Pass | Status::Warn | Status::Skip => false,
    }
}
