//! May this package be called, and with what in hand? Pure: parses and decides, reads and writes nothing.
//!
//! What a call holds is `platform ceiling ∩ tenant grant ∩ what the package declares`; each layer only takes away, and
//! this is the only place where a [`Grant`] is made. `docs/policy.md` is made from the tables that the parser reads by.

mod approval;
mod attenuate;
mod budget;
mod cache;
pub mod call;
mod check;
mod decide;
mod diff;
mod explain;
mod flow;
pub mod grant;
pub mod http;
mod keeping;
mod limits;
pub mod model;
mod parse;
mod pattern;
mod plan;
mod problem;
pub mod prompt;
mod reference;
mod risk;
pub mod route;
mod rows;
mod smallest;
#[cfg(test)]
mod tests;
mod trust;
mod weigh;
mod words;

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;

pub use self::approval::{approval, approval_time};
pub use self::attenuate::Holding;
pub use self::budget::{Budget, BudgetStanding, Whose, budgets, concurrent_calls, worst_case};
pub use self::cache::{Caching, caching, caching_time};
pub use self::call::{CallGrant, CallRefusal, CallRule, Passing};
pub use self::check::{Warning, check, check_ceiling, nothing_chosen, unset};
pub use self::decide::{Allowed, Decision, Denied, Layer, Needs, Subject, Withheld, decide};
pub use self::diff::{Effect, EffectKind, Effects, PackageEffects, RouteEffects, diff, diff_offline};
pub use self::explain::{AskedKey, Explanation, Held, InForce, Lost, Use, UseAnswer, explain, lost};
pub use self::flow::{Flow, FlowRefusal, way_out};
pub use self::grant::{Access, Clock, FilesGrant, Grant, GrantKind, Grants, KvGrant, LogLevel, Random, SCRATCH};
pub use self::http::{
    Credential, CredentialPlace, EgressQuotas, HOSTS_FIELDS, HeaderFields, HttpGrant, HttpRule, HttpTarget,
    InvalidRule, Matched, Refusal, Scheme,
};
pub use self::keeping::{Keeping, keeping, retention};
pub use self::limits::{LimitsPatch, stated_anew, stated_more};
pub use self::model::{ModelGrant, ModelRoute};
pub use self::plan::{Plan, Priority, plan, priority};
pub use self::problem::{About, PolicyError, Problem};
pub use self::reference::reference;
pub use self::risk::{Claims, Risk, RiskLevel};
pub use self::smallest::{Smallest, smallest};
pub use self::trust::{PublicKey, Trust};

use self::parse::{CeilingRules, Format, TenantRules, read_ceiling, read_tenant, read_text};
use self::problem::Problems;
use self::rows::File;
use crate::id::{Digest, PackageRef};
use crate::limits::CallLimits;
use crate::routed::Level;

/// A tenant's policy, checked. Cheap to clone.
#[derive(Clone)]
pub struct Policy(Arc<Read<TenantRules>>);

/// The platform's ceiling, checked. Cheap to clone.
#[derive(Clone)]
pub struct Ceiling {
    read: Arc<Read<CeilingRules>>,
    file: File,
}

/// A text and what it says.
struct Read<R> {
    text: String,
    digest: Digest,
    rules: R,
}

impl<R> Read<R> {
    fn new(text: &str, rules: R) -> Arc<Self> {
        Arc::new(Self { text: text.to_owned(), digest: Digest::of(text.as_bytes()), rules })
    }
}

impl Policy {
    /// A policy's text, in bytes.
    pub const TEXT_BYTES_MAX: usize = parse::TEXT_BYTES_MAX;

