//! Packages as calls see them: versions, what each runs, and what checks its arguments.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use semver::Version;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::id::{DefinitionName, Digest, PackageName, PackageRef, TenantId, VersionRequest};
use crate::policy::{LimitsPatch, Needs, Subject};
use crate::registry::{Admission, Asking, AsksMore, Definition, SchemaCheck};

/// Packages of one owner, by name.
pub type Packages = BTreeMap<PackageName, Arc<Package>>;

/// The tools of a component, by name.
pub type Tools = BTreeMap<DefinitionName, Arc<ToolDefinition>>;

/// A package with all its versions.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: PackageName,
    /// Versions that were promoted, each once, in the order of their last promotion; the last one is what runs.
    pub promoted: Vec<Version>,
    /// The version that the last change rolled back from, where it was that.
    pub rolled_back: Option<Version>,
    /// All that were published.
    pub versions: BTreeMap<Version, Arc<PackageVersion>>,
}

impl Package {
    /// The version that runs where none is asked for; absent before the first promotion.
    pub fn current(&self) -> Option<&Arc<PackageVersion>> {
        self.versions.get(self.promoted.last()?)
    }

    /// What a version asks for beyond the one that runs, where that keeps it from running by itself: an operator has to
    /// approve it first. One that ran before, or was approved, does not wait.
    pub fn awaits_approval(&self, version: &PackageVersion) -> Option<AsksMore> {
        let current = self.current()?;
        if version.approved || self.promoted.contains(&version.version) {
            return None;
        }
        let asks = AsksMore::between(&current.asking(), &version.asking());
        (!asks.is_nothing()).then_some(asks)
    }

    /// The version that a request is for.
    pub fn version(&self, request: Option<&VersionRequest>) -> Option<&Arc<PackageVersion>> {
        match request {
            None => self.current(),
            Some(VersionRequest::Exact(version)) => self.versions.get(version),
            // A version that was rolled back from was promoted and is not any more: it is no longer in the list.
            Some(VersionRequest::Major(major)) => {
                let newest = self.promoted.iter().filter(|version| version.major == *major).max()?;
                self.versions.get(newest)
            }
        }
    }
}

/// A version of a package: immutable but for what its publisher says of it.
#[derive(Debug)]
pub struct PackageVersion {
    /// Whose component it is.
    pub owner: TenantId,
    /// The version.
    pub version: Version,
    /// What it declares that it needs.
    pub needs: Needs,
    /// The limits that it states.
    pub limits: LimitsPatch,
    /// What its publisher says of it, where it is deprecated.
    pub deprecated: Option<String>,
    /// When it was published.
    pub published: SystemTime,
    /// The signed note that it was published with.
    pub signature: Option<String>,
    /// Who signed it, by the key's name and id.
    pub signer: Option<String>,
    /// What the key was called that published it, as far as that was written down.
    pub publisher: Option<String>,
    /// Whether an operator let it run although it asks for more than the one before.
    pub approved: bool,
    /// What was found out about its component, but for its definitions, which are `tools`. All versions of one component of a
    /// tenant's share both.
    pub admission: Arc<Admission>,
    /// Its tools, by name.
    pub tools: Arc<Tools>,
}

impl PackageVersion {
    /// What policy decides about where this is the version of `package`.
    pub fn subject<'a>(&'a self, package: &'a PackageRef) -> Subject<'a> {
        Subject { package, needs: &self.needs, limits: &self.limits }
    }

    /// What it asks for.
    pub fn asking(&self) -> Asking<'_> {
        Asking { inspection: &self.admission.inspection, needs: &self.needs, limits: &self.limits }
    }

    /// The component that it runs.
    pub fn component(&self) -> &Digest {
        &self.admission.digest
    }
}

/// One tool of a version, with what checks its arguments and answers. Checks are compiled at their first use: a host
/// with ten thousand tools that are not called keeps no check for any of them.
#[derive(Debug)]
pub struct ToolDefinition {
    /// What it says of itself.
    pub definition: Definition,
    arguments: OnceLock<Check>,
    answer: OnceLock<Check>,
}

type Check = std::result::Result<Box<SchemaCheck>, String>;

impl ToolDefinition {
    pub(super) fn new(definition: Definition) -> Self {
        Self { definition, arguments: OnceLock::new(), answer: OnceLock::new() }
    }

    /// Whether [`ToolDefinition::arguments`] compiles nothing any more, which may take long.
    pub fn has_arguments(&self) -> bool {
        self.arguments.get().is_some()
    }

    /// The same of [`ToolDefinition::answer`].
    pub fn has_answer(&self) -> bool {
        self.definition.output_schema.is_none() || self.answer.get().is_some()
    }

    /// What checks arguments.
    ///
    /// # Errors
    ///
    /// `internal`: the schema compiled when it was admitted.
    pub fn arguments(&self) -> Result<&SchemaCheck> {
        compiled(&self.arguments, &self.definition.input_schema)
    }

    /// What checks a `json` answer, where the tool states a schema for one.
    ///
    /// # Errors
    ///
    /// `internal`: the schema compiled when it was admitted.
    pub fn answer(&self) -> Result<Option<&SchemaCheck>> {
        self.definition.output_schema.as_ref().map(|schema| compiled(&self.answer, schema)).transpose()
    }
}

fn compiled<'a>(check: &'a OnceLock<Check>, schema: &Value) -> Result<&'a SchemaCheck> {
    check.get_or_init(|| SchemaCheck::of(schema).map(Box::new)).as_deref().map_err(Error::internal)
}
