//! Whether a schema takes what another one took.
