//! What is called: packages, their tools in some version, and routes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{CATALOGUE, DefinitionName, InvalidId, PackageName, RouteName};

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
