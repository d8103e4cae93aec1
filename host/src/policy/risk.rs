//! What a call can do: facts, from what its component imports and what it is granted. A tool's own claims can only make
//! them worse.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::grant::{Clock, GrantKind, Grants, Random};
use crate::routed::Level;

/// How much a call can bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RiskLevel {
    /// It changes nothing and reaches nothing beyond the host.
    Low,
    /// It changes something, or reaches beyond the host.
    Medium,
    /// Both; or it says itself that it destroys.
    High,
}

impl From<Level> for RiskLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => Self::Low,
            Level::Medium => Self::Medium,
            Level::High => Self::High,
        }
    }
}

impl From<RiskLevel> for Level {
    fn from(level: RiskLevel) -> Self {
        match level {
            RiskLevel::Low => Self::Low,
            RiskLevel::Medium => Self::Medium,
            RiskLevel::High => Self::High,
        }
    }
}

impl RiskLevel {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a tool claims of itself that can make its risk greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// That it destroys or overwrites.
    pub destructive: bool,
}

/// What is derived of the risk of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Risk {
    /// All of it in a word.
    pub level: RiskLevel,
    /// It holds nothing that it could change.
    pub read_only: bool,
    /// It may destroy or overwrite: it holds something that it could change.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond the host.
    pub open_world: bool,
    /// The same arguments give the same answer: it holds nothing whose answers can change.
    pub deterministic: bool,
}

impl Risk {
    /// Of calls of a component that imports `imports` and hold `grants`. What is granted and not imported cannot be used;
    /// what is imported and not granted is refused.
    pub fn of(imports: &BTreeSet<GrantKind>, grants: &Grants, claims: Claims) -> Self {
        let held = |kind: GrantKind| imports.contains(&kind) && grants.holds(kind);
        let open_world =
            held(GrantKind::Http) || held(GrantKind::Model) || held(GrantKind::Call) && grants.reaches_by_calls();
        let changes = imports.iter().any(|kind| grants.can_change(*kind));
        let read_only = !changes && !claims.destructive;
        let deterministic = !GrantKind::ALL.into_iter().any(|kind| held(kind) && varies(kind));
        let level = match (read_only, open_world) {
            _ if claims.destructive => RiskLevel::High,
            (true, false) => RiskLevel::Low,
            (true, true) | (false, false) => RiskLevel::Medium,
            (false, true) => RiskLevel::High,
        };
        Self { level, read_only, destructive: !read_only, idempotent: read_only, open_world, deterministic }
    }
}

/// Whether what a grant answers can differ from call to call under one policy.
const fn varies(kind: GrantKind) -> bool {
    match kind {
        GrantKind::Http
        | GrantKind::Kv
        | GrantKind::Files
        | GrantKind::Clock
        | GrantKind::Random
        | GrantKind::Call
        | GrantKind::Model => true,
        GrantKind::Log | GrantKind::Config | GrantKind::Prompt => false,
    }
}

impl Grants {
    /// Whether there is anything of `kind` beyond what every call has.
    pub fn holds(&self, kind: GrantKind) -> bool {
        match kind {
            GrantKind::Http => self.http.is_some(),
            GrantKind::Kv => !self.kv.is_empty(),
            GrantKind::Files => !self.files.is_empty(),
            GrantKind::Clock => *self.clock != Clock::Frozen,
            GrantKind::Random => *self.random != Random::Seeded,
            GrantKind::Log => self.log.is_some(),
            GrantKind::Config => !self.config.is_empty(),
            GrantKind::Call => self.call.is_some(),
            GrantKind::Model => self.model.as_ref().is_some_and(|grant| !grant.routes.is_empty()),
            GrantKind::Prompt => !self.prompt.is_empty(),
        }
    }
}
