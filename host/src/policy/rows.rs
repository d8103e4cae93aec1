//! The resolved form of both files: checked values, each with the line that it stands in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::approval::ApprovalRules;
use super::budget::BudgetRules;
use super::cache::CacheRules;
use super::call::CallRule;
use super::grant::{Access, Clock, GrantKind, LogLevel, Random};
use super::http::{CredentialCap, EgressQuotas, HttpRule};
use super::model::{ModelConditions, Provider};
use super::pattern::{Index, Pattern};
use super::plan::{AdmissionRules, PlanRow};
use super::trust::Trust;
use crate::id::PackageRef;
use crate::routed::Level;

/// A value and its line.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) line: Option<usize>,
    pub(super) value: T,
}

/// Which file a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Policy,
    Ceiling,
    BuiltIn,
}

/// A rule by the name that decisions and the record have for it: `policy line 12: [[grant]] 1 (tools = ["notes"])`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: File,
    pub(super) line: Option<usize>,
    pub(super) what: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            File::BuiltIn => return f.write_str("ceiling: built-in"),
            File::Policy => f.write_str("policy")?,
            File::Ceiling => f.write_str("ceiling")?,
        }
        match self.line {
            Some(line) => write!(f, " line {line}: {}", self.what),
            None => write!(f, ": {}", self.what),
        }
    }
}

/// `[tools]`.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    /// Absent: the default, everything.
    pub(super) allow: Option<Vec<At<Pattern>>>,
    pub(super) allow_line: Option<usize>,
    pub(super) deny: Vec<At<Pattern>>,
    /// What the risk of every call counts as at least.
    pub(super) risk_floor: Level,
    allow_index: Index,
    deny_index: Index,
}

impl Tools {
    pub(super) fn new(allow: Option<Vec<At<Pattern>>>, allow_line: Option<usize>, deny: Vec<At<Pattern>>) -> Self {
        let index = |patterns: &[At<Pattern>]| Index::new(patterns.iter().map(|at| &at.value).enumerate());
        let allow_index = allow.as_deref().map(index).unwrap_or_default();
        let deny_index = index(&deny);
        Self { allow, allow_line, deny, risk_floor: Level::Low, allow_index, deny_index }
    }

    /// The first pattern of `allow` that names `package`.
    pub(super) fn allows(&self, package: &PackageRef) -> Option<&At<Pattern>> {
        self.allow_index.rows(package).first().and_then(|row| self.allow.as_ref()?.get(*row))
    }

    /// The first pattern of `deny` that names `package`.
    pub(super) fn denies(&self, package: &PackageRef) -> Option<&At<Pattern>> {
        self.deny_index.rows(package).first().and_then(|row| self.deny.get(*row))
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self::new(None, None, Vec::new())
    }
}

/// One `[[grant]]`: packages, and what they get.
#[derive(Debug, Clone)]
pub(super) struct Row<G> {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) line: Option<usize>,
    pub(super) tools: Vec<Pattern>,
    pub(super) gives: G,
}

impl<G> Row<G> {
    /// What the row is called when it is about `package`. Of its patterns only the one that matches is told: the others
    /// of a ceiling can name packages of other tenants.
    pub(super) fn name(&self, package: &PackageRef) -> String {
        let matching = self.tools.iter().find(|pattern| pattern.matches(package));
        match matching {
            Some(pattern) if self.tools.len() == 1 => format!("[[grant]] {} (tools = [\"{pattern}\"])", self.number),
            Some(pattern) => format!("[[grant]] {} (tools = [\"{pattern}\", …])", self.number),
            None => format!("[[grant]] {}", self.number),
        }
    }
}

/// All `[[grant]]`s of a file.
#[derive(Debug, Clone)]
pub(super) struct Rows<G> {
    pub(super) all: Vec<Row<G>>,
    index: Index,
}

