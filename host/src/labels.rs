//! What a session has touched, as far as rules of flow ask: words for the record and for whoever decides.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::CallId;

/// What can be said of what a call touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// It read what the policy calls private.
    Private,
    /// It read what somebody else may have written.
    Untrusted,
}

impl Label {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Private, Self::Untrusted];

    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Untrusted => "untrusted",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Some of the labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Labels(u8);

impl Labels {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Each of them.
    pub const ALL: Self = Self(1 << Label::Private as u8 | 1 << Label::Untrusted as u8);

    /// These, and `label`.
    #[must_use]
    pub const fn with(self, label: Label) -> Self {
        Self(self.0 | 1 << label as u8)
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `label` is among them.
    pub const fn has(self, label: Label) -> bool {
        self.0 & 1 << label as u8 != 0
    }

    /// Whether all of `other` are.
    pub const fn hold(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each that is among them.
    pub fn each(self) -> impl Iterator<Item = Label> {
        Label::ALL.into_iter().filter(move |label| self.has(*label))
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Self {
        labels.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A label, and what brought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Brought {
    /// By which use, in policy's words: `read bucket "notes"`.
    pub by: String,
    /// By which call.
    pub call: CallId,
    /// The label.
    pub label: Label,
}

impl fmt::Display for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, call, label } = self;
        write!(f, "{label} since call {call} ({by})")
    }
}

/// Each label of those that are brought.
pub fn labels(brought: &[Brought]) -> Labels {
    brought.iter().map(|brought| brought.label).collect()
}
