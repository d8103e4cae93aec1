//! Why a call may not be made, and by which rule.

use semver::Version;

use crate::error::Error;
use crate::id::{Digest, Origin, PackageRef};
use crate::registry::AsksMore;
use crate::{access, policy};

/// A call that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Policy does not give it what it takes.
    Policy(policy::Denied),
    /// Access rules do not let this key make it.
    Access(access::Denied),
    /// Its component was recalled.
    Recalled(Recall),
    /// It asks for more than the version that runs, and no operator has approved that.
    Awaits(Box<Awaiting>),
}

/// A version that does not run before an operator lets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaiting {
    /// The package, as the tenant names it.
    pub package: PackageRef,
    /// The version.
    pub version: Version,
    /// What it asks for beyond the one that runs.
    pub asks: AsksMore,
}

impl Awaiting {
    /// What decides, as entries have it.
    pub fn rule(package: &PackageRef, version: &Version) -> String {
        format!("approval: {package} {version} awaits an operator")
    }
}

impl From<Awaiting> for policy::Denied {
    fn from(awaiting: Awaiting) -> Self {
        let Awaiting { package, version, asks } = awaiting;
        Self {
            reason: format!("{package} {version} {asks}, and no operator has approved that"),
            rule: Awaiting::rule(&package, &version),
            nearest: None,
            remedy: match package.origin {
                Origin::Own => "ask an operator of the tenant to approve it, or call the version that runs".to_owned(),
                Origin::Catalogue => "call the version that runs: the platform's operators approve others".to_owned(),
            },
        }
    }
}

/// A component that is not to run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// The component.
    pub component: Digest,
    /// Whether the platform recalled it, for everyone; else the tenant did, for itself.
    pub by_platform: bool,
    /// Why.
    pub reason: String,
}

impl Recall {
    /// Who recalled it, as entries have it.
    pub const fn by(&self) -> &'static str {
        if self.by_platform { "platform" } else { "tenant" }
    }

    /// What decides, as entries have it.
    pub fn rule(component: &Digest, by: &str) -> String {
        format!("recall of {component} by the {by}")
    }
}

impl From<Recall> for policy::Denied {
    fn from(recall: Recall) -> Self {
        let (by, reason) = (recall.by(), &recall.reason);
        Self {
            reason: format!("the component was recalled by the {by}: {reason}"),
            rule: Recall::rule(&recall.component, by),
            nearest: None,
            remedy: "call another version, or ask for one that is mended".to_owned(),
        }
    }
}

impl Refused {
    /// What decided, rule by rule.
    pub fn rules(&self) -> Vec<String> {
        match self {
            Self::Policy(denied) => vec![denied.rule.clone()],
            Self::Access(denied) => denied.rules.clone(),
            Self::Recalled(_) | Self::Awaits(_) => vec![self.rule()],
        }
    }

    /// What decided, in one text.
    pub fn rule(&self) -> String {
        match self {
            Self::Policy(denied) => denied.rule.clone(),
            Self::Access(denied) => denied.rule(),
            Self::Recalled(recall) => Recall::rule(&recall.component, recall.by()),
            Self::Awaits(awaiting) => Awaiting::rule(&awaiting.package, &awaiting.version),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Policy(denied) => denied.into(),
            Refused::Access(denied) => denied.into(),
            Refused::Recalled(recall) => policy::Denied::from(recall).into(),
            Refused::Awaits(awaiting) => policy::Denied::from(*awaiting).into(),
        }
    }
}
