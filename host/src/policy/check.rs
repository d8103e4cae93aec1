//! What is lawful in a policy and does not do what it looks like: for whoever writes one, before it is in force.

mod calls;
mod cuts;
mod models;
mod routes;
mod rows;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::routes::nothing_chosen;

use super::flow::FlowRules;
use super::grant::GrantKind;
use super::pattern::Pattern;
use super::rows::{At, CeilingGives, Row, Rows, TenantGives, Tools};
use super::{Ceiling, Policy, words};
use crate::id::{Origin, PackageRef, SecretName};
use crate::labels::Label;
use crate::limits::CallLimits;

/// The warnings that are told. Bounds the answer to a hostile file.
const WARNINGS_MAX: usize = 100;

/// Something that is lawful and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// The line, counted from one; absent where the text has no lines, as in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key, such as `limits.fuel` or `grant[2].kv`, rows counted from one.
    pub key: String,
    /// What it does instead, as one clause.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Looks over a tenant's policy as it stands under `ceiling`. At most a hundred warnings, in the order of the lines.
pub fn check(ceiling: &Ceiling, policy: &Policy) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    let rules = policy.rules();
    warnings.limits(&rules.limits, &rules.limit_lines, &ceiling.limits());
    warnings.hidden(&rules.tools);
    warnings.above(&rules.tools, &ceiling.rules().tools);
    let covers = Covers { ceiling, rows: &ceiling.rules().grants };
    for row in &rules.grants.all {
        warnings.idle(row, &rules.tools, &ceiling.rules().tools);
        warnings.row(row, &covers);
        warnings.uncallable(row, &rules.tools);
    }
    warnings.routes(policy, ceiling);
    warnings.egress(&rules.egress, &ceiling.rules().host.egress);
    warnings.flow(&rules.flow);
    warnings.approval(&rules.approval, &ceiling.rules().host.approval);
    warnings.cache(&rules.cache, &ceiling.rules().host.cache);
    warnings.audit(&rules.audit, &ceiling.rules().host.audit);
    models::check(&mut warnings, policy, ceiling);
    let limits = rules.limits.apply_to(&CallLimits::default()).min(&ceiling.limits());
    warnings.admission(&rules.admission, &ceiling.rules().host.admission);
    warnings.budgets(&rules.budget, &ceiling.rules().host.budget, &limits);
    warnings.sorted()
}

/// Rules of a policy that send a secret which is not set; `is_set` knows which are.
pub fn unset(policy: &Policy, is_set: impl Fn(&SecretName) -> bool) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    for row in &policy.rules().grants.all {
        for (nth, at) in row.gives.http.iter().enumerate() {
            let Some(credential) = at.value.credential().filter(|credential| !is_set(&credential.secret)) else {
                continue;
            };
            let message = format!("there is no secret \"{}\": until it is set, nothing is sent", credential.secret);
            warnings.add(at.line, format!("grant[{}].http[{}].credential", row.number, nth + 1), message);
        }
    }
    warnings.sorted()
}

/// Looks over the platform's ceiling.
pub fn check_ceiling(ceiling: &Ceiling) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    let rules = ceiling.rules();
    warnings.hidden(&rules.tools);
    if rules.grants.all.is_empty() {
        warnings.add(None, "grant", "there is no [[grant]], so no tool of any tenant can hold anything".to_owned());
    }
    for row in &rules.grants.all {
        let gives = GrantKind::ALL.iter().any(|kind| row.gives.speaks_of(*kind).is_some());
        if row.tools.is_empty() || !gives {
            warnings.add(row.line, format!("grant[{}]", row.number), "it lets nothing through".to_owned());
        }
    }
    warnings.sorted()
}

/// The ceiling's rows, by what a tenant's pattern names.
struct Covers<'a> {
    ceiling: &'a Ceiling,
    rows: &'a Rows<CeilingGives>,
}

impl<'a> Covers<'a> {
    /// The rows that name a package which `pattern` names too.
    fn rows(&self, pattern: &Pattern) -> Vec<&'a Row<CeilingGives>> {
        match pattern {
            Pattern::One(package) => self.rows.of(package),
            Pattern::Every(origin) => {
                let names = |row: &&Row<CeilingGives>| row.tools.iter().any(|tool| tool.origin() == *origin);
                self.rows.all.iter().filter(names).collect()
            }
        }
    }
}

