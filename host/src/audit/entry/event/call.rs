//! Calls: decided, refused, denied something, ended, run again.

use std::time::SystemTime;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::{content, is_zero};
use crate::amounts::Amounts;
use crate::audit::entry::{Mac, Outcome, schema, time};
use crate::error::Code;
use crate::id::{ApprovalId, CallId, ChangeId, DecisionId, Digest, SessionId, ToolName};
use crate::labels::Brought;
use crate::limits::CallLimits;
use crate::money::Money;
use crate::routed::{DecidedRoute, Level};
use crate::uses::CapabilityUse;

content! {
    CallDecided {
        /// What access rules had to do with it; absent where an earlier host wrote it, which asked scopes alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<DecidedAccess>,
        /// The approval that let it go, which is used up with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalId>,
        /// The arguments' keyed digest.
        arguments: Mac,
        /// The arguments' length as JSON text.
        arguments_bytes: u64,
        /// The call.
        call: CallId,
        /// The digest of the platform's ceiling that it was decided under.
        ceiling: Digest,
        /// The component that runs.
        component: Digest,
        /// What the engine is, by its compatibility hash: a replay on another is not comparable.
        engine: String,
        /// The time that the guest's clock shows, where policy froze it.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "time::option")]
        #[schemars(schema_with = "schema::time_option")]
        frozen_time: Option<SystemTime>,
        /// The labels that its session had, where policy has rules of flow.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Brought>,
        /// The limits that it runs under.
        limits: DecidedLimits,
        /// The call that made this one. What it held is what was decided of it, and of that what this call held.
        #[serde(skip_serializing_if = "Option::is_none")]
        parent: Option<CallId>,
        /// The digest of the tenant's policy that it was decided under.
        policy: Digest,
        /// What was reserved for it in the budgets; absent where an earlier host wrote it, which had none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reserved: Option<Reserved>,
        /// What it counts as: the highest of what is derived of the tool, the floor of either file and what its caller
        /// declared. Absent where an earlier host wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        risk: Option<Level>,
        /// The call above it that a key made, where that is not this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root: Option<CallId>,
        /// What was decided of its route, where it is the call of one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<DecidedRoute>,
        /// The rule that allowed it.
        rule: String,
        /// The session that it named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The tool.
        tool: ToolName,
        /// Its version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    CallEnded {
        /// The call.
        call: CallId,
        /// Calls that it made, those that these made included; absent for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        child_calls: u64,
        /// Units of fuel that those used. Each of them has an entry of its own, which says so too.
        #[serde(default, skip_serializing_if = "is_zero")]
        child_fuel: u64,
        /// From its start to its end, in microseconds.
        duration_us: u64,
        /// Bytes that it wrote to its volumes.
        files_bytes_written: u64,
        /// Units of fuel that it used itself.
        fuel: u64,
        /// Bytes of response bodies that it received.
        http_received_bytes: u64,
        /// Requests that left for the network.
        http_requests: u64,
        /// Bytes of request bodies that it sent.
        http_sent_bytes: u64,
        /// Operations on buckets.
        kv_operations: u64,
        /// The labels that it brought to its session, each by its first use; absent where nothing asks for labels, or where
        /// nobody knows: a crash ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<Vec<Brought>>,
        /// The most linear memory that it held, in bytes.
        memory_bytes: u64,
        /// What its requests to models cost, in billionths of a US dollar; absent for nothing.
        #[serde(default, skip_serializing_if = "is_zero")]
        model_cost: u64,
        /// Tokens of its requests to models; absent for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        model_input_tokens: u64,
        /// Tokens of their answers; absent for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        model_output_tokens: u64,
        /// Requests to models; absent for none.
        #[serde(default, skip_serializing_if = "is_zero")]
        model_requests: u64,
        /// How it ended.
        outcome: Outcome,
        /// The result's keyed digest, where there is a result.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<Mac>,
        /// The result's length: all its contents together.
        result_bytes: u64,
        /// What it really used of what it was granted, each use once, in order and at most 64; absent where nobody
        /// knows: a crash ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uses: Option<Vec<CapabilityUse>>,
        /// How often it used something that `uses` has no room for; absent for never.
        #[serde(default, skip_serializing_if = "is_zero")]
        uses_left_out: u64,
    }
    CallAnswered {
        /// What access rules had to do with it.
        access: DecidedAccess,
        /// The call that gave the answer.
        answer_of: CallId,
        /// The arguments' keyed digest.
        arguments: Mac,
        /// The arguments' length as JSON text.
        arguments_bytes: u64,
        /// Why there was no room for the call: the code of the refusal that it would have been.
        #[schemars(with = "schema::CodeText")]
        because: Code,
        /// The call.
        call: CallId,
        /// The digest of the platform's ceiling that it was decided under.
        ceiling: Digest,
        /// The component that would have run.
        component: Digest,
        /// The labels that calling the tool brought to its session.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Brought>,
        /// The digest of the tenant's policy that it was decided under.
        policy: Digest,
        /// The result's keyed digest.
        result: Mac,
        /// The result's length: all its contents together.
        result_bytes: u64,
        /// What was decided of its route, where it is the call of one. Where none of that one's choices had room, it is the
        /// answer of the one that would have taken it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<DecidedRoute>,
        /// The rule that allowed it.
        rule: String,
        /// The session that it named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The tool.
        tool: ToolName,
        /// Its version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    CallReplayed {
        /// The call.
        call: CallId,
        /// The component that was to run again; absent where there is none of the version that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        component: Option<Digest>,
        /// The first difference, or why nothing can be said; nothing of a payload.
        #[serde(skip_serializing_if = "Option::is_none")]
        difference: Option<String>,
        /// Units of fuel that the replay used; absent where nothing ran.
        #[serde(skip_serializing_if = "Option::is_none")]
        fuel: Option<u64>,
        /// What came of it.
        outcome: ReplayOutcome,
    }
    PayloadErased {
        /// Of this call; absent: of all that the tenant had made.
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    CallRefused {
        /// What access rules had to do with it, where the call was decided upon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<DecidedAccess>,
        /// The call, where it had got an id.
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// The digest of the platform's ceiling that it was decided under, where it was policy that denied it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ceiling: Option<Digest>,
        /// The error code that the caller got.
        #[schemars(with = "schema::CodeText")]
        code: Code,
        /// How many this entry stands for.
        count: u64,
        /// The ids that the answers had, where the calls had none: of many the first ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decisions: Vec<DecisionId>,
        /// The labels that its session had, where a rule of flow was against it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Brought>,
        /// The call that was to make it, where it was not a key itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<CallId>,
        /// The digest of the tenant's policy that it was decided under, where it was policy that denied it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Digest>,
        /// Why, in words.
        reason: String,
        /// What was decided of its route, where none of that one's choices took it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<DecidedRoute>,
        /// The rule that refused it.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The session that it named, where a rule of flow was against it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The tool asked for, where one was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        tool: Option<ToolName>,
        /// The version that would have run, where it was policy that denied it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<schema::SemanticVersion>")]
        version: Option<Version>,
    }
    CapabilityDenied {
        /// What it tried, without anything of the payload.
        action: String,
        /// The call.
        call: CallId,
        /// The capability, such as `http`.
        capability: String,
        /// The rule that came nearest to allowing it.
        #[serde(skip_serializing_if = "Option::is_none")]
        nearest: Option<String>,
        /// The rule that refused it.
        rule: String,
    }
    ModelRequested {
        /// The keyed digest of the answer's texts, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<Mac>,
        /// How often a provider was asked.
        attempts: u64,
        /// How much was left of the tightest budget, in millionths.
        budget_left_ppm: u32,
        /// The call.
        call: CallId,
        /// How hard it is.
        complexity: Level,
        /// The route's choices in their order, as they were last decided on.
        considered: Vec<ModelConsidered>,
        /// What it cost, in billionths of a US dollar.
        cost: Money,
        /// Money that was left of it before the last decision.
        cost_left: Money,
        /// That a cheaper model was taken than would have been with more of a budget left, and why.
        #[serde(skip_serializing_if = "Option::is_none")]
        downgrade: Option<String>,
        /// Tokens of the request: the provider's count, or the host's own where that cannot be.
        input_tokens: u64,
        /// The same as it was estimated for the decision.
        input_tokens_estimate: u64,
        /// And at most: what was reserved.
        input_tokens_max: u64,
        /// What was asked for: `chat` or `embeddings`.
        kind: String,
        /// How it ended: `ok`; `refused`, by no choice being for it or by a rule of flow; `failed`; `cancelled`.
        outcome: String,
        /// Tokens of the answer.
        output_tokens: u64,
        /// And at most.
        output_tokens_max: u64,
        /// The keyed digest of the request.
        request: Mac,
        /// How risky it is: the greater of the call's and its own.
        risk: Level,
        /// The route.
        route: String,
        /// Tokens that were left of the tightest limit.
        tokens_left: u64,
    }
}

/// A model that was considered for a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelConsidered {
    /// The model, as its provider names it.
    pub model: String,
    /// The provider.
    pub provider: String,
    /// The fact that decided.
    pub reason: String,
    /// Whether it was taken.
    pub taken: bool,
}

