//! Grants: what a call holds. Only [`crate::policy`] can make one, so whoever has one has been through a decision.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::model::ModelGrant;
use super::prompt::Template;
use crate::uses::CapabilityUse;
pub use crate::uses::{Clock, LogLevel};

/// A kind of grant, named as in the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// Requests to the network.
    Http,
    /// Buckets.
    Kv,
    /// Volumes.
    Files,
    /// A clock that moves.
    Clock,
    /// Random bytes that cannot be foreseen.
    Random,
    /// Log lines that are kept.
    Log,
    /// Settings.
    Config,
    /// Calls of other tools.
    Call,
    /// Models.
    Model,
    /// Prompt templates.
    Prompt,
}

impl GrantKind {
    /// Every kind, in the order of the reference page.
    pub const ALL: [Self; 10] = [
        Self::Http,
        Self::Kv,
        Self::Files,
        Self::Clock,
        Self::Random,
        Self::Log,
        Self::Config,
        Self::Call,
        Self::Model,
        Self::Prompt,
    ];

    /// The kind that a use takes.
    pub const fn of(used: &CapabilityUse) -> Self {
        match used {
            CapabilityUse::Http { .. } | CapabilityUse::Secret { .. } => Self::Http,
            CapabilityUse::Kv { .. } => Self::Kv,
            CapabilityUse::Files { .. } => Self::Files,
            CapabilityUse::Clock { .. } => Self::Clock,
            CapabilityUse::Random {} => Self::Random,
            CapabilityUse::Log { .. } => Self::Log,
            CapabilityUse::Config { .. } => Self::Config,
            CapabilityUse::Call { .. } => Self::Call,
            CapabilityUse::Model { .. } => Self::Model,
            CapabilityUse::Prompt { .. } => Self::Prompt,
        }
    }

    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Kv => "kv",
            Self::Files => "files",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Log => "log",
            Self::Config => "config",
            Self::Call => "call",
            Self::Model => "model",
            Self::Prompt => "prompt",
        }
    }
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Proof that policy gave `T` to this call. There is no way to make one outside of `policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Grant<T>(T);

impl<T> Grant<T> {
    /// The only constructor; private to `policy`.
    pub(super) fn new(given: T) -> Self {
        Self(given)
    }

    /// A grant without a decision, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn for_test(given: T) -> Self {
        Self(given)
    }
}

impl<T> Deref for Grant<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Whether what is granted may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Only looked at.
    ReadOnly,
    /// Looked at and changed.
    ReadWrite,
    /// Of files: a folder of the call's own, empty at its start and gone after it.
    Scratch,
}

/// What stands for the volume where there is none: no volume can be called so.
pub const SCRATCH: &str = "(scratch)";

impl Access {
    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read-write",
            Self::Scratch => "scratch",
        }
    }

    /// What is left of it under a ceiling's: what is the call's own is not the ceiling's to keep from change.
    pub(super) fn under(self, cap: Self) -> Self {
        if self == Self::Scratch { self } else { self.min(cap) }
    }
}

/// A bucket of the tenant's key-value store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KvGrant {
    /// The bucket, by the name that the guest opens; it lives in the tenant's own name space.
    pub bucket: String,
    /// Read, or read and write.
    pub access: Access,
    /// Keys and values of the bucket together, in bytes; writing past it is refused.
    pub bytes_max: u64,
    /// Keys in the bucket.
    pub keys_max: u64,
}

/// A volume of the tenant's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilesGrant {
    /// The volume; it lives in the tenant's own name space. [`SCRATCH`] for a folder of the call's own.
    pub volume: String,
    /// Where the guest finds it, an absolute path.
    pub mount: String,
    /// Read, or read and write.
    pub access: Access,
    /// Contents of the volume together, in bytes.
    pub bytes_max: u64,
    /// Files and folders in the volume.
    pub files_max: u64,
}

/// Where the guest's random bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Random {
    /// From the call's id: the same call gives the same bytes.
    Seeded,
    /// From the operating system.
    Secure,
}

/// Everything that one call holds. An empty one (`Grants::none`) gives a pure function: frozen clock, seeded random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grants {
    /// Buckets, by name.
    pub kv: Vec<Grant<KvGrant>>,
    /// Volumes, by mount.
    pub files: Vec<Grant<FilesGrant>>,
    /// Where requests may go; see [`super::http::HttpGrant::decide`].
    pub http: Option<Grant<super::http::HttpGrant>>,
    /// What the clocks show.
    pub clock: Grant<Clock>,
    /// Where random bytes come from.
    pub random: Grant<Random>,
    /// The least severe level that is kept; absent: nothing that the guest logs is kept.
    pub log: Option<Grant<LogLevel>>,
    /// What `wasi:config` answers.
    pub config: Grant<Arc<BTreeMap<String, String>>>,
    /// Which tools it may call; see [`super::call::CallGrant::decide`].
    pub call: Option<Grant<super::call::CallGrant>>,
    /// Routes to models; see [`super::model::choose`].
    pub model: Option<Grant<Arc<ModelGrant>>>,
    /// What `cofferdam:tool/prompt` renders.
    pub prompt: Grant<Arc<BTreeMap<String, Arc<Template>>>>,
}

impl Grants {
    /// Whether a call could change something outside of itself through `kind`.
    pub fn can_change(&self, kind: GrantKind) -> bool {
        match kind {
            GrantKind::Http => self.http.as_ref().is_some_and(|http| !http.only_asks()),
            GrantKind::Kv => self.kv.iter().any(|bucket| bucket.access == Access::ReadWrite),
            GrantKind::Files => self.files.iter().any(|volume| volume.access == Access::ReadWrite),
            // What it calls holds no more than it does, unless policy says otherwise.
            GrantKind::Call => self.call.as_ref().is_some_and(|call| {
                call.passes_own()
                    || [GrantKind::Http, GrantKind::Kv, GrantKind::Files]
                        .map(|kind| self.can_change(kind))
                        .contains(&true)
            }),
            GrantKind::Clock
            | GrantKind::Random
            | GrantKind::Log
            | GrantKind::Config
            | GrantKind::Model
            | GrantKind::Prompt => false,
        }
    }

    /// Whether a call could reach beyond the host through what it calls.
    pub(super) fn reaches_by_calls(&self) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| call.passes_own() || self.holds(GrantKind::Http) || self.holds(GrantKind::Model))
    }

    /// The same without these kinds, as where nothing of them is granted.
    #[must_use]
    pub fn without(&self, kinds: &BTreeSet<GrantKind>) -> Self {
        let (own, none) = (self.clone(), Self::none());
        let has = |kind| !kinds.contains(&kind);
        Self {
            kv: if has(GrantKind::Kv) { own.kv } else { none.kv },
            files: if has(GrantKind::Files) { own.files } else { none.files },
            http: own.http.filter(|_| has(GrantKind::Http)),
            clock: if has(GrantKind::Clock) { own.clock } else { none.clock },
            random: if has(GrantKind::Random) { own.random } else { none.random },
            log: own.log.filter(|_| has(GrantKind::Log)),
            config: if has(GrantKind::Config) { own.config } else { none.config },
            call: own.call.filter(|_| has(GrantKind::Call)),
            model: own.model.filter(|_| has(GrantKind::Model)),
            prompt: if has(GrantKind::Prompt) { own.prompt } else { none.prompt },
        }
    }

    /// What a call without any grant holds, and what `describe` runs with.
    pub fn none() -> Self {
        Self {
            kv: Vec::new(),
            files: Vec::new(),
            http: None,
            clock: Grant::new(Clock::Frozen),
            random: Grant::new(Random::Seeded),
            log: None,
            config: Grant::new(Arc::default()),
            call: None,
            model: None,
            prompt: Grant::new(Arc::default()),
        }
    }
}
