//! What is asked of a call, and what it tells: while it runs, and at its end.

use semver::Version;

use crate::capability::effects::{EffectUsage, GuestEvent};
use crate::engine::Usage;
use crate::engine::output::ToolOutput;
use crate::error::Error;
use crate::id::{ApprovalId, CallId, CallTarget, Digest, SessionId, ToolName};
use crate::policy::Priority;
use crate::routed::Declared;
use crate::router::children::CallTree;
use crate::router::route::Routed;
use crate::router::stand_in::StandIn;

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The tool, and possibly its version; or a route.
    pub tool: CallTarget,
    /// The arguments: the text of a JSON object.
    pub arguments: String,
    /// The session that it belongs to; without one it stands alone.
    pub session: Option<SessionId>,
    /// How important it is, where it says so; policy bounds it.
    pub priority: Option<Priority>,
    /// What the caller says of it.
    pub declared: Declared,
    /// The approval that somebody gave it, where it waited for one.
    pub approval: Option<ApprovalId>,
}

impl CallRequest {
    /// A call of which nothing is declared.
    pub fn new(tool: impl Into<CallTarget>, arguments: impl Into<String>) -> Self {
        let (tool, arguments) = (tool.into(), arguments.into());
        Self { tool, arguments, session: None, priority: None, declared: Declared::default(), approval: None }
    }
}

/// What a call came to.
#[derive(Debug)]
pub struct Reply {
    /// Its id.
    pub call: CallId,
    /// The tool that ran.
    pub tool: ToolName,
    /// The version that ran.
    pub version: Version,
    /// The component that ran.
    pub component: Digest,
    /// The tool's answer. Every [`Content::Json`](crate::engine::output::Content::Json) is well-formed JSON.
    pub output: ToolOutput,
    /// What it used.
    pub usage: CallUsage,
    /// How a route came to it, where it is the call of one.
    pub route: Option<Box<Routed>>,
    /// The calls that it made.
    pub tree: CallTree,
    /// What the answer is, where an earlier call gave it, because there was no room for this one.
    pub stand_in: Option<StandIn>,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallUsage {
    /// Of the engine.
    pub engine: Usage,
    /// Of the world.
    pub effects: EffectUsage,
    /// Calls that it made, those that these made included.
    pub child_calls: u64,
    /// Units of fuel that those used.
    pub child_fuel: u64,
}

/// A call that gave no output.
#[derive(Debug)]
pub struct Failed {
    /// Its id, where it got as far as being decided upon.
    pub call: Option<CallId>,
    /// Why.
    pub error: Error,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { call: None, error }
    }
}

/// What somebody who watches a call sees before its end.
#[derive(Debug, Clone, PartialEq)]
pub enum CallEvent {
    /// It was decided upon, and that is in the record.
    Decided {
        /// The call.
        call: CallId,
        /// The tool that runs.
        tool: ToolName,
        /// Its version.
        version: Version,
        /// Its component.
        component: Digest,
    },
    /// The guest shows something.
    Guest(GuestEvent),
}
