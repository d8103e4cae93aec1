//! How a call ended when it gave no output, in words for the caller.

use wasmtime::Trap;
use wasmtime::component::ResourceTableError;

use super::Usage;
use super::limiter::Refused;
use super::memory::Full;
use crate::capability::bindings::exports::cofferdam::tool::tools::Failure;
use crate::capability::effects::Stop;
use crate::capability::http;
use crate::error::{Code, Error};
use crate::limits::CallLimits;

/// The longest text of a guest that goes into an error.
const GUEST_TEXT_BYTES_MAX: usize = 4 << 10;

/// The deadline came first.
pub(super) fn deadline(limits: &CallLimits) -> Error {
    let limit = humantime::format_duration(limits.deadline);
    Error::new(Code::DeadlineExceeded, format!("the call was not done after {limit}, its deadline"))
        .next("ask for less work in one call, or raise limits.deadline in the policy")
        .fact("limit", "deadline")
        .fact("maximum_ms", u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX))
}

/// The guest trapped, could not be instantiated, or was stopped by a capability.
pub(super) fn broke_down(
    error: &wasmtime::Error,
    limits: &CallLimits,
    usage: &Usage,
    refused: Option<Refused>,
) -> Error {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(stop);
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Error::new(Code::Overloaded, "the host has no room for another running call")
            .next("try again in a moment")
            .fact("retry_after_ms", 1_000);
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return limit_exceeded("resources", limits.resources, "the call holds as many handles as it may");
    }
    if http::is_over_header_bytes(error) {
        let what = "the tool made header fields longer than they may be";
        return limit_exceeded("http_header_bytes", limits.http_header_bytes, what);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            return Error::new(Code::FuelExhausted, format!("the call used up its {} units of fuel", limits.fuel))
                .next("ask for less work in one call, or raise limits.fuel in the policy")
                .fact("limit", "fuel")
                .fact("maximum", limits.fuel)
                .fact("used", usage.fuel);
        }
        Some(Trap::StackOverflow) => {
            return Error::new(Code::LimitExceeded, "the call used up its stack")
                .next("the tool recurses too deeply for these arguments")
                .fact("limit", "stack");
        }
        _ => {}
    }
    match refused {
        // A guest that was refused memory and then broke down broke down of that.
        Some(Refused::Memory) => Error::new(
            Code::MemoryExceeded,
            format!("the call asked for more than its {} bytes of memory, and failed", limits.memory_bytes),
        )
        .next("ask for less work in one call, or raise limits.memory_bytes in the policy")
        .fact("limit", "memory_bytes")
        .fact("maximum", limits.memory_bytes)
        .fact("used", usage.memory_bytes),
        Some(Refused::Room(full)) => no_room(full),
        Some(Refused::Table) => {
            limit_exceeded("table_elements", limits.table_elements, "the call asked for larger tables than it may have")
        }
        None => other(error, limits),
    }
}

/// The call was within its limits, and others held what it asked for.
fn no_room(full: Full) -> Error {
    let (code, whose, limit, maximum) = match full {
        Full::Tenant(maximum) => (Code::Throttled, "this tenant's calls", "tenant_memory_bytes", maximum),
        Full::Host(maximum) => (Code::Overloaded, "this host's calls", "live_memory_bytes", maximum),
    };
    Error::new(code, format!("{whose} together hold as much memory as they may, {maximum} bytes"))
        .next("wait for some to end, or send fewer at once")
        .fact("limit", limit)
        .fact("maximum", maximum)
        .fact("retry_after_ms", 1_000)
}

fn other(error: &wasmtime::Error, limits: &CallLimits) -> Error {
    // wasmtime has no types for these; its words are matched, and a test with a real guest holds each to it.
    let text = format!("{error:#}");
    if text.contains("fuel allocated for hostcalls") {
        return limit_exceeded(
            "hostcall_bytes",
            limits.hostcall_bytes,
            "more was passed between tool and host at once than may be",
        );
    }
    if text.contains("store handle limit exceeded") {
        return limit_exceeded("resources", limits.resources, "the call holds as many handles as it may");
    }
    // A module has one memory and one table at most, so it is instances that become too many first.
    if text.contains("instance count too high") {
        return limit_exceeded("instances", limits.instances, "the component makes more instances than it may");
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => Error::new(Code::ToolFailed, format!("the tool broke down: {trap}"))
            .next("the arguments may be at fault, else the tool is: tell its author"),
        None => Error::new(Code::ToolFailed, "the tool broke down")
            .next("the arguments may be at fault, else the tool is: tell its author")
            .detail(text),
    }
}

fn stopped(stop: &Stop) -> Error {
    match stop {
        Stop::LimitExceeded { which, limit } => limit_exceeded(which, *limit, "the call went past a limit"),
        Stop::AuditUnavailable(error) => error.clone(),
        Stop::Replay => Error::new(Code::Cancelled, "the replay does not go on as the call did"),
    }
}

fn limit_exceeded(limit: &str, maximum: u64, what: &str) -> Error {
    Error::new(Code::LimitExceeded, format!("{what}: limits.{limit} is {maximum}"))
        .next(format!("ask for less in one call, or raise limits.{limit} in the policy"))
        .fact("limit", limit)
        .fact("maximum", maximum)
}

/// The tool answered with a failure of its own.
pub(super) fn failed(failure: Failure) -> Error {
    match failure {
        Failure::UnknownTool => {
            Error::new(Code::ToolFailed, "the component does not know a tool that it described").next("tell its author")
        }
        Failure::InvalidArguments(text) => Error::new(Code::InvalidArguments, cut(text)),
        Failure::Denied(text) => Error::new(Code::Denied, cut(text)),
        Failure::Unavailable(text) => Error::new(Code::Unavailable, cut(text)).next("try again later"),
        Failure::Internal(text) => Error::new(Code::ToolFailed, cut(text)).next("tell the tool's author"),
    }
}

/// A guest's text, cut at a character's boundary.
fn cut(mut text: String) -> String {
    if text.len() > GUEST_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(GUEST_TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}
