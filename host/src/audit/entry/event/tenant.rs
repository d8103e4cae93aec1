//! A tenant: its policy, its access rules, its keys and secrets, and who tried without.

use super::{content, is_false};
use crate::id::{ChangeId, DecisionId, Digest, PrincipalId, SecretName, SessionId};

content! {
    PolicyChanged {
        /// The digest of the policy's text in force from now on.
        after: Digest,
        /// The digest before.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Digest>,
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    AccessChanged {
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
    TenantCreated {
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    TenantSuspended {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// Why, in the operator's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    TenantResumed {
        /// The change, by which it is applied once.
        change: ChangeId,
    }
    KeyCreated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The principal whose key it is.
        key: PrincipalId,
        /// The name given to it.
        name: String,
        /// What it may be used for.
        scopes: Vec<String>,
    }
    KeyRotated {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The principal whose key it is.
        key: PrincipalId,
    }
    KeyRevoked {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The principal whose key it is.
        key: PrincipalId,
    }
    SessionCleared {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// Whose session it is.
        principal: PrincipalId,
        /// Why, in the operator's words.
        reason: String,
        /// The session.
        session: SessionId,
    }
    SecretSet {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The secret.
        name: SecretName,
        /// Which value of that name it is, from 1.
        version: u64,
    }
    SecretRemoved {
        /// The change, by which it is applied once.
        change: ChangeId,
        /// The secret.
        name: SecretName,
        /// The last value that it had.
        version: u64,
    }
    LoginFailed {
        /// How many this entry stands for.
        count: u64,
        /// Why, in words.
        reason: String,
    }
    RequestRefused {
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
}
