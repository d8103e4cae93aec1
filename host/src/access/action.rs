//! What can be asked for: one action for each kind of operation, with the scopes that it takes.

use crate::identity::Scope;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// A tool that the tenant can see.
    Tool,
    /// A package of the tenant's own.
    Package,
    /// The tenant as a whole.
    Tenant,
}

impl On {
    /// Its entity type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "Tool",
            Self::Package => "Package",
            Self::Tenant => "Tenant",
        }
    }
}

macro_rules! actions {
    ($(#[doc = $doc:literal] $variant:ident = $text:literal, $on:ident, [$($scope:ident),*];)*) => {
        /// What somebody asks to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $(#[doc = $doc] $variant),* }

        impl Action {
            /// Every action, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in rules.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// What it is, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii()),* }
            }

            /// What it is done to.
            pub const fn on(self) -> On {
                match self { $(Self::$variant => On::$on),* }
            }

            /// The scopes of which a key needs one.
            pub const fn scopes(self) -> &'static [Scope] {
                match self { $(Self::$variant => &[$(Scope::$scope),*]),* }
            }
        }
    };
}

actions! {
    /// To call a tool. What may not be called is not listed either.
    Call = "call", Tool, [Agent];
    /// To read what is recorded of a call; an agent, of its own calls.
    ReadCall = "read-call", Tenant, [Agent, Auditor];
    /// To upload a component.
    Upload = "upload", Tenant, [Publisher];
    /// To publish a version of a package.
    Publish = "publish", Package, [Publisher];
    /// To make a published version the one that runs.
    Promote = "promote", Package, [Publisher];
    /// To go back to the version before.
    RollBack = "roll-back", Package, [Publisher];
    /// To mark a version as one not to use.
    Deprecate = "deprecate", Package, [Publisher];
    /// To read components and packages of the tenant, and to ask what calls of any key with some scope are given.
    ReadPackages = "read-packages", Tenant, [Publisher, Operator, Auditor];
    /// To read policies and access rules, to try, compare and suggest them, and to ask what they decide for other keys.
    ReadPolicy = "read-policy", Tenant, [Operator, Auditor];
    /// To put a policy in force.
    ChangePolicy = "change-policy", Tenant, [Operator];
    /// To put access rules in force.
    ChangeAccess = "change-access", Tenant, [Operator];
    /// To list keys.
    ReadKeys = "read-keys", Tenant, [Operator, Auditor];
    /// To create, rotate and revoke keys.
    ChangeKeys = "change-keys", Tenant, [Operator];
    /// To read what was used.
    ReadUsage = "read-usage", Tenant, [Operator, Auditor];
    /// To read the record, its checkpoints, tiles and receipts, and payloads.
    ReadAudit = "read-audit", Tenant, [Auditor];
    /// To read the log's name and keys.
    ReadLogKeys = "read-log-keys", Tenant, [Operator, Auditor];
    /// To have the log signed by a new key.
    RotateLogKey = "rotate-log-key", Tenant, [Operator];
    /// To run a recorded call again.
    Replay = "replay", Tenant, [Auditor];
    /// To erase payloads.
    ErasePayloads = "erase-payloads", Tenant, [Operator];
    /// To list secrets, without their values.
    ReadSecrets = "read-secrets", Tenant, [Operator, Auditor];
    /// To set and remove secrets.
    ChangeSecrets = "change-secrets", Tenant, [Operator];
    /// To let a version run that asks for more than the one before.
    Approve = "approve", Package, [Operator];
    /// To let a call go that waits for approval, or to refuse it; never one of the same key's.
    ApproveCall = "approve-call", Tool, [Operator];
    /// To read which calls wait for approval, and what became of them; an agent, of its own.
    ReadApprovals = "read-approvals", Tenant, [Agent, Operator, Auditor];
    /// To recall a component, and to lift that.
    Recall = "recall", Tenant, [Operator];
    /// To read what sessions of all keys have touched.
    ReadSessions = "read-sessions", Tenant, [Operator, Auditor];
    /// To take the labels of a session away.
    ClearSession = "clear-session", Tenant, [Operator];
    /// To submit a version to the catalogue.
    Submit = "submit", Package, [Publisher];
    /// To decide on submissions to the catalogue; the platform's alone.
    Review = "review", Tenant, [Operator];
    /// To create, list, suspend and resume tenants; the platform's alone.
    ManageTenants = "manage-tenants", Tenant, [Operator];
}
