//! Who sends: JWTs, and the keys that sign them.