#[derive(Default)]
struct Warnings(Vec<Pending>);

/// A warning, and the patterns of a row that it is about; the same for several of them is told once.
#[derive(PartialEq, Eq)]
struct Pending {
    line: Option<usize>,
    key: String,
    message: String,
    patterns: Vec<String>,
}

impl Warnings {
    fn add(&mut self, line: Option<usize>, key: impl fmt::Display, message: String) {
        self.push(Pending { line, key: key.to_string(), message, patterns: Vec::new() });
    }

    fn add_for(&mut self, pattern: &Pattern, line: Option<usize>, key: impl fmt::Display, message: String) {
        let (key, pattern) = (key.to_string(), format!("\"{pattern}\""));
        let same = |known: &&mut Pending| known.line == line && known.key == key && known.message == message;
        match self.0.iter_mut().find(same) {
            Some(known) => known.patterns.push(pattern),
            None => self.push(Pending { line, key, message, patterns: vec![pattern] }),
        }
    }

    fn push(&mut self, pending: Pending) {
        if !self.is_full() && !self.0.contains(&pending) {
            self.0.push(pending);
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() == WARNINGS_MAX
    }

    fn sorted(mut self) -> Vec<Warning> {
        self.0.sort_by_key(|pending| pending.line);
        let told = |Pending { line, key, message, patterns }| {
            let message = if patterns.is_empty() { message } else { format!("{message} {}", words::list(patterns)) };
            Warning { line, key, message }
        };
        self.0.into_iter().map(told).collect()
    }

    /// Rules of flow that no session ever meets, and labels that nothing asks for.
    fn flow(&mut self, flow: &FlowRules) {
        let labels = &flow.labels;
        if flow.rows.is_empty() && labels.bring_any() {
            self.add(labels.line, "labels", "no [[flow]] asks for a label, so none is kept".to_owned());
        }
        for row in flow.rows.iter().filter(|row| row.when.has(Label::Private) && !labels.bring_private()) {
            let message = "[labels] calls nothing private, so no session ever meets this".to_owned();
            self.add(row.line, format!("flow[{}].when", row.number), message);
        }
    }

    /// Patterns of `allow` that `deny` hides.
    fn hidden(&mut self, tools: &Tools) {
        for at in tools.allow.iter().flatten() {
            if let Some(denies) = hides(tools, &at.value) {
                let by = denies.line.map(|line| format!(" (line {line})")).unwrap_or_default();
                let message = format!("\"{}\" is hidden by \"{}\" in deny{by}", at.value, denies.value);
                self.add(at.line, "tools.allow", message);
            }
        }
    }

    /// Packages that are allowed by name and not by the ceiling.
    fn above(&mut self, tools: &Tools, ceiling: &Tools) {
        for at in tools.allow.iter().flatten() {
            if let Pattern::One(package) = &at.value
                && !lets(ceiling, package)
            {
                self.add(at.line, "tools.allow", format!("the ceiling does not let {package} be called"));
            }
        }
    }

    /// A grant to a package that cannot be called.
    fn idle(&mut self, row: &Row<TenantGives>, tools: &Tools, ceiling: &Tools) {
        let key = format!("grant[{}].tools", row.number);
        for pattern in &row.tools {
            let called = match pattern {
                Pattern::One(package) => lets(tools, package) && lets(ceiling, package),
                Pattern::Every(_) => hides(tools, pattern).is_none() && hides(ceiling, pattern).is_none(),
            };
            if !called {
                self.add_for(pattern, row.line, &key, "by [tools], nothing can be called that is named by".to_owned());
            }
        }
    }
}

/// A word as the policy writes it.
fn word(value: impl Serialize) -> String {
    serde_json::to_string(&value).unwrap_or_default()
}

/// Whether `tools` let `package` be called.
fn lets(tools: &Tools, package: &PackageRef) -> bool {
    tools.denies(package).is_none() && (tools.allow.is_none() || tools.allows(package).is_some())
}

/// The pattern of `deny` that covers all that `pattern` names.
fn hides<'a>(tools: &'a Tools, pattern: &Pattern) -> Option<&'a At<Pattern>> {
    let every = |origin: Origin| tools.deny.iter().find(move |at| at.value == Pattern::Every(origin));
    match pattern {
        Pattern::One(package) => tools.denies(package),
        Pattern::Every(origin) => every(*origin),
    }
}
