//! Calls of other tools (`cofferdam:tool/call`): one at a time, or several at once.
//!
//! Policy says which tools a tool may call. What such a call holds is no more than what this one holds, unless policy says
//! otherwise; fuel, deadline and memory are shared. A call that fails is an answer like any other: this one goes on.
//!
//! ```
//! use cofferdam_sdk::{call, fakes};
//! use serde_json::json;
//!
//! fakes::call::grant("catalogue/text", |_, arguments| Ok(fakes::call::json(arguments["text"].as_str().unwrap().len())));
//!
//! let count = |text: &str| call::tool("catalogue/text.count").arguments(json!({"text": text}));
//! assert_eq!(count("four").run()?.as_json(), Some(4.into()));
//!
//! // Two at once, as they end.
//! let mut pending = vec![count("a").start()?, count("bc").start()?];
//! let mut sum = 0;
//! while !pending.is_empty() {
//!     let next = pending.swap_remove(call::any(&pending));
//!     sum += next.wait()?.as_json().and_then(|length| length.as_u64()).unwrap_or(0);
//! }
//! assert_eq!(sum, 3);
//! # Ok::<(), cofferdam_sdk::Error>(())
//! ```

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::output::Output;

/// A call that can be made.
#[derive(Debug, Clone)]
pub struct Call {
    tool: String,
    arguments: String,
    pub(crate) deadline: Option<Duration>,
    pub(crate) fuel: Option<u64>,
}

/// A call of `tool`, by its name as agents write it: `catalogue/text.count`, `notes.add@1`. Without arguments so far.
pub fn tool(tool: impl Into<String>) -> Call {
    Call { tool: tool.into(), arguments: "{}".to_owned(), deadline: None, fuel: None }
}

impl Call {
    /// The arguments: what becomes a JSON object. What has no JSON form is sent as nothing, which the host refuses.
    #[must_use]
    pub fn arguments(mut self, arguments: impl Serialize) -> Self {
        self.arguments = serde_json::to_string(&arguments).unwrap_or_default();
        self
    }

    /// Gives it so much time at most. Without this, as much as this call has left.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Gives it so much fuel out of what this call has left, of which it keeps an eighth in any case. Without this: all of
    /// the rest for [`Call::run`] while nothing else is running, otherwise an equal part of what is left for each call that
    /// could run at once and one for this call.
    #[must_use]
    pub fn fuel(mut self, fuel: u64) -> Self {
        self.fuel = Some(fuel);
        self
    }

    /// Makes the call and waits for its answer.
    ///
    /// # Errors
    ///
    /// Why there is none: see [`Failure::code`].
    pub fn run(&self) -> Result<Output, Failure> {
        host::run(self, &self.tool, &self.arguments)
    }

    /// Starts the call. Several can be under way at once: a call that is waited for holds nobody up.
    ///
    /// # Errors
    ///
    /// Why it was not started.
    pub fn start(&self) -> Result<Pending, Failure> {
        host::start(self, &self.tool, &self.arguments).map(Pending)
    }
}

/// A call that was started. Dropping it gives the call up; what it was given of fuel is gone then.
#[derive(Debug)]
pub struct Pending(host::Pending);

impl Pending {
    /// Waits for its answer.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn wait(self) -> Result<Output, Failure> {
        self.0.wait()
    }
}

/// Waits until one of the calls has ended, and gives its place. [`Pending::wait`] of it comes back at once.
///
/// # Panics
///
/// When there are none.
pub fn any(pending: &[Pending]) -> usize {
    assert!(!pending.is_empty(), "there is no call to wait for");
    host::any(pending.iter().map(|pending| &pending.0))
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) next: Option<String>,
}

impl Failure {
    /// A failure, for a fake to give.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), next: None }
    }

    /// What kind of failure it is, in the host's own code: `denied`, `deadline-exceeded`, `tool-failed`, …
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next, where the host knows.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.next.iter().try_for_each(|next| write!(f, "; {next}"))
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    /// The tool's own answer, where it has none better: what was denied to it, what did not answer, what failed.
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        match failure.code.as_str() {
            "denied" => Self::denied(text),
            "unavailable" | "overloaded" | "throttled" | "deadline-exceeded" => Self::unavailable(text),
            _ => Self::failed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{ErrorKind, call, fakes};

    #[test]
    fn what_is_not_granted_is_denied() {
        let failure = call::tool("notes.add").run().unwrap_err();
        assert_eq!(failure.code(), "denied");
        assert_eq!(crate::Error::from(failure).kind(), ErrorKind::Denied);
    }

    #[test]
    fn calls_are_answered_by_the_fake_and_remembered() {
        fakes::call::grant("notes", |tool, arguments| match tool {
            "notes.add" => Ok(fakes::call::json(arguments.clone())),
            _ => Err(call::Failure::new("not-found", "there is no such tool")),
        });
        let added = call::tool("notes.add").arguments(json!({"text": "x"})).run().unwrap();
        assert_eq!(added.as_json(), Some(json!({"text": "x"})));
        assert_eq!(call::tool("notes.drop").start().unwrap().wait().unwrap_err().code(), "not-found");
        let made: Vec<String> = fakes::call::made().into_iter().map(|made| made.tool).collect();
        assert_eq!(made, ["notes.add", "notes.drop"]);
        fakes::reset();
        assert_eq!(call::tool("notes.add").run().unwrap_err().code(), "denied");
    }
}
