//! A policy, or access rules, tried on recorded calls: which would be decided differently, and which could no longer do
//! what they did.

mod comparing;
mod next;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::comparing::Trying;
use self::next::Next;
use super::again::{Again, Incomparable, Keys, Texts};
use super::history::{self, Bounds, Looked, Span};
use crate::access::Rules;
use crate::audit::Entry;
use crate::error::Result;
use crate::id::{CallId, Digest, ToolName};
use crate::policy::Policy;
use crate::snapshot::{Caller, Laws};
use crate::uses::CapabilityUse;

/// What a policy, or access rules, would change, if they were in force. Nothing was changed. Which model a call's requests
/// would go to is not told: what a call asks follows from what it was answered before, and what it has left from what that
/// cost; that it could no longer use a route to models is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    /// Of the text that was tried.
    pub digest: Digest,
    /// Decisions of the span that were looked at: calls that were let in or denied.
    pub decisions: u64,
    /// Of these, those that stay as they were.
    pub same: u64,
    /// Those that would not: each is in one or more of `changes`.
    pub changed: u64,
    /// What would change, by kind, then by how many calls it is about.
    pub changes: Vec<Change>,
    /// How often a call would have been in a further change: there were more than are told.
    pub changes_left_out: u64,
    /// Decisions that cannot be compared, by the reason.
    pub not_compared: Vec<NotCompared>,
    /// Calls among `same` and `changed` of which the record does not have all that they used: only their decision was
    /// compared.
    pub uses_unknown: u64,
}

/// One thing that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What would.
    pub kind: ChangeKind,
    /// The rule that would decide.
    pub rule: String,
    /// The limit that would be another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<ChangedLimit>,
    /// What would not be granted any more.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub used: Option<CapabilityUse>,
    /// The tools that were called; of very many some.
    pub tools: BTreeSet<ToolName>,
    /// How many calls it is about.
    pub count: u64,
    /// Some or all of them, oldest first.
    pub calls: Vec<CallId>,
    /// How many are not in `calls`.
    pub calls_left_out: u64,
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Calls that had been let in would be denied.
    Denied,
    /// Calls would still be let in, and denied something that they really used.
    UseDenied,
    /// Calls would still be let in, and may be denied a request that they sent: of its path the record has only the
    /// pattern that it matched.
    UseUncertain,
    /// Calls would wait until somebody approves them.
    Waits,
    /// Calls would run under another limit of fuel, memory or time: those are the ones that the record has.
    Limited,
    /// Calls of a route would go to another of its choices, or to none; what they would use there is not known.
    Routed,
    /// Calls that had been denied would be let in.
    Allowed,
}

/// A limit that would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedLimit {
    /// Its key in the policy.
    pub limit: String,
    /// What it was: units, bytes, or milliseconds.
    pub before: u64,
    /// What it would be.
    pub after: u64,
    /// Calls that took more than that.
    pub exceeded: u64,
}

/// Decisions that cannot be compared, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotCompared {
    /// The reason.
    pub reason: Incomparable,
    /// The same in words.
    pub words: String,
    /// How many.
    pub count: u64,
    /// Some or all of the calls, oldest first.
    pub calls: Vec<CallId>,
    /// How many are not in `calls`.
    pub calls_left_out: u64,
}

/// What is tried, in the place of what is in force; all else is as it is now.
#[derive(Debug, Clone, Copy)]
pub enum Tried<'a> {
    /// A policy.
    Policy(&'a Policy),
    /// Access rules of the tenant.
    Access(&'a Rules),
}

impl<'a> Tried<'a> {
    fn digest(self) -> Digest {
        match self {
            Self::Policy(policy) => policy.digest(),
            Self::Access(rules) => rules.digest(),
        }
    }

    fn laws(self, caller: &'a Caller) -> Laws<'a> {
        match self {
            Self::Policy(policy) => Laws { policy, ..caller.laws() },
            Self::Access(tenant) => Laws { tenant, ..caller.laws() },
        }
    }
}

impl<'a> From<&'a Policy> for Tried<'a> {
    fn from(policy: &'a Policy) -> Self {
        Self::Policy(policy)
    }
}

/// Tries a policy or access rules on the calls of the tenant of `caller` that `entries` tell of, under the platform's files as
/// they are. Each change names up to `each_max` calls, all together up to `calls_max`.
///
/// # Errors
///
/// When the record or former texts cannot be read.
pub fn try_policy<'a>(
    caller: &'a Caller,
    tried: impl Into<Tried<'a>>,
    entries: impl Iterator<Item = Result<Entry>>,
    (span, bounds): (Span, Bounds),
    (each_max, calls_max): (usize, usize),
    keys: &'a Keys,
    texts: &mut Texts<'_>,
) -> Result<(Trial, Looked)> {
    let tried = tried.into();
    let mut texts = |kept, digest: &Digest| texts(kept, digest);
    let mut again = Again::new(caller, keys, &mut texts);
    let next = Next::new(caller, tried.laws(caller), keys);
    let mut trying = Trying::new(next, tried.digest(), (each_max, calls_max));
    let looked = history::calls(entries, span, bounds, |recorded| {
        trying.take(&recorded, again.version(&recorded)?);
        Ok(())
    })?;
    Ok((trying.done(), looked))
}
