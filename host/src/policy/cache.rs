//! Which calls an earlier answer may stand in for, where there is no room for them. Pure.

use std::time::Duration;

use super::parse::size_words;
use super::pattern::Pattern;
use super::rows::At;
use super::{Ceiling, Policy};
use crate::id::PackageRef;

/// How long an answer is kept where neither file says.
const TIME_DEFAULT: Duration = Duration::from_secs(600);
/// What a tenant's answers may take where its policy does not say, in bytes.
const BYTES_DEFAULT: u64 = 1 << 20;
/// What they may take at most where the ceiling does not say.
pub(super) const BYTES_CAP_DEFAULT: u64 = 16 << 20;

/// `[cache]` of either file.
#[derive(Debug, Clone, Default)]
pub(super) struct CacheRules {
    /// Of a tenant's file: packages whose answers are kept; none: no answer is.
    pub(super) tools: Vec<Pattern>,
    pub(super) time: Option<At<Duration>>,
    pub(super) bytes_max: Option<At<u64>>,
}

/// How a tenant's answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caching {
    /// How long.
    pub time: Duration,
    /// All of them together, in bytes.
    pub bytes_max: u64,
}

/// How answers of calls of `package` are kept; nothing where they are not.
pub fn caching(ceiling: &Ceiling, policy: &Policy, package: &PackageRef) -> Option<Caching> {
    let rules = &policy.rules().cache;
    // The one look that a tenant without costs.
    rules.tools.iter().any(|pattern| pattern.matches(package)).then(|| of(ceiling, rules))
}

/// How long answers of the tenant are kept; nothing where none is.
pub fn caching_time(ceiling: &Ceiling, policy: &Policy) -> Option<Duration> {
    let rules = &policy.rules().cache;
    (!rules.tools.is_empty()).then(|| of(ceiling, rules).time)
}

/// What is kept, in words; nothing where nothing is.
pub(super) fn words(ceiling: &Ceiling, policy: &Policy) -> Option<String> {
    let rules = &policy.rules().cache;
    let tools: Vec<String> = rules.tools.iter().map(ToString::to_string).collect();
    let Caching { time, bytes_max } = of(ceiling, rules);
    let (time, bytes) = (humantime::format_duration(time), size_words(bytes_max));
    let told = || format!("answers of {} are kept for {time} to stand in, up to {bytes}", tools.join(" and "));
    (!tools.is_empty()).then(told)
}

fn of(ceiling: &Ceiling, rules: &CacheRules) -> Caching {
    let cap = &ceiling.rules().host.cache;
    let time = rules.time.as_ref().map_or(TIME_DEFAULT, |at| at.value);
    let bytes_max = rules.bytes_max.as_ref().map_or(BYTES_DEFAULT, |at| at.value);
    Caching {
        time: cap.time.as_ref().map_or(time, |most| time.min(most.value)),
        bytes_max: bytes_max.min(cap.bytes_max.as_ref().map_or(BYTES_CAP_DEFAULT, |most| most.value)),
    }
}
