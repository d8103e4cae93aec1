//! The host's one error: a stable code and words for whoever reads it, with what is for the operator alone kept apart.
//!
//! It knows nothing of HTTP, MCP or exit codes; each front door maps it in one file of its own.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

macro_rules! codes {
    ($(#[doc = $doc:literal] $variant:ident = $text:literal),* $(,)?) => {
        /// What kind of failure it is. The text is stable: callers may match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $doc] $variant),* }

        impl Code {
            /// Every code, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its stable text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii()),* }
            }

            /// The code that this text stands for.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// No credential, or one that is not valid (any more).
    Unauthenticated = "unauthenticated",
    /// There is nothing of that name that the caller may see.
    NotFound = "not-found",
    /// The caller may see it, and may not do this to it.
    Denied = "denied",
    /// The call waits for somebody to approve it.
    ApprovalRequired = "approval-required",
    /// The request is not well-formed.
    InvalidRequest = "invalid-request",
    /// The arguments do not fit the tool's schema.
    InvalidArguments = "invalid-arguments",
    /// A policy does not say anything that could be put in force.
    InvalidPolicy = "invalid-policy",
    /// What is there already stands against it.
    Conflict = "conflict",
    /// A tool would be called by itself with the same arguments, by way of others or not.
    CallCycle = "call-cycle",
    /// The component was not admitted.
    ComponentRejected = "component-rejected",
    /// Body, header or field larger than its limit.
    TooLarge = "too-large",
    /// The request was not sent in time.
    RequestTimeout = "request-timeout",
    /// The tenant is above a limit of its own.
    Throttled = "throttled",
    /// A budget has no room for the call.
    BudgetExceeded = "budget-exceeded",
    /// The host has no room at present.
    Overloaded = "overloaded",
    /// The call used up its fuel.
    FuelExhausted = "fuel-exhausted",
    /// The call was not done by its deadline.
    DeadlineExceeded = "deadline-exceeded",
    /// The call asked for more memory than it may have, and failed.
    MemoryExceeded = "memory-exceeded",
    /// The call went past another of its limits.
    LimitExceeded = "limit-exceeded",
    /// The tool says that its own work failed, or it broke down.
    ToolFailed = "tool-failed",
    /// Something that the tool or the host depends on did not answer.
    Unavailable = "unavailable",
    /// The call was given up before its end: the caller left, or the host was stopping.
    Cancelled = "cancelled",
    /// The host stopped in the middle of the call.
    Interrupted = "interrupted",
    /// The record cannot be written; nothing runs without it.
    AuditUnavailable = "audit-unavailable",
    /// A defect of the host.
    Internal = "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("unknown code {text:?}")))
    }
}

/// `Result` with the host's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in words for the caller: what happened, and what to do next.
///
/// [`fmt::Display`] prints only what a caller may see; [`Error::internal`] carries the rest, for the operator's log.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    next: Option<String>,
    facts: BTreeMap<&'static str, Value>,
    internal: Option<String>,
}

impl Error {
    /// An error of this kind; `message` is one sentence for the caller, without a full stop.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, message: message.into(), next: None, facts: BTreeMap::new(), internal: None }))
    }

    /// A defect of the host: the caller learns that it happened, the operator learns `detail`.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "the host failed at this; nothing that you sent is at fault")
            .next("try again; if it goes on, give the operator the call id or the time")
            .detail(detail)
    }

    /// There is no such thing that the caller may see.
    pub fn not_found(what: &str, name: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {name:.200}", name = Quoted(name)))
    }

    /// Says what the caller should do next, as one clause.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = Some(next.into());
        self
    }

    /// Adds a fact that a program can read: a limit, what was used, the rule that decided.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.facts.insert(name, value.into());
        self
    }

    /// Adds what only the operator may see.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.internal = Some(detail.to_string());
        self
    }

    /// What kind of failure it is.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened, for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next, for the caller.
    pub fn what_next(&self) -> Option<&str> {
        self.0.next.as_deref()
    }

    /// Facts for programs.
    pub fn facts(&self) -> &BTreeMap<&'static str, Value> {
        &self.0.facts
    }

    /// What only the operator may see.
    pub fn operator_detail(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }
}

/// A name as it came from outside, quoted and cut.
struct Quoted<T>(T);

impl<T: fmt::Display> fmt::Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.to_string().chars().take(f.precision().unwrap_or(200)).collect();
        write!(f, "{text:?}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.next {
            Some(next) => write!(f, ": {next}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.code)?;
        if !self.0.facts.is_empty() {
            write!(f, " {:?}", self.0.facts)?;
        }
        match &self.0.internal {
            Some(detail) => write!(f, " [{detail}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<crate::id::InvalidId> for Error {
    fn from(invalid: crate::id::InvalidId) -> Self {
        Self::new(Code::InvalidRequest, invalid.to_string())
    }
}
