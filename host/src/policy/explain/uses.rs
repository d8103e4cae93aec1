//! Something that a tool could want to do, and whether a call could.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::write_hints;
use crate::id::PackageRef;
use crate::policy::decide::Denied;
use crate::policy::grant::{Access, GrantKind};
use crate::policy::problem::shown;

/// Something that a tool could want to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Use {
    /// A request.
    Http {
        /// Its method; `GET` where none is given.
        #[serde(default = "get")]
        method: String,
        /// Its URL.
        url: String,
    },
    /// To open a bucket.
    Kv {
        /// The bucket.
        bucket: String,
        /// What to do there; to read where nothing is given.
        #[serde(default = "read_only")]
        access: Access,
    },
    /// To open a file or a folder. Where both are given, the volume has to be at that path.
    Files {
        /// The volume, by its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        volume: Option<String>,
        /// A path as the tool sees it, such as `/work/notes.txt`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// What to do there; to read where nothing is given.
        #[serde(default = "read_only")]
        access: Access,
    },
    /// To see the time.
    Clock {},
    /// Random bytes that cannot be foreseen.
    Random {},
    /// To have log lines kept.
    Log {},
    /// To read settings.
    Config {},
    /// To ask a model.
    Model {
        /// The route.
        route: String,
    },
    /// To use a prompt template.
    Prompt {
        /// Its name.
        name: String,
    },
    /// To call tools of a package.
    Call {
        /// The package, as in `catalogue/text`.
        package: PackageRef,
    },
}

fn get() -> String {
    "GET".to_owned()
}

const fn read_only() -> Access {
    Access::ReadOnly
}

impl Use {
    /// The kind of grant that it takes.
    pub const fn kind(&self) -> GrantKind {
        match self {
            Self::Http { .. } => GrantKind::Http,
            Self::Kv { .. } => GrantKind::Kv,
            Self::Files { .. } => GrantKind::Files,
            Self::Clock {} => GrantKind::Clock,
            Self::Random {} => GrantKind::Random,
            Self::Log {} => GrantKind::Log,
            Self::Config {} => GrantKind::Config,
            Self::Model { .. } => GrantKind::Model,
            Self::Prompt { .. } => GrantKind::Prompt,
            Self::Call { .. } => GrantKind::Call,
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |access| if access == Access::ReadOnly { "read" } else { "write" };
        match self {
            Self::Http { method, url } => write!(f, "{method} {url}"),
            Self::Kv { bucket, access } => write!(f, "{} bucket {}", verb(*access), shown(bucket)),
            Self::Files { volume: Some(volume), path: None, access } => {
                write!(f, "{} volume {}", verb(*access), shown(volume))
            }
            Self::Files { volume: None, path: Some(path), access } => write!(f, "{} {}", verb(*access), shown(path)),
            Self::Files { volume: Some(volume), path: Some(path), access } => {
                write!(f, "{} {} in volume {}", verb(*access), shown(path), shown(volume))
            }
            Self::Files { volume: None, path: None, access } => write!(f, "{} files", verb(*access)),
            Self::Clock {} => f.write_str("see the time"),
            Self::Random {} => f.write_str("have random bytes that cannot be foreseen"),
            Self::Log {} => f.write_str("have log lines kept"),
            Self::Config {} => f.write_str("read settings"),
            Self::Model { route } => write!(f, "ask a model by route {}", shown(route)),
            Self::Prompt { name } => write!(f, "use prompt {}", shown(name)),
            Self::Call { package } => write!(f, "call tools of {package}"),
        }
    }
}

/// Whether a call could do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UseAnswer {
    /// What was asked.
    pub asked: Use,
    /// Whether it could.
    pub allowed: bool,
    /// The rules that decided.
    pub rule: String,
    /// What holds all the same, whatever the rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The rule that came nearest to allowing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// What would allow it: lines for the policy, or whom to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl UseAnswer {
    /// The same where no call would start.
    pub(super) fn deny(&mut self, denied: &Denied) {
        self.allowed = false;
        self.rule = denied.rule.clone();
        self.note = None;
        self.nearest = denied.nearest.clone();
        self.remedy = Some(denied.remedy.clone());
    }
}

impl fmt::Display for UseAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let could = if self.allowed { "it could" } else { "it could not" };
        writeln!(f, "{could} {}\n  by {}", self.asked, self.rule)?;
        if let Some(note) = &self.note {
            writeln!(f, "  but {note}")?;
        }
        write_hints(f, self.nearest.as_deref(), self.remedy.as_deref())
    }
}
