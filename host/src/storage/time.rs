//! Times as the store keeps them: microseconds since 1970, in SQLite's one integer type.

use std::time::{Duration, SystemTime};

/// The time now, to the microsecond: what is kept reads back equal.
pub(super) fn now() -> SystemTime {
    from_micros(to_micros(SystemTime::now()))
}

/// A clock set before 1970 counts as 1970.
pub(super) fn to_micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn from_micros(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros.max(0).cast_unsigned())
}