impl<G> Rows<G> {
    pub(super) fn new(all: Vec<Row<G>>) -> Self {
        let names = |(nth, row): (usize, &Row<G>)| (nth, row.tools.clone());
        let named: Vec<(usize, Vec<Pattern>)> = all.iter().enumerate().map(names).collect();
        let index = Index::new(named.iter().flat_map(|(nth, tools)| tools.iter().map(|pattern| (*nth, pattern))));
        Self { all, index }
    }

    /// Those that name `package`, in the order of the file.
    pub(super) fn of(&self, package: &PackageRef) -> Vec<&Row<G>> {
        self.index.rows(package).into_iter().filter_map(|nth| self.all.get(nth)).collect()
    }
}

impl<G> Default for Rows<G> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// A bucket or a volume, as the tenant grants it.
#[derive(Debug, Clone)]
pub(super) struct Store {
    /// The bucket's or the volume's name.
    pub(super) name: String,
    /// Where a volume is found; empty for a bucket.
    pub(super) mount: String,
    pub(super) quota: Quota,
}

/// What may be done in a bucket or a volume, and what it may grow to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) access: Access,
    pub(super) bytes_max: Option<u64>,
    /// Keys, or files and folders.
    pub(super) items_max: Option<u64>,
}

impl Quota {
    /// Two grants of one file for the same thing: the wider access, the smallest quota that is stated.
    pub(super) fn add(self, other: Self) -> Self {
        Self {
            access: self.access.max(other.access),
            bytes_max: smaller(self.bytes_max, other.bytes_max),
            items_max: smaller(self.items_max, other.items_max),
        }
    }
}

/// The smaller of those that are stated.
fn smaller(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A route that a grant lets calls use.
#[derive(Debug, Clone)]
pub(super) struct ModelUse {
    pub(super) route: String,
    /// Tokens of one call.
    pub(super) tokens_max: Option<u64>,
}

/// `[[model]]`.
#[derive(Debug, Clone)]
pub(super) struct ModelRules {
    pub(super) name: String,
    pub(super) choices: Vec<ModelChoiceRules>,
    pub(super) falls_back: bool,
}

/// One of its choices; whether there is such a model, the platform's file says.
#[derive(Debug, Clone)]
pub(super) struct ModelChoiceRules {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) conditions: ModelConditions,
}

/// What a tenant's `[[grant]]` gives.
#[derive(Debug, Clone, Default)]
pub(super) struct TenantGives {
    pub(super) kv: Vec<At<Store>>,
    pub(super) files: Vec<At<Store>>,
    pub(super) http: Vec<At<HttpRule>>,
    pub(super) clock: Option<At<Clock>>,
    pub(super) random: Option<At<Random>>,
    pub(super) log: Option<At<LogLevel>>,
    pub(super) config: Option<At<BTreeMap<String, String>>>,
    pub(super) call: Vec<At<CallRule>>,
    pub(super) model: Vec<At<ModelUse>>,
    /// Prompts, by name.
    pub(super) prompt: Vec<At<String>>,
}

impl TenantGives {
    /// The line at which it speaks of `kind`, where it does.
    pub(super) fn speaks_of(&self, kind: GrantKind) -> Option<Option<usize>> {
        match kind {
            GrantKind::Http => self.http.first().map(|at| at.line),
            GrantKind::Kv => self.kv.first().map(|at| at.line),
            GrantKind::Files => self.files.first().map(|at| at.line),
            GrantKind::Clock => self.clock.as_ref().map(|at| at.line),
            GrantKind::Random => self.random.as_ref().map(|at| at.line),
            GrantKind::Log => self.log.as_ref().map(|at| at.line),
            GrantKind::Config => self.config.as_ref().map(|at| at.line),
            GrantKind::Call => self.call.first().map(|at| at.line),
            GrantKind::Model => self.model.first().map(|at| at.line),
            GrantKind::Prompt => self.prompt.first().map(|at| at.line),
        }
    }
}

