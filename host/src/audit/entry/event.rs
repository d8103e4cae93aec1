//! What can happen: every kind of entry. The members of each are in the file of what it is about.

mod approval;
mod call;
mod host;
mod package;
mod tenant;

use schemars::JsonSchema;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

pub use self::approval::*;
pub use self::call::*;
pub use self::host::*;
pub use self::package::*;
pub use self::tenant::*;

use crate::id::{CallId, ChangeId};

/// The members of kinds. They stand in alphabetical order because serde writes them as they are declared and the
/// spelling is canonical; a test compares.
macro_rules! content {
    ($( $name:ident { $( $(#[$field_doc:meta])* $field:ident : $type:ty ),* $(,)? } )*) => {
        $(
            #[doc = concat!("What `Event::", stringify!($name), "` says.")]
            #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            pub struct $name { $( $(#[$field_doc])* pub $field : $type ),* }

            impl From<$name> for super::Event {
                fn from(event: $name) -> Self {
                    Self::$name(event)
                }
            }
        )*
    };
}
use content;

macro_rules! kinds {
    ($( $(#[$doc:meta])* $kind:literal $name:ident )*) => {
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
    };
}

kinds! {
    /// A call was decided upon: it may run, with this and no more. Durable before any effect leaves the guest.
    "call.decided" CallDecided
    /// A call that had been decided upon ended. Durable before the reply leaves the host.
    "call.ended" CallEnded
    /// A call was not run, since there was no room for it: the answer of an earlier call stood in.
    "call.answered" CallAnswered
    /// A call was run again, without effects, and compared with how it had ended.
    "call.replayed" CallReplayed
    /// A call was not run: it waits for somebody to approve it.
    "approval.asked" ApprovalAsked
    /// Somebody let a call go that waits, or refused it. That it was made then is in that call's decision.
    "approval.decided" ApprovalDecided
    /// An approval that nobody decided on, or that was not used, is over.
    "approval.expired" ApprovalExpired
    /// What was kept of calls beside the record was erased.
    "payload.erased" PayloadErased
    /// Calls that were not let in: denied, throttled, shed or not valid. Many alike are one entry with a count.
    "call.refused" CallRefused
    /// A running call asked for something that it was not granted.
    "capability.denied" CapabilityDenied
    /// A running call asked a model: which, why that one, and what it came to; nothing of what was asked or answered.
    "model.requested" ModelRequested
    /// A component was inspected, compiled and kept.
    "component.admitted" ComponentAdmitted
    /// An upload was not admitted.
    "component.rejected" ComponentRejected
    /// A component is not to run any more; in the platform's own log, for every tenant.
    "component.recalled" ComponentRecalled
    /// A component may run again.
    "component.recall-lifted" RecallLifted
    /// A version was submitted to the catalogue; in the tenant's log and in the platform's.
    "submission.opened" SubmissionOpened
    /// A submission was decided on; in the tenant's log and in the platform's.
    "submission.decided" SubmissionDecided
    /// An operator let a version run that asks for more than the one before.
    "tool.approved" ToolApproved
    /// A version of a package was published.
    "tool.published" ToolPublished
    /// A version became the one that is run.
    "tool.promoted" ToolPromoted
    /// An earlier version became the one that is run again.
    "tool.rolled-back" ToolRolledBack
    /// A version was marked as one not to use.
    "tool.deprecated" ToolDeprecated
    /// A policy was replaced; in the platform's own log, the ceiling.
    "policy.changed" PolicyChanged
    /// Access rules were replaced; in the platform's own log, those for all tenants too.
    "access.changed" AccessChanged
    /// The tenant was created; the first entry of its log.
    "tenant.created" TenantCreated
    /// The tenant was stopped from calling anything.
    "tenant.suspended" TenantSuspended
    /// The tenant may call again.
    "tenant.resumed" TenantResumed
    /// A principal got a key.
    "key.created" KeyCreated
    /// A key's secret was replaced.
    "key.rotated" KeyRotated
    /// A key stopped being valid.
    "key.revoked" KeyRevoked
    /// The labels of a session were taken away.
    "session.cleared" SessionCleared
    /// A secret got a value; nothing of that is here.
    "secret.set" SecretSet
    /// A secret's value was removed.
    "secret.removed" SecretRemoved
    /// The log was handed over to another key: the last entry that the one before signs alone.
    "log.key-rotated" LogKeyRotated
    /// Credentials that named this tenant and were not valid. Many alike are one entry with a count.
    "login.failed" LoginFailed
    /// Requests, other than calls, that the key may not make. Many alike are one entry with a count.
    "request.refused" RequestRefused
    /// A host started to serve; in the platform's own log.
    "host.started" HostStarted
    /// The host's own keys were replaced, and those that they wrap were wrapped anew; in the platform's own log.
    "host.keys-rotated" HostKeysRotated
    /// A host closed what a crash had left open; in the platform's own log.
    "host.recovered" HostRecovered
}

/// What a member is left out by where it says nothing.
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The same for a count.
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Event {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::CallDecided(event) => Some(event.call),
            Self::CallEnded(event) => Some(event.call),
            Self::CallReplayed(event) => Some(event.call),
            Self::CallRefused(event) => event.call,
            Self::ApprovalAsked(event) => Some(event.call),
            Self::CallAnswered(event) => Some(event.call),
            Self::CapabilityDenied(event) => Some(event.call),
            Self::ModelRequested(event) => Some(event.call),
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
            | Self::SessionCleared(SessionCleared { change, .. })
            | Self::ApprovalDecided(ApprovalDecided { change, .. })
            | Self::SecretSet(SecretSet { change, .. })
            | Self::SecretRemoved(SecretRemoved { change, .. })
            | Self::LogKeyRotated(LogKeyRotated { change, .. })
            | Self::HostKeysRotated(HostKeysRotated { change, .. })
            | Self::PayloadErased(PayloadErased { change, .. }) => Some(*change),
            Self::CallDecided(_)
            | Self::CallEnded(_)
            | Self::CallReplayed(_)
            | Self::CallRefused(_)
            | Self::ApprovalAsked(_)
            | Self::CallAnswered(_)
            | Self::ApprovalExpired(_)
            | Self::CapabilityDenied(_)
            | Self::ModelRequested(_)
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
            Self::ModelRequested(event) => {
                let reasons = event.considered.iter_mut().map(|choice| &mut choice.reason);
                (reasons.chain(&mut event.downgrade).collect(), None)
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
            Self::SessionCleared(event) => (vec![&mut event.reason], None),
            Self::ApprovalAsked(event) => (Vec::new(), Some(&mut event.rules)),
            Self::CallAnswered(event) => (vec![&mut event.rule], None),
            Self::ApprovalDecided(event) => (event.reason.as_mut().into_iter().collect(), None),
            Self::LoginFailed(event) => (vec![&mut event.reason], None),
            Self::RequestRefused(event) => (vec![&mut event.operation, &mut event.reason], Some(&mut event.rules)),
            Self::HostStarted(event) => (vec![&mut event.engine, &mut event.version], None),
            Self::LogKeyRotated(event) => (vec![&mut event.after, &mut event.before], None),
            Self::CallEnded(_)
            | Self::ApprovalExpired(_)
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
            | Self::HostKeysRotated(_)
            | Self::HostRecovered(_) => (Vec::new(), None),
        }
    }
}
