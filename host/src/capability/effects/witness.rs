//! Who sees what a guest does, and who may be against it.

use futures::future::BoxFuture;

use crate::error::Result;
use crate::labels::Brought;
use crate::money::Money;
use crate::policy::model::{ModelDecision, ModelFacts};
use crate::policy::{GrantKind, LogLevel};
use crate::uses::CapabilityUse;

/// Who keeps the record of a call, as its capabilities see it.
pub trait Witness: Send + Sync {
    /// Waits until the call's decision is durable. Asked again for each effect until it has said yes once.
    fn decided(&self) -> BoxFuture<'_, Result<()>>;

    /// A use was denied. Where nobody keeps a record of the call, nothing is done about it.
    fn denied(&self, denied: DeniedUse) {
        drop(denied);
    }

    /// A request to a model is over. Where nobody keeps a record of the call, nothing is done about it.
    fn model_requested(&self, request: ModelRequest) {
        drop(request);
    }

    /// The guest has something to show while it runs. Where nobody watches, nothing is done about it.
    fn event(&self, event: GuestEvent) {
        drop(event);
    }
}

/// What the rules of flow say of a call's uses, by what its session has touched.
pub trait Flow: Send + Sync {
    /// That a use may happen. What it brings to the session it has brought once this returns, before anything of it happens.
    ///
    /// # Errors
    ///
    /// With the rule that is against it, and the calls that brought what it is about.
    fn pass(&self, used: &CapabilityUse) -> Result<(), FlowDenied>;

    /// That a use may begin whose answer comes later: it brings nothing before [`Flow::answered`].
    ///
    /// # Errors
    ///
    /// As for [`Flow::pass`].
    fn ask(&self, used: &CapabilityUse) -> Result<(), FlowDenied>;

    /// The answer of a use is about to be given to the guest: the session has what it brings once this returns.
    fn answered(&self, used: &CapabilityUse);

    /// That what is under way through `kind` may go on: what it sends from here on can be of what was read meanwhile.
    ///
    /// # Errors
    ///
    /// As for [`Flow::pass`].
    fn go_on(&self, kind: GrantKind) -> Result<(), FlowDenied>;

    /// The labels that the call itself brought, each by its first use.
    fn brought(&self) -> Vec<Brought>;
}

/// Why the rules of flow are against a use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowDenied {
    /// The rule.
    pub rule: String,
    /// What brought the labels that it is about.
    pub brought: Vec<Brought>,
}

/// A use of a capability that was denied, for the record: names and rules, never the content of what the guest sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedUse {
    /// The capability, as policy names it.
    pub capability: &'static str,
    /// What was asked for.
    pub action: String,
    /// The rule that decided.
    pub rule: String,
    /// The rule that came nearest to letting it through.
    pub nearest: Option<String>,
}

/// A request to a model that is over, for the record: what was decided, what it came to, digests, and nothing of its
/// text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRequest {
    /// The route.
    pub route: String,
    /// What was decided on; absent where it came to no decision.
    pub facts: ModelFacts,
    /// The last decision that was made.
    pub decision: ModelDecision,
    /// How often a provider was asked.
    pub attempts: u64,
    /// How it ended: `ok`, `refused`, `failed`, or `cancelled`.
    pub outcome: &'static str,
    /// Tokens of the request, and of the answer.
    pub tokens: [u64; 2],
    /// What it cost.
    pub cost: Money,
    /// SHA-256 of the request: whoever keeps it keys it.
    pub request: [u8; 32],
    /// SHA-256 of the answer's text; absent where there is none.
    pub answer: Option<[u8; 32]>,
}

/// What a guest shows while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum GuestEvent {
    /// How far it is. Both numbers are finite.
    Progress {
        /// So much is done, in any unit.
        done: f64,
        /// Of so much, where it is known.
        total: Option<f64>,
        /// What is going on.
        message: String,
    },
    /// A line that it logged or printed.
    Log {
        /// How severe.
        level: LogLevel,
        /// Where it comes from: the guest's own word, or `stdout` or `stderr`.
        context: String,
        /// The line, without its end.
        message: String,
    },
    /// Everything that it logs from here on is dropped: the limit is reached.
    LogCut {
        /// The limit, in bytes.
        bytes_max: u64,
    },
}