    /// Reads a policy in TOML. The empty text is a policy: every tool may be called, and none holds anything.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Self::read(text, Format::Toml)
    }

    /// Reads the same in JSON.
    ///
    /// # Errors
    ///
    /// All that is wrong with it; lines are told only where it is no JSON.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        Self::read(text, Format::Json)
    }

    fn read(text: &str, format: Format) -> Result<Self, PolicyError> {
        let mut problems = Problems::default();
        let node = read_text(text, format, &mut problems);
        let rules = node.map(|node| read_tenant(&mut problems, &node)).unwrap_or_default();
        problems.or(rules).map(|rules| Self(Read::new(text, rules)))
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Its text, as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The same, with the routes to models and the prompts of `other` beside its own: for grants that are written apart
    /// from what they name.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let mut rules = self.rules().clone();
        rules.models.extend(other.rules().models.iter().cloned());
        for (name, prompt) in &other.rules().prompts {
            rules.prompts.entry(name.clone()).or_insert_with(|| Arc::clone(prompt));
        }
        Self(Read::new(self.text(), rules))
    }

    /// Whose signatures on the tenant's own packages are known, and whether they need one.
    pub fn trust(&self) -> &Trust {
        &self.rules().trust
    }

    /// What the risk of every call counts as at least.
    pub fn risk_floor(&self) -> Level {
        self.rules().tools.risk_floor
    }

    /// The `[[grant]]`s that name `package`, each by the name that decisions have for it.
    pub fn rows_of(&self, package: &PackageRef) -> Vec<String> {
        let name = |row: &rows::Row<rows::TenantGives>| {
            rows::Source { file: File::Policy, line: row.line, what: row.name(package) }.to_string()
        };
        self.rules().grants.of(package).into_iter().map(name).collect()
    }

    fn rules(&self) -> &TenantRules {
        &self.0.rules
    }
}

impl Default for Policy {
    /// The empty one.
    fn default() -> Self {
        Self(Read::new("", TenantRules::default()))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policy").field(&self.digest()).finish()
    }
}

/// The ceiling where the platform has no file of its own.
const BUILT_IN: &str = r#"[[grant]]
tools = ["*", "catalogue/*"]
kv = true
files = true
http = true
clock = true
random = true
log = true
config = true
call = true
model = true
prompt = true
"#;

impl Ceiling {
    /// Reads the platform's file.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (rules, problems) = Self::read(text);
        let ceiling = problems.or(Self { read: Read::new(text, rules), file: File::Ceiling });
        ceiling.map_err(|error| PolicyError { about: About::Ceiling, ..error })
    }

    /// What holds where the platform has no file: every kind of grant for every package, HTTP to any HTTPS host.
    pub fn builtin() -> Self {
        // A test shows that it reads without a problem.
        let (rules, _) = Self::read(BUILT_IN);
        Self { read: Read::new(BUILT_IN, rules), file: File::BuiltIn }
    }

    fn read(text: &str) -> (CeilingRules, Problems) {
        let mut problems = Problems::default();
        let node = read_text(text, Format::Toml, &mut problems);
        let rules = node.map(|node| read_ceiling(&mut problems, &node)).unwrap_or_default();
        (rules, problems)
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        self.read.digest
    }

    /// Its text, as it was given; of the built-in one, what it would be.
    pub fn text(&self) -> &str {
        &self.read.text
    }

    /// What all buckets of a tenant together may hold, in bytes.
    pub fn buckets_bytes_max(&self) -> u64 {
        self.rules().host.buckets_bytes_max
    }

    /// What all volumes of a tenant together may hold, in bytes.
    pub fn volumes_bytes_max(&self) -> u64 {
        self.rules().host.volumes_bytes_max
    }

    /// What all payloads of a tenant together may hold, in bytes.
    pub fn payloads_bytes_max(&self) -> u64 {
        self.rules().host.payloads_bytes_max
    }

    /// Private and other special addresses that requests may go to all the same.
    pub fn private_addresses(&self) -> &[IpNet] {
        &self.rules().host.private_addresses
    }

    /// Whose signatures are known, and whether the catalogue needs one.
    pub fn trust(&self) -> &Trust {
        &self.rules().host.trust
    }

    /// What the risk of every call of any tenant counts as at least.
    pub fn risk_floor(&self) -> Level {
        self.rules().tools.risk_floor
    }

    /// What a call may use at most.
    pub fn limits(&self) -> CallLimits {
        self.rules().limits.apply_to(&CallLimits::ceiling())
    }

    fn rules(&self) -> &CeilingRules {
        &self.read.rules
    }
}

impl fmt::Debug for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ceiling").field(&self.digest()).finish()
    }
}
