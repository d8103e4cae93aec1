//! The limits as a policy or a package states them: some of them, each checked against one table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::parse::{Node, duration_words, read_limits, size_words};
use super::problem::Problems;
use crate::limits::CallLimits;
use crate::money::Money;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Of something.
    Count,
    /// Bytes.
    Bytes,
    /// Time, in nanoseconds.
    Time,
    /// Money, in billionths of a dollar.
    Money,
}

/// One limit: how it is called, read and told, and what enforces it.
pub(super) struct Limit {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// The least that it can be: less, and no tool could run.
    pub(super) least: u64,
    /// The most that the platform's ceiling can be.
    pub(super) most: u64,
    pub(super) doc: &'static str,
    pub(super) enforced_by: &'static str,
    /// What shows when it is reached.
    pub(super) seen: &'static str,
    pub(super) get: fn(&CallLimits) -> u64,
    set: fn(&mut CallLimits, u64),
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Limit {
    /// `value`, in words.
    pub(super) fn words(&self, value: u64) -> String {
        match self.unit {
            Unit::Count => super::words::count(value),
            Unit::Bytes => size_words(value),
            Unit::Time => duration_words(value),
            Unit::Money => Money::billionths(value).to_string(),
        }
    }
}

/// What TOML can write.
const ANY: u64 = i64::MAX as u64;
/// No call is worth more than this; it bounds how long a stop of the host can wait for one.
const TIME_MAX: u64 = 3_600_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/// A page of linear memory.
const PAGE: u64 = 64 << 10;
/// The pool's slots are made for the built-in ceiling.
const SLOT_BYTES: u64 = 512 << 20;
const SLOT_ELEMENTS: u64 = 1_000_000;
/// The host has a room for calls of each level below the first.
const DEPTH_MAX: u64 = 8;
/// More would be a queue of its own.
const PARALLEL_MAX: u64 = 1_000;

macro_rules! limits {
    ($($field:ident: $unit:ident, $least:expr, $most:expr, $doc:literal, $enforced_by:literal, $seen:literal;)*) => {
        /// Every limit of [`CallLimits`], in its order.
        pub(super) static LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($field),
            unit: Unit::$unit,
            least: $least,
            most: $most,
            doc: $doc,
            enforced_by: $enforced_by,
            seen: $seen,
            get: |limits| limits!(get $unit limits.$field),
            set: |limits, value| limits.$field = limits!(set $unit value),
        }),*];
    };
    (get Time $value:expr) => { u64::try_from($value.as_nanos()).unwrap_or(u64::MAX) };
    (get Money $value:expr) => { $value.as_billionths() };
    (get $unit:ident $value:expr) => { $value };
    (set Time $value:expr) => { Duration::from_nanos($value) };
    (set Money $value:expr) => { Money::billionths($value) };
    (set $unit:ident $value:expr) => { $value };
}

