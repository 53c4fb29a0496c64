//! The trace that a request belongs to (W3C Trace Context), as CloudEvents carries it: the *starting* trace.

use http::HeaderMap;

/// The longest `tracestate` that is carried; the specification asks for 512 characters at least.
const MAX_TRACESTATE: usize = 512;

/// `traceparent`, if the request carries exactly one and it is valid, and the `tracestate` that belongs to it.
pub(crate) fn context(headers: &HeaderMap) -> Option<(&str, Option<String>)> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(parent), None) = (values.next(), values.next()) else { return None };
    let parent = parent.to_str().ok().filter(|parent| is_traceparent(parent))?;
    Some((parent, tracestate(headers)))
}

fn tracestate(headers: &HeaderMap) -> Option<String> {
    let mut state = String::new();
    for line in headers.get_all("tracestate") {
        let line = line.to_str().ok()?.trim();
        if !state.is_empty() && !line.is_empty() {
            state.push(',');
        }
        state.push_str(line);
    }
    let sound = !state.is_empty()
        && state.len() <= MAX_TRACESTATE
        && state.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    sound.then_some(state)
}

/// `version-trace-parent-flags`, lower-case hexadecimal digits, neither id all zero. A later version may be longer.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.splitn(5, '-');
    let [version, trace, parent, flags] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let more = parts.next().is_some();
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let not_zero = |part: &str| part.bytes().any(|byte| byte != b'0');
    hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && not_zero(trace)
        && hex(parent, 16)
        && not_zero(parent)
        && hex(flags, 2)
        && !(more && version == "00")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_a_valid_traceparent_is_carried() {
        for (text, sound) in [
            (SOUND, true),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false),
            ("", false),
        ] {
            let headers =
                HeaderMap::from_iter([("traceparent".parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(context(&headers).is_some(), sound, "{text}");
        }
    }

    #[test]
    fn a_tracestate_follows_its_traceparent() {
        let mut headers = HeaderMap::new();
        headers.append("tracestate", "a=1".parse().unwrap());
        headers.append("tracestate", "b=2".parse().unwrap());
        assert_eq!(context(&headers), None);
        headers.append("traceparent", SOUND.parse().unwrap());
        assert_eq!(context(&headers), Some((SOUND, Some("a=1,b=2".to_owned()))));
        headers.append("tracestate", "x".repeat(512).parse().unwrap());
        assert_eq!(context(&headers), Some((SOUND, None)));
        headers.append("traceparent", SOUND.parse().unwrap());
        assert_eq!(context(&headers), None);
    }
}
