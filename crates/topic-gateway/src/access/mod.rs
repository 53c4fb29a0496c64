//! Who may publish what: subject, topic, and patterns on fields.
