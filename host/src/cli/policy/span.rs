//! A time in the past, as people say it: how long ago, or when.

use std::time::SystemTime;

use clap::Args;

use crate::http::wire::{Day, Time};

/// Which recorded calls are looked at.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Span {
    /// Calls from then on: how long ago, such as 12h or 30d, a day in UTC, or a moment such as 2026-03-01T12:00:00Z
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = read)]
    pub(super) since: Time,
    /// Calls before then, said in the same way [default: now]
    #[arg(long, value_name = "TIME", value_parser = read)]
    pub(super) until: Option<Time>,
}

/// Reads a time.
fn read(text: &str) -> Result<Time, String> {
    if let Ok(time) = text.parse::<Time>() {
        return Ok(time);
    }
    if text.parse::<Day>().is_ok() {
        return format!("{text}T00:00:00Z").parse().map_err(|error: crate::id::InvalidId| error.to_string());
    }
    let forms = || "give 7d, 12h, 30m, a day such as 2026-03-01, or a moment such as 2026-03-01T12:00:00Z".to_owned();
    let ago = humantime::parse_duration(text).map_err(|_| forms())?;
    let then = SystemTime::now().checked_sub(ago).filter(|then| *then >= SystemTime::UNIX_EPOCH);
    then.map(Time).ok_or_else(|| "that is before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn policy_try_reads_times_as_people_say_them() {
        let ago = read("7d").unwrap().0.elapsed().unwrap();
        assert!(ago >= Duration::from_secs(7 * 86_400) && ago < Duration::from_secs(8 * 86_400));
        for (text, expected) in
            [("2026-03-01", "2026-03-01T00:00:00.000000Z"), ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000Z")]
        {
            assert_eq!(read(text).unwrap().to_string(), expected);
        }
        for text in ["", "yesterday", "7", "-1d", "2026-13-01", "99999y"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