/// What came of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayOutcome {
    /// The same outcome, the same result, the same host calls and the same fuel.
    Same,
    /// Something was another.
    Differs,
    /// Nothing can be said.
    NotComparable,
}

impl ReplayOutcome {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::NotComparable => "not-comparable",
        }
    }
}

/// What access rules had to do with a decision: with the key's scopes, all that it takes to ask them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecidedAccess {
    /// Whether it was that the version asked for more than the one that ran, and no operator had approved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits: bool,
    /// The rules that decided.
    pub by: Vec<String>,
    /// The hour that they saw, UTC.
    pub hour: u8,
    /// The digest of the platform's rules.
    pub platform: Digest,
    /// Who had recalled the component, where it was that: `platform` or `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<String>,
    /// The digest of the tenant's.
    pub tenant: Digest,
    /// The day of the week that they saw.
    pub weekday: String,
}

impl CallEnded {
    /// Of a call of which nothing is known but how it ended, as of one that used nothing.
    pub const fn of(call: CallId, outcome: Outcome) -> Self {
        Self {
            call,
            child_calls: 0,
            child_fuel: 0,
            duration_us: 0,
            files_bytes_written: 0,
            fuel: 0,
            http_received_bytes: 0,
            http_requests: 0,
            http_sent_bytes: 0,
            kv_operations: 0,
            labels: None,
            memory_bytes: 0,
            model_cost: 0,
            model_input_tokens: 0,
            model_output_tokens: 0,
            model_requests: 0,
            outcome,
            result: None,
            result_bytes: 0,
            uses: None,
            uses_left_out: 0,
        }
    }
}

/// What was reserved for a call in its tenant's budgets: what it is charged where a crash interrupts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reserved {
    /// The most that it may use.
    pub amounts: Amounts,
    /// When: what it uses counts in the windows of this moment.
    #[serde(with = "time")]
    #[schemars(schema_with = "schema::time")]
    pub at: SystemTime,
}

/// The limits of a call that say what it may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecidedLimits {
    /// Wall time, in milliseconds.
    pub deadline_ms: u64,
    /// Units of fuel.
    pub fuel: u64,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
}

impl From<&CallLimits> for DecidedLimits {
    fn from(limits: &CallLimits) -> Self {
        Self {
            deadline_ms: u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX),
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes,
        }
    }
}