limits! {
    fuel: Count, 1, ANY, "Units of fuel, about one an instruction.",
        "wasmtime's fuel", "`fuel-exhausted`";
    deadline: Time, MILLISECOND, TIME_MAX, "Wall time from the first instruction to the answer, queueing left out.",
        "a look at the clock every 200,000 units of fuel; a timer while the tool waits for the host",
        "`deadline-exceeded`";
    memory_bytes: Bytes, PAGE, SLOT_BYTES, "All linear memories of the call together.",
        "the store's limiter", "a failed grow; `memory-exceeded` when the tool then breaks down";
    table_elements: Count, 1, SLOT_ELEMENTS, "Elements of all tables of the call together.",
        "the store's limiter", "a failed grow; `limit-exceeded` when the tool then breaks down";
    instances: Count, 1, ANY, "Core instances, memories or tables that the component may make, of each so many.",
        "the store's limiter", "`limit-exceeded`";
    resources: Count, 1, ANY, "Handles of the host that the call may hold at once.",
        "the call's resource table", "`limit-exceeded`";
    hostcall_bytes: Bytes, 1, ANY, "What crosses between tool and host in one host call: texts, lists, header fields.",
        "wasmtime's fuel for host calls", "`limit-exceeded`";
    random_bytes: Bytes, 0, ANY, "Random bytes in one request.",
        "the capability", "`limit-exceeded`";
    arguments_bytes: Bytes, 2, ANY, "The arguments, as JSON text.",
        "the router, before the call starts", "`limit-exceeded`";
    result_bytes: Bytes, 1, ANY, "The result: all contents together.",
        "the engine, when the call ends", "`limit-exceeded`";
    log_bytes: Bytes, 0, ANY, "Log lines, standard output and standard error together.",
        "the capability", "the rest is cut, with a marker";
    progress_reports: Count, 0, ANY, "Progress reports.",
        "the capability", "further ones are dropped";
    http_requests: Count, 0, ANY, "Requests that leave for the network.",
        "the egress broker", "the interface's error";
    http_sent_bytes: Bytes, 0, ANY, "Bytes of request bodies, all requests together.",
        "the egress broker", "the interface's error";
    http_received_bytes: Bytes, 0, ANY, "Bytes of response bodies, all responses together.",
        "the egress broker", "the interface's error";
    http_header_bytes: Bytes, 0, ANY, "Header bytes of one request or one response.",
        "the egress broker", "the interface's error";
    http_timeout: Time, MILLISECOND, TIME_MAX, "From connecting to the response's headers.",
        "the egress broker", "the interface's error";
    kv_operations: Count, 0, ANY, "Operations on buckets; of a batch each key is one.",
        "the capability", "the interface's error";
    kv_key_bytes: Bytes, 0, ANY, "A key.",
        "the capability", "the interface's error";
    kv_value_bytes: Bytes, 0, ANY, "A value.",
        "the capability", "the interface's error";
    files_open: Count, 0, ANY, "Files and folders open at once.",
        "the capability", "`quota`";
    files_written_bytes: Bytes, 0, ANY, "Bytes written to volumes, all writes together.",
        "the capability", "`quota`";
    model_requests: Count, 0, ANY, "Requests to models.",
        "the capability", "`budget-exceeded` of the interface";
    model_tokens: Count, 0, ANY, "Tokens of requests to models and their answers, all together.",
        "the capability, which reserves the most that a request can come to", "`budget-exceeded` of the interface";
    model_cost: Money, 0, ANY, "What requests to models cost, all together.",
        "the capability, which reserves the most that a request can come to", "`budget-exceeded` of the interface";
    child_calls: Count, 0, ANY, "Calls of other tools, those that these make included.",
        "the capability", "the interface's error, `limit-exceeded`";
    child_depth: Count, 0, DEPTH_MAX, "Levels of calls below the call.",
        "the capability", "the interface's error, `limit-exceeded`";
    child_parallel: Count, 0, PARALLEL_MAX, "Calls below the call that may run at once, on all levels.",
        "the capability", "the interface's error, `limit-exceeded`";
}

/// Some of the limits, each checked: what a policy states, or what a package declares that it needs at most.
///
/// Read from a table whose keys are those of [`CallLimits`]: sizes are numbers of bytes or texts such as `"64MiB"`,
/// times are texts such as `"5s"`. Unknown keys are errors that name the nearest known one. Written with numbers for
/// sizes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsPatch(pub(super) BTreeMap<usize, u64>);

impl LimitsPatch {
    /// `limits` with what is stated here in its place.
    #[must_use]
    pub fn apply_to(&self, limits: &CallLimits) -> CallLimits {
        let mut limits = limits.clone();
        for (limit, value) in self.stated() {
            (limit.set)(&mut limits, value);
        }
        limits
    }

    /// `limits`, or what is stated here where that is less.
    #[must_use]
    pub fn tighten(&self, limits: &CallLimits) -> CallLimits {
        let mut limits = limits.clone();
        for (limit, value) in self.stated() {
            let tighter = value.min((limit.get)(&limits));
            (limit.set)(&mut limits, tighter);
        }
        limits
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is stated, in the table's order.
    pub(super) fn stated(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
        self.0.iter().filter_map(|(nth, value)| Some((LIMITS.get(*nth)?, *value)))
    }
}

/// The limits of which `next` would have more than `before` under `most`, with both values in words.
pub fn stated_more(most: &CallLimits, before: &LimitsPatch, next: &LimitsPatch) -> Vec<String> {
    let (before, next) = (before.tighten(most), next.tighten(most));
    let more = LIMITS.iter().filter(|limit| (limit.get)(&next) > (limit.get)(&before));
    let words = |limit: &Limit, of: &CallLimits| limit.words((limit.get)(of));
    more.map(|limit| format!("{} ({} instead of {})", limit.name, words(limit, &next), words(limit, &before))).collect()
}

/// The limits that `patch` states, where there is nothing to compare them with.
pub fn stated_anew(patch: &LimitsPatch) -> Vec<String> {
    patch.stated().map(|(limit, value)| format!("{} ({} instead of nothing)", limit.name, limit.words(value))).collect()
}

impl Serialize for LimitsPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (limit, value) in self.stated() {
            match limit.unit {
                Unit::Time | Unit::Money => map.serialize_entry(limit.name, &limit.words(value))?,
                Unit::Count | Unit::Bytes => map.serialize_entry(limit.name, &value)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for LimitsPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Node::deserialize(deserializer)?;
        let mut problems = Problems::default();
        let (patch, _) = read_limits(&mut problems, &node, "");
        problems.or(patch).map_err(serde::de::Error::custom)
    }
}
