//! Identifiers: each is a type of its own, parsed once at the door and never a bare string inside.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

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

/// Implements what every textual identifier has: display, parse, and serde by its text.
macro_rules! textual {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

mod session;
pub use self::session::SessionId;

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

/// The sha256 digest of a component's bytes (and of a policy's text), written `sha256:` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere, as the bytes arrived.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits, without the prefix: for file names.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("digest", text, "\"sha256:\" and 64 lower-case hex digits");
        let digits = text.strip_prefix("sha256:").ok_or_else(invalid)?;
        unhex(digits).map(Self).ok_or_else(invalid)
    }
}

textual!(Digest);

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

/// Lower-case hex of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

/// The 32 bytes that 64 lower-case hex digits stand for.
pub(crate) fn unhex(digits: &str) -> Option<[u8; 32]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
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

/// Where a package lives: in the platform's catalogue, or with the tenant that is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Vetted and published by the platform team, written `catalogue/name`.
    Catalogue,
    /// The tenant's own, written `name`.
    Own,
}

/// A package as a tenant names it: `catalogue/text`, or `notes` for one of its own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageRef {
    /// Whose it is.
    pub origin: Origin,
    /// Its name there.
    pub name: PackageName,
}

impl fmt::Display for PackageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Catalogue => write!(f, "{CATALOGUE}/{}", self.name),
            Origin::Own => write!(f, "{}", self.name),
        }
    }
}

impl FromStr for PackageRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (origin, name) = match text.split_once('/') {
            Some((CATALOGUE, name)) => (Origin::Catalogue, name),
            Some(_) => return Err(InvalidId::new("package", text, "\"catalogue/name\", or \"name\" for your own")),
            None => (Origin::Own, text),
        };
        Ok(Self { origin, name: name.parse()? })
    }
}

textual!(PackageRef);

/// A tool: one definition of a package. Written `catalogue/text.count`; a definition that bears its package's own name
/// is written as the package alone (`catalogue/http-fetch`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolName {
    /// The package that defines it.
    pub package: PackageRef,
    /// Its name within that package.
    pub definition: DefinitionName,
}

impl ToolName {
    /// The tool `definition` of `package`.
    pub fn new(package: PackageRef, definition: DefinitionName) -> Self {
        Self { package, definition }
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.definition.as_str() == self.package.name.as_str() {
            write!(f, "{}", self.package)
        } else {
            write!(f, "{}.{}", self.package, self.definition)
        }
    }
}

impl FromStr for ToolName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (package, definition) = match text.split_once('.') {
            Some((package, definition)) => (package.parse::<PackageRef>()?, definition.parse()?),
            None => {
                let package = text.parse::<PackageRef>()?;
                let definition = package.name.as_str().parse()?;
                (package, definition)
            }
        };
        Ok(Self { package, definition })
    }
}

textual!(ToolName);

/// A tool as a caller asks for it: a name, and optionally the version to hold to (`notes.add@1.2.0`, or `@1` for the
/// newest promoted version that is compatible with 1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ToolRequest {
    /// The tool.
    pub name: ToolName,
    /// The versions that will do; absent: the promoted one.
    pub version: Option<VersionRequest>,
}

/// Which versions will do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum VersionRequest {
    /// This one and no other.
    Exact(semver::Version),
    /// Anything compatible with this major version.
    Major(u64),
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(version) => write!(f, "{version}"),
            Self::Major(major) => write!(f, "{major}"),
        }
    }
}

impl FromStr for VersionRequest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.parse::<u64>() {
            Ok(major) => Ok(Self::Major(major)),
            Err(_) => semver::Version::parse(text)
                .map(Self::Exact)
                .map_err(|_| InvalidId::new("version", text, "a version such as 1.4.0, or a major version such as 1")),
        }
    }
}

impl fmt::Display for ToolRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl FromStr for ToolRequest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Ok(match text.split_once('@') {
            Some((name, version)) => Self { name: name.parse()?, version: Some(version.parse()?) },
            None => Self { name: text.parse()?, version: None },
        })
    }
}

textual!(ToolRequest);
textual!(VersionRequest);

/// What routes are called by: `routes/summarise`. No package can be named so, since only the catalogue's have a slash.
const ROUTES: &str = "routes";

/// What a call is of: a tool, or a route that chooses one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum CallTarget {
    /// This tool.
    Tool(ToolRequest),
    /// One of the tools that the route of this name chooses from.
    Route(RouteName),
}

impl CallTarget {
    /// The tool's name, where it is one.
    pub fn tool(&self) -> Option<&ToolName> {
        match self {
            Self::Tool(tool) => Some(&tool.name),
            Self::Route(_) => None,
        }
    }
}

impl fmt::Display for CallTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(tool) => tool.fmt(f),
            Self::Route(name) => write!(f, "{ROUTES}/{name}"),
        }
    }
}

impl FromStr for CallTarget {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.strip_prefix(ROUTES).and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => name.parse().map(Self::Route),
            None => text.parse().map(Self::Tool),
        }
    }
}

impl From<ToolRequest> for CallTarget {
    fn from(tool: ToolRequest) -> Self {
        Self::Tool(tool)
    }
}

impl From<ToolName> for CallTarget {
    fn from(name: ToolName) -> Self {
        Self::Tool(ToolRequest { name, version: None })
    }
}

textual!(CallTarget);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_names_read_back_as_written() {
        for text in ["notes.add", "catalogue/text.count", "catalogue/http-fetch", "calculate"] {
            assert_eq!(text.parse::<ToolName>().unwrap().to_string(), text);
        }
        // The long spelling of a package's own definition is the same tool.
        assert_eq!("notes.notes".parse::<ToolName>().unwrap(), "notes".parse().unwrap());
        assert_eq!("notes.add@1".parse::<ToolRequest>().unwrap().to_string(), "notes.add@1");
        assert_eq!("notes@1.2.0".parse::<ToolRequest>().unwrap().to_string(), "notes@1.2.0");
    }

    #[test]
    fn a_route_is_told_from_a_tool_by_its_name() {
        for (text, is_route) in [("routes/summarise", true), ("routes", false), ("notes.add@1", false)] {
            let target: CallTarget = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), matches!(target, CallTarget::Route(_))), (text, is_route));
        }
        for text in ["routes/", "routes/a@1", "routes/a.b", "routes/a/b", "routes//a", "Routes/a", "catalogue/routes/a"]
        {
            assert!(text.parse::<CallTarget>().is_err(), "{text:?}");
        }
    }

    /// Refused; what was given does not come back whole.
    #[test]
    fn hostile_names_are_refused_and_the_error_stays_short() {
        for text in ["", "a/b", "../x", "catalogue/", "A", "a..b", "a.b.c", "a@", "a@1.x", "a\u{0}", "a--b", "-a", "a-"]
        {
            assert!(text.parse::<ToolRequest>().is_err(), "{text:?}");
        }
        let error = "x".repeat(1 << 20).parse::<TenantId>().unwrap_err().to_string();
        assert!(error.len() < 300, "{}", error.len());
    }

    #[test]
    fn digests_have_one_spelling() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!(CallId::new().to_string().to_uppercase().parse::<CallId>().is_err());
    }
}
