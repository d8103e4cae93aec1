//! Identifiers: each is a type of its own, parsed once at the door and never a bare string inside.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A text that is not an identifier of the kind asked for. The message names the kind, the rule and what was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not valid: {rule}")]
pub struct InvalidId {
    what: &'static str,
    given: String,
    rule: &'static str,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, given: &str, rule: &'static str) -> Self {
        // What a caller sends comes back in an error text: bounded, so that an error is never a megabyte.
        let given = given.chars().take(80).collect();
        Self { what, given, rule }
    }
}

/// Lower-case words joined by single hyphens: what a tenant, a package and a definition are named by.
fn is_slug(text: &str, length_max: usize) -> bool {
    let bytes = text.as_bytes();
    (1..=length_max).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && !text.contains("--")
}

/// Implements serde by the text, for a type that is displayed and parsed.
macro_rules! serde_by_text {
    ($($name:ident),+) => {$(
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    )+};
}

pub(crate) use serde_by_text;

/// Implements what every textual identifier has beside display and parse: debug and serde by its text.
macro_rules! textual {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        serde_by_text!($name);
    };
}

// Behind the macro, which they use.
mod digest;
mod session;
mod tool;

pub use self::digest::Digest;
pub(crate) use self::digest::{hex, unhex};
pub use self::session::SessionId;
pub use self::tool::{CallTarget, Origin, PackageRef, ToolName, ToolRequest, VersionRequest};

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                const RULE: &str = concat!(
                    "1 to ", stringify!($max),
                    " lower-case letters, digits and single hyphens, beginning with a letter"
                );
                if is_slug(text, $max) { Ok(Self(text.into())) } else { Err(InvalidId::new($what, text, RULE)) }
            }
        }

        textual!($name);
    };
}

slug!(
    /// A tenant, by its short name. Two names are the host's own and never a customer's: see [`TenantId::platform`]
    /// and [`CATALOGUE`].
    TenantId, "tenant", 40
);
slug!(
    /// A package: what is published under a name, in immutable versions.
    PackageName, "package name", 64
);
slug!(
    /// A route: a name that stands for several tools, one of which takes a call.
    RouteName, "route", 64
);
slug!(
    /// A definition: one tool among those that a component describes.
    DefinitionName, "tool name", 64
);

/// A secret of a tenant's. It is shown in the record and in errors: its name says nothing of its value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(Arc<str>);

impl SecretName {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const RULE: &str = "1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit";
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good = (1..=64).contains(&text.len())
            && text.as_bytes().first().is_some_and(plain)
            && text.as_bytes().iter().all(|byte| plain(byte) || matches!(byte, b'-' | b'_'));
        if good { Ok(Self(text.into())) } else { Err(InvalidId::new("secret name", text, RULE)) }
    }
}

textual!(SecretName);

/// The origin of vetted tools. No tenant can be named so.
pub const CATALOGUE: &str = "catalogue";

impl TenantId {
    /// The tenant that the platform team's own principals belong to.
    pub fn platform() -> Self {
        Self("platform".into())
    }

    /// Whether this is the platform's own tenant.
    pub fn is_platform(&self) -> bool {
        &*self.0 == "platform"
    }

    /// Whether a customer may be given this name: the host's own words are kept back, so that no tenant can pass for
    /// the platform or for the catalogue.
    pub fn is_reserved(&self) -> bool {
        matches!(&*self.0, "platform" | CATALOGUE | "cofferdam" | "own")
    }
}

/// What the name of a bucket or a volume can be. It can become a folder's.
pub(crate) const STORE_NAME_RULE: &str =
    "1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit";

/// Whether a bucket or a volume can be called so.
pub(crate) fn is_store_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'_'))
}

macro_rules! uuid {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new one: UUID version 7, so that ids sort by the time they were made.
            pub fn new() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            /// The 16 bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The UUID.
            pub const fn uuid(&self) -> uuid::Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.as_hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = || InvalidId::new($what, text, "a UUID such as 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77");
                // One spelling only: an id that is looked up by text has one text.
                let id = uuid::Uuid::parse_str(text).map_err(|_| invalid())?;
                if id.as_hyphenated().to_string() == text { Ok(Self(id)) } else { Err(invalid()) }
            }
        }

        textual!($name);
    };
}

uuid!(
    /// One call.
    CallId, "call id"
);
impl CallId {
    /// When the call was made, to the millisecond: its id says so.
    pub fn made(&self) -> SystemTime {
        let milliseconds = self.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
        SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
    }
}

uuid!(
    /// One principal: a credential within a tenant.
    PrincipalId, "principal id"
);
uuid!(
    /// One submission of a version to the catalogue.
    SubmissionId, "submission id"
);
uuid!(
    /// One approval: a call that waits for somebody's word.
    ApprovalId, "approval id"
);
uuid!(
    /// One decision that refused something, as the answer and the record name it.
    DecisionId, "decision id"
);
uuid!(
    /// One administrative change, from its request to its entry in the log.
    ChangeId, "change id"
);

#[cfg(test)]
mod tests;
