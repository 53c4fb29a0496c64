//! The trace of an event in the words of AWS X-Ray.
//!
//! `traceparent` (W3C Trace Context, version 00) `00-<32 hex>-<16 hex>-<flags>` becomes
//! `Root=1-<first 8>-<other 24>;Parent=<16 hex>;Sampled=<0 or 1>`. X-Ray takes a trace id that holds no time.

/// The header for a `traceparent`; none for one that is malformed or of another version.
pub(super) fn header(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let mut next = |length: usize| {
        let is_hex = |part: &&str| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        parts.next().filter(is_hex)
    };
    let (version, trace, parent, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let is_zero = |id: &str| id.bytes().all(|b| b == b'0');
    if version != "00" || is_zero(trace) || is_zero(parent) || parts.next().is_some() {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    let (first, rest) = trace.split_at(8);
    Some(format!("Root=1-{first}-{rest};Parent={parent};Sampled={sampled}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_becomes_a_trace_header() {
        assert_eq!(
            header("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").as_deref(),
            Some("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1")
        );
        for text in [
            "",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }
}
