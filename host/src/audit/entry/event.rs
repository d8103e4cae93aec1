//! What can happen: every kind of entry with its members.
//!
//! Members stand in alphabetical order because serde writes them as they are declared and the spelling is canonical; a
//! test compares.

use std::time::SystemTime;

use schemars::JsonSchema;
use semver::Version;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use super::{Mac, Outcome, schema, time};
use crate::error::Code;
use crate::id::{
    CallId, ChangeId, DecisionId, Digest, PackageName, PrincipalId, SecretName, SubmissionId, TenantId, ToolName,
};
use crate::limits::CallLimits;
use crate::uses::CapabilityUse;

macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $kind:literal $name:ident { $( $(#[$field_doc:meta])* $field:ident : $type:ty ),* $(,)? }
    )*) => {
        /// What happened. Its JSON is two members of the entry: `kind`, and `event` with the rest.
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(tag = "kind", content = "event")]
        #[allow(clippy::large_enum_variant, reason = "it lives for the length of one append, on the stack")]
        pub enum Event {
            $( $(#[$doc])* #[serde(rename = $kind)] $name($name) ),*
        }

        impl Event {
            /// Every kind, in the order of the reference page.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The kind, as it stands in the entry.
            pub const fn kind(&self) -> &'static str {
                match self { $( Self::$name(_) => $kind ),* }
            }
        }

        /// An event without its kind: the member `event`.
        pub(super) struct Content<'a>(pub(super) &'a Event);

        impl Serialize for Content<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0 { $( Event::$name(content) => content.serialize(serializer) ),* }
            }
        }

        impl Serialize for Event {
            /// The members `event` and `kind`: what [`Deserialize`] reads.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut members = serializer.serialize_struct("Event", 2)?;
                members.serialize_field("event", &Content(self))?;
                members.serialize_field("kind", self.kind())?;
                members.end()
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
            pub struct $name { $( $(#[$field_doc])* pub $field : $type ),* }

            impl From<$name> for Event {
                fn from(event: $name) -> Self {
                    Self::$name(event)
                }
            }
        )*
    };
}

events! {
    /// A call was decided upon: it may run, with this and no more. Durable before any effect leaves the guest.
    "call.decided" CallDecided {
        /// What access rules had to do with it; absent where an earlier host wrote it, which asked scopes alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<DecidedAccess>,
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
        /// The limits that it runs under.
        limits: DecidedLimits,
        /// The call that made this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        parent: Option<CallId>,
        /// The digest of the tenant's policy that it was decided under.
        policy: Digest,
        /// The rule that allowed it.
        rule: String,
        /// The tool.
        tool: ToolName,
        /// Its version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// A call that had been decided upon ended. Durable before the reply leaves the host.
    "call.ended" CallEnded {
        /// The call.
        call: CallId,
        /// From its start to its end, in microseconds.
        duration_us: u64,
        /// Bytes that it wrote to its volumes.
        files_bytes_written: u64,
        /// Units of fuel that it used.
        fuel: u64,
        /// Bytes of response bodies that it received.
        http_received_bytes: u64,
        /// Requests that left for the network.
        http_requests: u64,
        /// Bytes of request bodies that it sent.
        http_sent_bytes: u64,
        /// Operations on buckets.
        kv_operations: u64,
        /// The most linear memory that it held, in bytes.
        memory_bytes: u64,
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
    /// A call was run again, without effects, and compared with how it had ended.
    "call.replayed" CallReplayed {
        /// The call.
        call: CallId,
        /// The component that was to run again.
        component: Digest,
        /// The first difference, or why nothing can be said; nothing of a payload.
        #[serde(skip_serializing_if = "Option::is_none")]
        difference: Option<String>,
        /// Units of fuel that the replay used; absent where nothing ran.
        #[serde(skip_serializing_if = "Option::is_none")]
        fuel: Option<u64>,
        /// What came of it.
        outcome: ReplayOutcome,
    }
    /// What was kept of calls beside the record was erased.
    "payload.erased" PayloadErased {
        /// Of this call; absent: of all that the tenant had made.
        #[serde(skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    /// Calls that were not let in: denied, throttled, shed or not valid. Many alike are one entry with a count.
    "call.refused" CallRefused {
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
        /// The digest of the tenant's policy that it was decided under, where it was policy that denied it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<Digest>,
        /// Why, in words.
        reason: String,
        /// The rule that refused it.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The tool asked for, where one was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        tool: Option<ToolName>,
        /// The version that would have run, where it was policy that denied it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<schema::SemanticVersion>")]
        version: Option<Version>,
    }
    /// A running call asked for something that it was not granted.
    "capability.denied" CapabilityDenied {
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
    /// A component was inspected, compiled and kept.
    "component.admitted" ComponentAdmitted {
        /// Its length.
        bytes: u64,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component.
        component: Digest,
        /// The interfaces that it imports.
        imports: Vec<String>,
        /// What kind of component it is, such as `native`.
        tool_kind: String,
    }
    /// An upload was not admitted.
    "component.rejected" ComponentRejected {
        /// Its digest, where all of it had arrived.
        #[serde(skip_serializing_if = "Option::is_none")]
        component: Option<Digest>,
        /// Why, in words.
        reasons: Vec<String>,
    }
    /// A component is not to run any more; in the platform's own log, for every tenant.
    "component.recalled" ComponentRecalled {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component.
        component: Digest,
        /// Why.
        reason: String,
    }
    /// A component may run again.
    "component.recall-lifted" RecallLifted {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component.
        component: Digest,
    }
    /// A version was submitted to the catalogue; in the tenant's log and in the platform's.
    "submission.opened" SubmissionOpened {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component that it runs.
        component: Digest,
        /// The package.
        package: PackageName,
        /// The submission.
        submission: SubmissionId,
        /// Whose version it is.
        tenant: TenantId,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// A submission was decided on; in the tenant's log and in the platform's.
    "submission.decided" SubmissionDecided {
        /// Whether it is in the catalogue.
        approved: bool,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component that it runs.
        component: Digest,
        /// The package.
        package: PackageName,
        /// Why it was refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The submission.
        submission: SubmissionId,
        /// Whose version it is.
        tenant: TenantId,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// An operator let a version run that asks for more than the one before.
    "tool.approved" ToolApproved {
        /// What it asks for beyond that one, in words.
        asks: String,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// A version of a package was published.
    "tool.published" ToolPublished {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The component that it runs.
        component: Digest,
        /// The package.
        package: PackageName,
        /// Who signed it, by the key's name and id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<String>,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// A version became the one that is run.
    "tool.promoted" ToolPromoted {
        /// The version before.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<schema::SemanticVersion>")]
        before: Option<Version>,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// An earlier version became the one that is run again.
    "tool.rolled-back" ToolRolledBack {
        /// The version before.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<schema::SemanticVersion>")]
        before: Option<Version>,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// A version was marked as one not to use.
    "tool.deprecated" ToolDeprecated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// What its publisher says.
        message: String,
        /// The package.
        package: PackageName,
        /// The version.
        #[schemars(with = "schema::SemanticVersion")]
        version: Version,
    }
    /// A policy was replaced; in the platform's own log, the ceiling.
    "policy.changed" PolicyChanged {
        /// The digest of the policy's text in force from now on.
        after: Digest,
        /// The digest before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Digest>,
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    /// Access rules were replaced; in the platform's own log, those for all tenants too.
    "access.changed" AccessChanged {
        /// The digest of the text in force from now on.
        after: Digest,
        /// The digest before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Digest>,
        /// The change, by which it is applied once.
        change: ChangeId,
        /// Whether they are the platform's, which hold for every tenant.
        #[serde(default, skip_serializing_if = "is_false")]
        platform: bool,
    }
    /// The tenant was created; the first entry of its log.
    "tenant.created" TenantCreated {
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    /// The tenant was stopped from calling anything.
    "tenant.suspended" TenantSuspended {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// Why, in the operator's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    /// The tenant may call again.
    "tenant.resumed" TenantResumed {
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    /// A principal got a key.
    "key.created" KeyCreated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The principal whose key it is.
        key: PrincipalId,
        /// The name given to it.
        name: String,
        /// What it may be used for.
        scopes: Vec<String>,
    }
    /// A key's secret was replaced.
    "key.rotated" KeyRotated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The principal whose key it is.
        key: PrincipalId,
    }
    /// A key stopped being valid.
    "key.revoked" KeyRevoked {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The principal whose key it is.
        key: PrincipalId,
    }
    /// A secret got a value; nothing of that is here.
    "secret.set" SecretSet {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The secret.
        name: SecretName,
        /// Which value of that name it is, from 1.
        version: u64,
    }
    /// A secret's value was removed.
    "secret.removed" SecretRemoved {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The secret.
        name: SecretName,
        /// The last value that it had.
        version: u64,
    }
    /// The log was handed over to another key: the last entry that the one before signs alone.
    "log.key-rotated" LogKeyRotated {
        /// The key that signs from now on, as signed notes spell public keys.
        after: String,
        /// The key until now.
        before: String,
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    /// Credentials that named this tenant and were not valid. Many alike are one entry with a count.
    "login.failed" LoginFailed {
        /// How many this entry stands for.
        count: u64,
        /// Why, in words.
        reason: String,
    }
    /// Requests, other than calls, that the key may not make. Many alike are one entry with a count.
    "request.refused" RequestRefused {
        /// How many this entry stands for.
        count: u64,
        /// The ids that the answers had: of many the first ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        decisions: Vec<DecisionId>,
        /// What was asked for: method and path, such as `PUT /v1/policy`.
        operation: String,
        /// Why, in words.
        reason: String,
        /// The rules that decided; absent where an earlier host wrote it, which asked scopes alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<String>,
    }
    /// A host started to serve; in the platform's own log.
    "host.started" HostStarted {
        /// What the engine is, by its compatibility hash.
        engine: String,
        /// The host's version.
        version: String,
    }
    /// A host closed what a crash had left open; in the platform's own log.
    "host.recovered" HostRecovered {
        /// Calls that had been decided upon and had not ended.
        interrupted: u64,
    }
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

const fn is_false(value: &bool) -> bool {
    !*value
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What access rules had to do with a decision: with the key's scopes, all that it takes to ask them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecidedAccess {
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

impl Event {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::CallDecided(event) => Some(event.call),
            Self::CallEnded(event) => Some(event.call),
            Self::CallReplayed(event) => Some(event.call),
            Self::CallRefused(event) => event.call,
            Self::CapabilityDenied(event) => Some(event.call),
            Self::PayloadErased(event) => event.call,
            _ => None,
        }
    }

    /// The administrative change that it records.
    pub fn change(&self) -> Option<ChangeId> {
        match self {
            Self::ComponentAdmitted(ComponentAdmitted { change, .. })
            | Self::ToolPublished(ToolPublished { change, .. })
            | Self::ToolPromoted(ToolPromoted { change, .. })
            | Self::ToolRolledBack(ToolRolledBack { change, .. })
            | Self::ToolDeprecated(ToolDeprecated { change, .. })
            | Self::PolicyChanged(PolicyChanged { change, .. })
            | Self::AccessChanged(AccessChanged { change, .. })
            | Self::ComponentRecalled(ComponentRecalled { change, .. })
            | Self::RecallLifted(RecallLifted { change, .. })
            | Self::SubmissionOpened(SubmissionOpened { change, .. })
            | Self::SubmissionDecided(SubmissionDecided { change, .. })
            | Self::ToolApproved(ToolApproved { change, .. })
            | Self::TenantCreated(TenantCreated { change })
            | Self::TenantSuspended(TenantSuspended { change, .. })
            | Self::TenantResumed(TenantResumed { change })
            | Self::KeyCreated(KeyCreated { change, .. })
            | Self::KeyRotated(KeyRotated { change, .. })
            | Self::KeyRevoked(KeyRevoked { change, .. })
            | Self::SecretSet(SecretSet { change, .. })
            | Self::SecretRemoved(SecretRemoved { change, .. })
            | Self::LogKeyRotated(LogKeyRotated { change, .. })
            | Self::PayloadErased(PayloadErased { change, .. }) => Some(*change),
            Self::CallDecided(_)
            | Self::CallEnded(_)
            | Self::CallReplayed(_)
            | Self::CallRefused(_)
            | Self::CapabilityDenied(_)
            | Self::ComponentRejected(_)
            | Self::LoginFailed(_)
            | Self::RequestRefused(_)
            | Self::HostStarted(_)
            | Self::HostRecovered(_) => None,
        }
    }

    /// The texts whose length nothing else bounds, and the lists of such texts: what is cut when an entry is too long.
    pub(super) fn texts_mut(&mut self) -> (Vec<&mut String>, Option<&mut Vec<String>>) {
        match self {
            Self::CallDecided(event) => (vec![&mut event.engine, &mut event.rule], None),
            Self::CallReplayed(event) => (event.difference.as_mut().into_iter().collect(), None),
            Self::CallRefused(event) => {
                ([Some(&mut event.reason), event.rule.as_mut()].into_iter().flatten().collect(), None)
            }
            Self::CapabilityDenied(event) => {
                let mut texts = vec![&mut event.action, &mut event.capability, &mut event.rule];
                texts.extend(&mut event.nearest);
                (texts, None)
            }
            Self::ComponentAdmitted(event) => (vec![&mut event.tool_kind], Some(&mut event.imports)),
            Self::ComponentRejected(event) => (Vec::new(), Some(&mut event.reasons)),
            Self::ToolDeprecated(event) => (vec![&mut event.message], None),
            Self::ComponentRecalled(event) => (vec![&mut event.reason], None),
            Self::SubmissionDecided(event) => (event.reason.as_mut().into_iter().collect(), None),
            Self::ToolApproved(event) => (vec![&mut event.asks], None),
            Self::ToolPublished(event) => (event.signer.as_mut().into_iter().collect(), None),
            Self::TenantSuspended(event) => (event.reason.as_mut().into_iter().collect(), None),
            Self::KeyCreated(event) => (vec![&mut event.name], Some(&mut event.scopes)),
            Self::LoginFailed(event) => (vec![&mut event.reason], None),
            Self::RequestRefused(event) => (vec![&mut event.operation, &mut event.reason], Some(&mut event.rules)),
            Self::HostStarted(event) => (vec![&mut event.engine, &mut event.version], None),
            Self::LogKeyRotated(event) => (vec![&mut event.after, &mut event.before], None),
            Self::CallEnded(_)
            | Self::RecallLifted(_)
            | Self::SubmissionOpened(_)
            | Self::ToolPromoted(_)
            | Self::ToolRolledBack(_)
            | Self::PolicyChanged(_)
            | Self::AccessChanged(_)
            | Self::TenantCreated(_)
            | Self::TenantResumed(_)
            | Self::KeyRotated(_)
            | Self::KeyRevoked(_)
            | Self::SecretSet(_)
            | Self::SecretRemoved(_)
            | Self::PayloadErased(_)
            | Self::HostRecovered(_) => (Vec::new(), None),
        }
    }
}
