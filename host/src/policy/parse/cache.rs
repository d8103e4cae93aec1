//! `[cache]`, of either file.

use std::time::Duration;

use super::TOOLS_MAX;
use super::keys::Section;
use super::reader::Fields;
use super::tenant::read_patterns;
use crate::policy::cache::CacheRules;
use crate::policy::problem::Problems;
use crate::policy::rows::At;

/// Less, and an answer is over before it can stand in; in nanoseconds.
const LEAST: u64 = 1_000_000_000;
/// What is older is no answer any more: a day.
const MOST: u64 = 86_400 * LEAST;
/// What TOML can write.
const SIZE_MAX: u64 = i64::MAX as u64;

pub(super) fn read_cache(problems: &mut Problems, file: &Fields<'_>, section: &Section) -> CacheRules {
    let mut rules = CacheRules::default();
    let Some(fields) = file.get("cache").and_then(|node| problems.fields(node, "cache", section)) else { return rules };
    if let Some(node) = fields.get("tools") {
        let patterns = read_patterns(problems, node, "cache.tools", TOOLS_MAX);
        rules.tools = patterns.into_iter().map(|at| at.value).collect();
    }
    if let Some(node) = fields.get("time") {
        let time = problems.duration(node, "cache.time", LEAST, MOST).map(Duration::from_nanos);
        rules.time = time.map(|value| At { line: node.line, value });
    }
    if let Some(node) = fields.get("bytes_max") {
        let bytes = problems.size(node, "cache.bytes_max", 0, SIZE_MAX);
        rules.bytes_max = bytes.map(|value| At { line: node.line, value });
    }
    rules
}
