//! The schemas of topics, and what a message that does not fit is told.
