//! Calls of other tools. What a call is, and who may make it, is decided where every call is: behind a door that the
//! capability is handed, and knows nothing of. Here it is seen to that the call which makes it may, and shares with it what
//! it has: places, fuel and time.

mod bind;
mod kin;
mod pending;
#[cfg(test)]
mod tests;

pub use self::bind::{CallsView, add_to_linker};
pub use self::kin::{Full, Kin, Place, UsedBelow};
pub use self::pending::Pending;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::effects::{Against, DeniedUse, Effects, Stop};
use super::tape::{Line, question};
use crate::error::{Code, Error};
use crate::id::ToolRequest;
use crate::limits::CallLimits;
use crate::policy::{CallGrant, Grant, Grants, Passing};
use crate::uses::CapabilityUse;

/// Where calls go that a call makes.
pub trait Door: Send + Sync {
    /// Makes a call, for the key that made the call which makes it. Dropping the future gives it up.
    fn call(&self, child: Child) -> BoxFuture<'static, ChildEnded>;
}

/// A call that a call makes.
#[derive(Debug)]
pub struct Child {
    /// Of which tool.
    pub tool: ToolRequest,
    /// A JSON object, as the tool wrote it.
    pub arguments: String,
    /// By when it has to be done.
    pub until: Instant,
    /// What it may use of fuel, those below it included.
    pub fuel: u64,
    /// What it holds at most.
    pub passing: Passing,
    /// Its place.
    pub place: Place,
}

/// How it ended.
#[derive(Debug)]
pub struct ChildEnded {
    /// Its answer, or why there is none. The record holds it.
    pub result: Result<Answer, Error>,
    /// What it used of fuel, those below it included.
    pub fuel: u64,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its pieces, in order.
    pub content: Vec<Piece>,
    /// The tool says that its work failed.
    pub is_error: bool,
}

/// One of its pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A JSON document.
    Json(String),
    /// An image.
    Image(Bytes),
    /// Any other file.
    File(Bytes),
}

/// Bytes with a media type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Such as `image/png`.
    pub media_type: String,
    /// A file name to suggest.
    pub name: Option<String>,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Why there is no answer, as a guest sees it and a tape keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    code: String,
    message: String,
    next: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let (code, message) = (error.code().to_string(), error.message().to_owned());
        Self { code, message, next: error.what_next().map(str::to_owned) }
    }
}

/// What of the call's surroundings its calls need.
#[derive(Clone)]
pub struct Family {
    /// What it has in common with those below it.
    pub kin: Arc<Kin>,
    /// Where its calls go; absent where it makes none.
    pub door: Option<Arc<dyn Door>>,
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("kin", &self.kin).finish_non_exhaustive()
    }
}

/// What a tool asks for beside the call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// So long from now, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// So much fuel.
    pub fuel: Option<u64>,
    /// Whether it waits for nothing else meanwhile.
    pub waits: bool,
}

/// What a call keeps at least of its fuel when it makes another, as a part of what it has: so that it can say what came of
/// that.
const KEPT_PART: u64 = 8;

/// One call's calls.
#[derive(Debug)]
pub struct CallsCall {
    grant: Option<Grant<CallGrant>>,
    family: Option<Family>,
    limits: Limits,
    until: Instant,
    effects: Arc<Effects>,
    /// Calls that were started.
    started: u64,
    /// Fuel that calls were given and have not given back.
    lent: u64,
}

/// A call that is about to be made: where it goes, and the fuel that it is given.
struct Begun {
    door: Arc<dyn Door>,
    kin: Arc<Kin>,
    child: Child,
    part: u64,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    depth: u64,
    parallel: u64,
}

impl CallsCall {
    /// What `grants` give to a call that has to be done by `until`.
    pub fn new(
        grants: &Grants,
        limits: &CallLimits,
        family: Option<Family>,
        until: Instant,
        effects: Arc<Effects>,
    ) -> Self {
        let limits = Limits { depth: limits.child_depth, parallel: limits.child_parallel };
        Self { grant: grants.call.clone(), family, limits, until, effects, started: 0, lent: 0 }
    }

    /// Fuel that calls were given and have not given back: it is gone from the call's own, and was not used by it.
    pub fn lent(&self) -> u64 {
        self.lent
    }

    /// Starts a call with a part of `left`, which is the fuel that this one has; the part is lent to it.
    ///
    /// # Errors
    ///
    /// What stops this call. What the guest is to see of a call that is not made is within.
    pub async fn start(
        &mut self,
        tool: &str,
        arguments: String,
        asked: Asked,
        left: u64,
        line: Option<&Line>,
    ) -> Result<Result<Pending, Failure>, Stop> {
        let (tool, passing) = match self.allowed(tool) {
            Ok(allowed) => allowed,
            Err(error) => return Ok(Err(Failure::from(&error))),
        };
        let about = || {
            let digest: [u8; 32] = Sha256::digest(arguments.as_bytes()).into();
            (tool.to_string(), digest, asked.deadline_ms, asked.fuel)
        };
        let question = line.and_then(|line| question(Some(line), "call", &about()));
        let number = self.started;
        self.started += 1;
        if let Some(question) = &question
            && let Some(told) = question.told::<Result<u64, Failure>>()?
        {
            return Ok(told.map(|part| {
                let part = part.min(left);
                self.lent += part;
                Pending::told(number, part)
            }));
        }
        self.effects.before_effect().await.map_err(Stop::AuditUnavailable)?;
        let begun = self.begin(tool, arguments, passing, asked, left);
        let answer = begun.as_ref().map(|begun| begun.part).map_err(Failure::from);
        if let Some(question) = question {
            question.note(&answer);
        }
        Ok(match begun {
            Ok(Begun { door, kin, child, part }) => {
                self.lent += part;
                Ok(Pending::run(number, part, kin, door.call(child)))
            }
            Err(error) => Err(Failure::from(&error)),
        })
    }

