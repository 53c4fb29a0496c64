//! What was measured, as a table.

use std::time::Duration;

/// One run of one program.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Resident memory at the end of the load, in bytes.
    pub resident: u64,
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
    median(pairs) >= least && memory(pairs) < MEMORY_LIMIT
}

#[expect(clippy::print_stdout, reason = "the table is the result of this program")]
pub(crate) fn print(service: &str, unit: &str, least: f64, pairs: &[Pair]) {
    println!("{service}: {unit} per second, latency p50 and p99, resident memory");
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
        "  median ratio {:.2} (at least {least}), largest resident memory of {service} {megabytes:.1} MB (below 60)",
        median(pairs)
    );
}

fn line(run: &Run) -> String {
    format!(
        "{:>7.0}/s {:>6.2} ms {:>6.2} ms {:>5.1} MB",
        run.per_second,
        run.p50.as_secs_f64() * 1000.0,
        run.p99.as_secs_f64() * 1000.0,
        megabytes(run.resident)
    )
}

fn median(pairs: &[Pair]) -> f64 {
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

/// The value below which that part of the sorted values lies.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}
