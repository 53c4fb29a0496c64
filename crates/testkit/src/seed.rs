//! Randomness that can be repeated.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::report;

/// The seed of the test `name`: `TESTKIT_SEED` when set, else a new one. Printed, even when it passes.
pub fn seed(name: &str) -> u64 {
    let given = report::environment("TESTKIT_SEED");
    let given = given.map(|text| text.parse().expect("TESTKIT_SEED is a whole number"));
    let seed = given.unwrap_or_else(rand::random);
    report::loudly(&format!("{name}: repeat with TESTKIT_SEED={seed}"));
    seed
}

/// A generator that starts from [`seed`].
pub fn rng(name: &str) -> StdRng {
    StdRng::seed_from_u64(seed(name))
}