    /// Waits for the end of a call: its answer, and the fuel that this one has back.
    ///
    /// # Errors
    ///
    /// When a replay goes another way.
    pub async fn wait(
        &mut self,
        pending: Pending,
        line: Option<&Line>,
    ) -> Result<(Result<Answer, Failure>, u64), Stop> {
        let part = pending.part();
        let question = question(line, "call-wait", &pending.number());
        let told = match &question {
            Some(question) => question.told::<(Result<Answer, Failure>, u64)>()?,
            None => None,
        };
        let (answer, used) = match told {
            Some(told) => told,
            None => {
                let ended = pending.end().await;
                let answered = (ended.result.map_err(|error| Failure::from(&error)), ended.fuel);
                if let Some(question) = question {
                    question.note(&answered);
                }
                answered
            }
        };
        let back = part.saturating_sub(used);
        self.lent = self.lent.saturating_sub(back);
        Ok((answer, back))
    }

    /// Which tool is meant, and what its call holds at most.
    fn allowed(&self, tool: &str) -> Result<(ToolRequest, Passing), Error> {
        let tool: ToolRequest = tool.parse().map_err(|error: crate::id::InvalidId| {
            Error::new(Code::InvalidRequest, format!("there can be no such tool: {error}"))
                .next("name it as agents do: catalogue/text.count, notes.add@1")
        })?;
        let package = &tool.name.package;
        let refused = match self.grant.as_ref().map(|grant| grant.decide(package)) {
            Some(Ok(passing)) => return Ok((tool, passing)),
            Some(Err(refused)) => DeniedUse {
                capability: "call",
                action: format!("call a tool of {package}"),
                rule: format!("default: {}", refused.rule),
                nearest: refused.nearest,
            },
            None => DeniedUse {
                capability: "call",
                action: format!("call a tool of {package}"),
                rule: "default: no call grant".to_owned(),
                nearest: None,
            },
        };
        let error = Error::new(Code::Denied, format!("this call may not call tools of {package}: {}", refused.rule))
            .next(format!("grant it in the policy: call = [\"{package}\"]"));
        self.effects.deny(refused);
        Err(error)
    }

    /// A call that may be made.
    fn begin(
        &self,
        tool: ToolRequest,
        arguments: String,
        passing: Passing,
        asked: Asked,
        left: u64,
    ) -> Result<Begun, Error> {
        let limited = |limit: &str, maximum: u64, what: &str| {
            Error::new(Code::LimitExceeded, format!("{what}: limits.{limit} is {maximum}"))
                .next(format!("make fewer calls, or raise limits.{limit} in the policy"))
                .fact("limit", limit)
                .fact("maximum", maximum)
        };
        let Some((kin, door)) = self.family.as_ref().and_then(|family| Some((&family.kin, family.door.as_ref()?)))
        else {
            return Err(Error::new(Code::Denied, "no calls can be made here"));
        };
        let package = tool.name.package.clone();
        self.effects.pass(|| CapabilityUse::Call { package: package.clone() }).map_err(|Against| {
            let message = format!("no tool of {package} may be called in this session: a rule of flow is against it");
            Error::new(Code::Denied, message).next("make the call in a session that has not touched as much")
        })?;
        if self.limits.depth == 0 {
            let what = "this call is as deep as calls may be";
            return Err(limited("child_depth", self.limits.depth, what));
        }
        let free = if asked.waits && kin.is_alone() { None } else { Some(kin.free()) };
        let place = kin.place().map_err(|Full { limit, maximum }| {
            let what = match limit {
                "child_parallel" => "as many calls are running below this one as may at once",
                _ => "this call has made as many calls as it may, with those that they made",
            };
            limited(limit, maximum, what)
        })?;
        let part = match (asked.fuel, free) {
            (Some(asked), _) => asked.min(left - left / KEPT_PART),
            (None, None) => left - left / KEPT_PART,
            // An equal part for each that could run, and for this one.
            (None, Some(free)) => left / (free.min(self.limits.parallel) + 1),
        };
        let asked_until = asked.deadline_ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
        let until = asked_until.map_or(self.until, |until| until.min(self.until));
        let same = |used: &CapabilityUse| matches!(used, CapabilityUse::Call { package: known } if *known == package);
        self.effects.used(same, || CapabilityUse::Call { package: package.clone() });
        let child = Child { tool, arguments, until, fuel: part, passing, place };
        Ok(Begun { door: Arc::clone(door), kin: Arc::clone(kin), child, part })
    }
}
