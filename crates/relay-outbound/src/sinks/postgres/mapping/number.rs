//! Numbers as JSON writes them, made fit for columns of whole numbers and of instants without a detour through floats.

use event_bus_core::event::format_time;
use time::OffsetDateTime;

use super::Epoch;

/// No whole number of PostgreSQL's has more digits; longer ones are left for it to refuse.
const MAX_DIGITS: i64 = 40;

/// A whole number, halves rounded away from zero; a text that is no number, or far too large, stays as it is.
pub(super) fn rounded(text: &str) -> String {
    digits(text, 0).unwrap_or_else(|| text.to_owned())
}

/// The instant that a number tells, to the microsecond; nothing if it tells none that a calendar has.
pub(super) fn instant(text: &str, epoch: Epoch) -> Option<OffsetDateTime> {
    let shift = match epoch {
        Epoch::Seconds => 6,
        Epoch::Milliseconds => 3,
    };
    let microseconds: i128 = digits(text, shift)?.parse().ok()?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(microseconds.checked_mul(1000)?).ok()?;
    (1..=9999).contains(&time.year()).then_some(time)
}

/// The instant as a column takes it.
pub(super) fn timestamp(text: &str, epoch: Epoch) -> Option<String> {
    instant(text, epoch).map(format_time)
}

/// The number times ten to the power of `shift`, rounded.
fn digits(text: &str, shift: i64) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if whole.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let leading = all.len() - all.trim_start_matches('0').len();
    let all = &all[leading..];
    // How many of the digits stand before the point.
    let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
    let point = point.checked_add(exponent)?.checked_add(shift)?;
    if all.is_empty() || point < 0 {
        return Some("0".to_owned());
    }
    if point > MAX_DIGITS {
        return None;
    }
    let point = usize::try_from(point).ok()?;
    let mut kept: Vec<u8> = all.bytes().take(point).collect();
    kept.resize(point, b'0');
    if all.as_bytes().get(point).is_some_and(|digit| *digit >= b'5') {
        increment(&mut kept);
    }
    let kept = String::from_utf8(kept).ok()?;
    Some(if kept.is_empty() { "0".to_owned() } else { format!("{sign}{kept}") })
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_as_postgres_rounds_it() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.4", "0"),
            ("0.5", "1"),
            ("-0.5", "-1"),
            ("0.05", "0"),
            ("2.5", "3"),
            ("-2.5", "-3"),
            ("9.99", "10"),
            ("1699999999999.5", "1700000000000"),
            ("1.7e12", "1700000000000"),
            ("1.7E+3", "1700"),
            ("17005e-1", "1701"),
            ("1e-99999", "0"),
            ("9223372036854775807", "9223372036854775807"),
            ("1e400", "1e400"),
            ("0e99999", "0"),
            ("1e99999999999999999999", "1e99999999999999999999"),
            ("abc", "abc"),
            ("", ""),
            (" 1", " 1"),
            (".5", ".5"),
        ] {
            assert_eq!(rounded(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_tells_an_instant() {
        for (text, epoch, expected) in [
            ("0", Epoch::Seconds, Some("1970-01-01T00:00:00Z")),
            ("1704067200123", Epoch::Milliseconds, Some("2024-01-01T00:00:00.123Z")),
            ("1704067200123.4567", Epoch::Milliseconds, Some("2024-01-01T00:00:00.123457Z")),
            ("1.7040672e9", Epoch::Seconds, Some("2024-01-01T00:00:00Z")),
            ("-1", Epoch::Milliseconds, Some("1969-12-31T23:59:59.999Z")),
            ("253402300799999", Epoch::Milliseconds, Some("9999-12-31T23:59:59.999Z")),
            ("253402300800000", Epoch::Milliseconds, None),
            ("1e30", Epoch::Seconds, None),
            ("soon", Epoch::Seconds, None),
        ] {
            assert_eq!(timestamp(text, epoch).as_deref(), expected, "{text}");
        }
    }
}
