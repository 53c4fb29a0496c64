//! What was measured, as a table.

use std::time::Duration;

/// One run of one program.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub per_second: f64,
    /// Latency, where there is one to speak of.
    pub latency: Option<Latency>,
    /// Resident memory at the end of the load, in bytes.
    pub resident: u64,
}

/// How long single requests or steps took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub p50: Duration,
    pub p99: Duration,
}

/// One pair: ours, then or after the floor.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub ours: Run,
    pub floor: Run,
}

/// Most resident memory that a service may take under this load.
const MEMORY_LIMIT: u64 = 60_000_000;

pub(crate) fn meets(pairs: &[Pair], least: f64) -> bool {
    ratio(pairs) >= least && memory(pairs) < MEMORY_LIMIT
}

#[expect(clippy::print_stdout, reason = "the table is the result of this program")]
pub(crate) fn print(service: &str, unit: &str, least: f64, pairs: &[Pair]) {
    println!(
        "{service}: {unit} per second, latency p50 and p99 where there is one, resident memory"
    );
    for (index, pair) in pairs.iter().enumerate() {
        let ratio = pair.ours.per_second / pair.floor.per_second;
        println!(
            "  pair {}  ours {}   floor {}   ratio {ratio:.2}",
            index + 1,
            line(&pair.ours),
            line(&pair.floor)
        );
    }
    let megabytes = megabytes(memory(pairs));
    println!(
        "  median ratio {:.2} (at least {least}), largest resident memory {megabytes:.1} MB",
        ratio(pairs)
    );
}

/// Growth from the second tenth to the last that still counts as flat: what an allocator keeps for later.
const FLAT: f64 = 1.15;

/// Prints the memory after each tenth of the events, and returns whether it stayed flat.
#[expect(clippy::print_stdout, reason = "the table is the result of this program")]
pub(crate) fn print_memory(sink: &str, resident: &[u64]) -> bool {
    let line: Vec<_> = resident.iter().map(|bytes| format!("{:.1}", megabytes(*bytes))).collect();
    let (Some(second), Some(last)) = (resident.get(1), resident.last()) else { return false };
    let growth = megabytes(*last) / megabytes(*second);
    println!(
        "{sink}: MB after each tenth: {}; growth since the second {growth:.2}",
        line.join(" ")
    );
    growth <= FLAT
}

fn line(run: &Run) -> String {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let latency = run.latency.map_or_else(String::new, |Latency { p50, p99 }| {
        format!(" {:>6.2} ms {:>6.2} ms", milliseconds(p50), milliseconds(p99))
    });
    format!("{:>7.0}/s{latency} {:>5.1} MB", run.per_second, megabytes(run.resident))
}

/// The median of the pairs' ratios.
pub(crate) fn ratio(pairs: &[Pair]) -> f64 {
    let mut ratios: Vec<_> =
        pairs.iter().map(|pair| pair.ours.per_second / pair.floor.per_second).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}

fn memory(pairs: &[Pair]) -> u64 {
    pairs.iter().map(|pair| pair.ours.resident).max().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "megabytes are printed with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

impl Latency {
    /// Median and 99th percentile of sorted times.
    pub(crate) fn of(sorted: &[Duration]) -> Self {
        Self { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
    }
}

/// The value below which that part of the sorted values lies.
fn percentile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}