/// What a ceiling's `[[grant]]` lets through.
#[derive(Debug, Clone, Default)]
pub(super) struct CeilingGives {
    pub(super) kv: Option<At<Quota>>,
    pub(super) files: Option<At<Quota>>,
    pub(super) http: Vec<At<HttpRule>>,
    pub(super) clock: Option<At<Clock>>,
    pub(super) random: Option<At<Random>>,
    pub(super) log: Option<At<LogLevel>>,
    pub(super) config: Option<At<()>>,
    pub(super) call: Vec<At<CallRule>>,
    /// Providers, by name; nothing named: all.
    pub(super) model: Option<At<Option<Vec<String>>>>,
    pub(super) prompt: Option<At<()>>,
}

impl CeilingGives {
    /// The line at which it speaks of `kind`, where it does.
    pub(super) fn speaks_of(&self, kind: GrantKind) -> Option<Option<usize>> {
        match kind {
            GrantKind::Http => self.http.first().map(|at| at.line),
            GrantKind::Kv => self.kv.as_ref().map(|at| at.line),
            GrantKind::Files => self.files.as_ref().map(|at| at.line),
            GrantKind::Clock => self.clock.as_ref().map(|at| at.line),
            GrantKind::Random => self.random.as_ref().map(|at| at.line),
            GrantKind::Log => self.log.as_ref().map(|at| at.line),
            GrantKind::Config => self.config.as_ref().map(|at| at.line),
            GrantKind::Call => self.call.first().map(|at| at.line),
            GrantKind::Model => self.model.as_ref().map(|at| at.line),
            GrantKind::Prompt => self.prompt.as_ref().map(|at| at.line),
        }
    }
}

/// `[audit]` of a tenant's file.
#[derive(Debug, Clone, Default)]
pub(super) struct AuditRules {
    /// How long payloads are kept; absent: none are.
    pub(super) payloads: Option<At<Duration>>,
    /// Host answers are kept with them.
    pub(super) record: Option<At<()>>,
}

/// `[egress]` of a tenant's file.
#[derive(Debug, Clone, Default)]
pub(super) struct EgressRules {
    pub(super) quotas: EgressQuotas,
    /// Of each quota, in their order.
    pub(super) lines: [Option<usize>; 4],
}

/// `[audit]` of the platform's.
#[derive(Debug, Clone, Copy)]
pub(super) struct AuditCap {
    /// How long payloads may be kept; absent: as long as a tenant says; nothing of a time: not at all.
    pub(super) payloads: Option<Duration>,
    pub(super) record: bool,
}

impl Default for AuditCap {
    fn default() -> Self {
        Self { payloads: None, record: true }
    }
}

/// `[admission]`, `[audit]`, `[budget]`, `[egress]`, `[[plan]]`, `[storage]` and `[trust]`.
#[derive(Debug, Clone)]
pub(super) struct HostRules {
    pub(super) private_addresses: Vec<IpNet>,
    pub(super) egress: EgressQuotas,
    pub(super) credentials: CredentialCap,
    pub(super) buckets_bytes_max: u64,
    pub(super) volumes_bytes_max: u64,
    pub(super) payloads_bytes_max: u64,
    pub(super) audit: AuditCap,
    pub(super) admission: AdmissionRules,
    pub(super) approval: ApprovalRules,
    pub(super) budget: BudgetRules,
    pub(super) cache: CacheRules,
    pub(super) plans: Vec<PlanRow>,
    pub(super) trust: Trust,
    pub(super) providers: Vec<Arc<Provider>>,
}

impl Default for HostRules {
    fn default() -> Self {
        Self {
            private_addresses: Vec::new(),
            egress: EgressQuotas::default(),
            credentials: CredentialCap::default(),
            buckets_bytes_max: 1 << 30,
            volumes_bytes_max: 10 << 30,
            payloads_bytes_max: 1 << 30,
            audit: AuditCap::default(),
            admission: AdmissionRules::default(),
            approval: ApprovalRules::default(),
            budget: BudgetRules::default(),
            cache: CacheRules::default(),
            plans: Vec::new(),
            trust: Trust::default(),
            providers: Vec::new(),
        }
    }
}
