//! Numbers, sizes and times as people read them, and names as they write them.

use std::time::{Duration, SystemTime};

pub(super) use crate::amounts::count;

/// Bytes in the unit that fits: `157.5 KiB`.
pub(super) fn bytes(number: u64) -> String {
    bytesize::ByteSize::b(number).display().iec().to_string()
}

/// A span in the unit that fits, with three digits: `850 µs`, `3.42 ms`, `1.20 s`, `2m 5s`.
pub(super) fn span(span: Duration) -> String {
    let micros = span.as_micros();
    let scaled = |value: f64, unit: &str| match value {
        value if value < 10.0 => format!("{value:.2} {unit}"),
        value if value < 100.0 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    };
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => scaled(span.as_secs_f64() * 1e3, "ms"),
        1_000_000..60_000_000 => scaled(span.as_secs_f64(), "s"),
        _ => humantime::format_duration(Duration::from_secs(span.as_secs())).to_string(),
    }
}

/// A moment by the second, in UTC.
pub(super) fn moment(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', "")
}

/// `1 tool`, `2 tools`.
pub(super) fn some(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// A list with `and` before its last: `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", rest.join(", "), last.as_ref())
        }
    }
}

/// The one of `all` that is called so.
///
/// # Errors
///
/// What there is, in words that go behind the argument.
pub(super) fn named<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
        format!("it is one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_stands_in_the_order_in_which_it_is_given() {
        let find = |text| named(text, &[1_u8, 2], |number| if number == 1 { "one" } else { "two" });
        assert_eq!(find("two"), Ok(2));
        assert_eq!(find("three"), Err("it is one of one, two".to_owned()));
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let spans = [7, 999, 1_500, 65_000, 1_200_000, 125_000_000].map(|us| span(Duration::from_micros(us)));
        assert_eq!(spans, ["7 µs", "999 µs", "1.50 ms", "65.0 ms", "1.20 s", "2m 5s"]);
        assert_eq!([bytes(12), bytes(161_280), bytes(64 << 20)], ["12 B", "157.5 KiB", "64.0 MiB"]);
        assert_eq!([some(1, "tool", "tools"), some(1_000, "tool", "tools")], ["1 tool", "1,000 tools"]);
        assert_eq!([list(&["a"]), list(&["a", "b", "c"]), list::<&str>(&[])], ["a", "a, b and c", "nothing"]);
        assert_eq!(moment(SystemTime::UNIX_EPOCH), "1970-01-01 00:00:00");
    }
}
