//! What is lawful in a policy and does not do what it looks like: for whoever writes one, before it is in force.

mod calls;
mod models;
mod routes;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::routes::nothing_chosen;

use super::approval::ApprovalRules;
use super::budget::{BudgetRules, Stated};
use super::cache::{BYTES_CAP_DEFAULT, CacheRules};
use super::flow::FlowRules;
use super::grant::GrantKind;
use super::http::{CredentialCap, EgressQuotas};
use super::limits::{LIMITS, LimitsPatch};
use super::parse::{LimitLines, duration_words, size_words};
use super::pattern::Pattern;
use super::plan::AdmissionRules;
use super::rows::{At, AuditCap, AuditRules, CeilingGives, EgressRules, Quota, Row, Rows, Store, TenantGives, Tools};
use super::{Ceiling, Policy, words};
use crate::amounts::{Amount, BUDGETS, Bound};
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

    /// Limits that the ceiling cuts.
    fn limits(&mut self, stated: &LimitsPatch, lines: &LimitLines, ceiling: &CallLimits) {
        for (nth, limit) in LIMITS.iter().enumerate() {
            let (Some(value), most) = (stated.0.get(&nth).copied(), (limit.get)(ceiling)) else { continue };
            if value > most {
                let message = format!("{} is cut to the ceiling's {}", limit.words(value), limit.words(most));
                self.add(lines.get(&nth).copied().flatten(), format!("limits.{}", limit.name), message);
            }
        }
    }

    /// Quotas that the ceiling cuts.
    fn egress(&mut self, stated: &EgressRules, cap: &EgressQuotas) {
        for (((key, stated), (_, cap)), line) in stated.quotas.by_key().into_iter().zip(cap.by_key()).zip(stated.lines)
        {
            if let (Some(stated), Some(most)) = (stated, cap)
                && stated > most
            {
                let message = format!("{} is cut to the ceiling's {}", words::count(stated), words::count(most));
                self.add(line, format!("egress.{key}"), message);
            }
        }
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

    /// What nothing waits by, and times that the ceiling cuts.
    fn approval(&mut self, asked: &ApprovalRules, cap: &ApprovalRules) {
        let words = |time: Duration| duration_words(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        if !asked.except.is_empty() && asked.from_risk.is_none() {
            self.add(asked.line, "approval.except", "without from_risk no call waits for its risk".to_owned());
        }
        if let (Some(at), Some(most)) = (&asked.time, &cap.time)
            && at.value > most.value
        {
            let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most.value));
            self.add(at.line, "approval.time", message);
        }
    }

    /// What the ceiling cuts of the answers that are kept.
    fn cache(&mut self, asked: &CacheRules, cap: &CacheRules) {
        let words = |time: Duration| duration_words(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let none = asked.tools.is_empty();
        if let Some(line) =
            asked.time.as_ref().map(|at| at.line).or(asked.bytes_max.as_ref().map(|at| at.line)).filter(|_| none)
        {
            self.add(line, "cache", "it names no tools, so no answer is kept".to_owned());
        }
        if let (Some(at), Some(most)) = (&asked.time, &cap.time)
            && at.value > most.value
        {
            let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most.value));
            self.add(at.line, "cache.time", message);
        }
        let most = cap.bytes_max.as_ref().map_or(BYTES_CAP_DEFAULT, |most| most.value);
        if let Some(at) = asked.bytes_max.as_ref().filter(|at| at.value > most) {
            let message = format!("{} is cut to the ceiling's {}", size_words(at.value), size_words(most));
            self.add(at.line, "cache.bytes_max", message);
        }
    }

    /// Priorities that the ceiling cuts.
    fn admission(&mut self, stated: &AdmissionRules, cap: &AdmissionRules) {
        if let (Some(at), Some(most)) = (&stated.priority_max, &cap.priority_max)
            && at.value > most.value
        {
            self.add(at.line, "admission.priority_max", format!("it is cut to the ceiling's {}", word(most.value)));
        }
    }

    /// Budgets that the ceiling cuts, that no call fits into, and rows that say nothing.
    fn budgets(&mut self, stated: &BudgetRules, cap: &BudgetRules, limits: &CallLimits) {
        for (nth, at) in &stated.all {
            let Some(key) = BUDGETS.get(*nth) else { continue };
            let words = |value| key.bound.unit().words(value);
            if let Some(most) = cap.all.get(nth).map(|most| most.value).filter(|most| at.value > *most) {
                let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most));
                self.add(at.line, format!("budget.{}", key.name), message);
            }
        }
        if let (Some(at), Some(most)) = (&stated.concurrent_calls, &cap.concurrent_calls)
            && at.value > most.value
        {
            let message = format!("{} is cut to the ceiling's {}", words::count(at.value), words::count(most.value));
            self.add(at.line, "budget.concurrent_calls", message);
        }
        self.too_small("budget", &stated.all, limits);
        for row in &stated.rows {
            let key = format!("budget.for[{}]", row.number);
            let names_nobody =
                row.principals.as_ref().is_some_and(Vec::is_empty) || row.tools.as_ref().is_some_and(Vec::is_empty);
            if row.stated.is_empty() || names_nobody {
                self.add(row.line, &key, "it bounds nothing".to_owned());
            }
            self.too_small(&key, &row.stated, limits);
        }
    }

    /// Budgets that are less than one call reserves.
    fn too_small(&mut self, key: &str, stated: &Stated, limits: &CallLimits) {
        for (nth, at) in stated {
            let Some(budget) = BUDGETS.get(*nth) else { continue };
            let needed = match budget.bound {
                Bound::Per(Amount::Fuel, _) => limits.fuel,
                Bound::Per(Amount::Calls, _) | Bound::CallsPerSecond => 1,
                Bound::Per(..) => continue,
            };
            if at.value < needed {
                let needed = budget.bound.unit().words(needed);
                let message = format!("no call is let in: each reserves {needed}, as its limits say");
                self.add(at.line, format!("{key}.{}", budget.name), message);
            }
        }
    }

    /// What is not kept, or not for so long.
    fn audit(&mut self, asked: &AuditRules, cap: &AuditCap) {
        let words = |time: Duration| duration_words(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        match (&asked.payloads, cap.payloads) {
            (Some(at), Some(Duration::ZERO)) => {
                self.add(at.line, "audit.payloads", "the ceiling lets no payloads be kept".to_owned());
            }
            (Some(at), Some(most)) if at.value > most => {
                let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most));
                self.add(at.line, "audit.payloads", message);
            }
            _ => {}
        }
        if let Some(at) = asked.record.as_ref().filter(|_| !cap.record) {
            self.add(at.line, "audit.record", "the ceiling lets no host answers be kept".to_owned());
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

    /// What of a grant the ceiling takes away.
    fn row(&mut self, row: &Row<TenantGives>, covers: &Covers<'_>) {
        let gives = GrantKind::ALL.iter().any(|kind| row.gives.speaks_of(*kind).is_some());
        if row.tools.is_empty() || !gives {
            self.add(row.line, format!("grant[{}]", row.number), "it gives nothing".to_owned());
        }
        for pattern in &row.tools {
            if self.is_full() {
                return;
            }
            let ceiling_rows = covers.rows(pattern);
            for kind in GrantKind::ALL {
                let Some(line) = row.gives.speaks_of(kind) else { continue };
                if !ceiling_rows.iter().any(|row| row.gives.speaks_of(kind).is_some()) {
                    let key = format!("grant[{}].{kind}", row.number);
                    self.add_for(pattern, line, key, format!("the ceiling gives no {kind} to"));
                }
            }
            self.rules(row, &ceiling_rows, pattern, covers.ceiling.rules().host.credentials);
            let storage = &covers.ceiling.rules().host;
            let cap = |of: fn(&CeilingGives) -> Option<&At<Quota>>| {
                ceiling_rows.iter().filter_map(|row| of(&row.gives)).map(|at| at.value).reduce(Quota::add)
            };
            let kv = cap(|gives| gives.kv.as_ref());
            self.stores(row, GrantKind::Kv, &row.gives.kv, kv, storage.buckets_bytes_max);
            let files = cap(|gives| gives.files.as_ref());
            self.stores(row, GrantKind::Files, &row.gives.files, files, storage.volumes_bytes_max);
            self.words(row, &ceiling_rows);
            self.calls(row, &ceiling_rows, pattern);
        }
    }

    /// Rules for requests that no rule of the ceiling meets.
    fn rules(
        &mut self,
        row: &Row<TenantGives>,
        ceiling_rows: &[&Row<CeilingGives>],
        pattern: &Pattern,
        credentials: CredentialCap,
    ) {
        let ceiling = || ceiling_rows.iter().flat_map(|row| &row.gives.http);
        if ceiling().next().is_none() {
            return;
        }
        for (nth, at) in row.gives.http.iter().enumerate() {
            if self.is_full() {
                return;
            }
            if !ceiling().any(|ceiling| ceiling.value.overlaps(&at.value)) {
                let message = format!("the ceiling lets nothing through of {} for", at.value);
                self.add_for(pattern, at.line, format!("grant[{}].http[{}]", row.number, nth + 1), message);
            }
            if at.value.credential().is_some() && !credentials.lets(at.value.scheme()) {
                let key = format!("grant[{}].http[{}].credential", row.number, nth + 1);
                self.add(
                    at.line,
                    key,
                    format!("{}, so that it refuses its requests", CredentialCap::rule(at.value.scheme())),
                );
            }
        }
    }

    /// Buckets or volumes that are cut.
    fn stores(&mut self, row: &Row<TenantGives>, kind: GrantKind, stores: &[At<Store>], cap: Option<Quota>, all: u64) {
        let Some(cap) = cap else { return };
        for (nth, at) in stores.iter().enumerate() {
            let key = format!("grant[{}].{kind}[{}]", row.number, nth + 1);
            let quota = at.value.quota;
            if quota.access.under(cap.access) < quota.access {
                self.add(at.line, format!("{key}.access"), format!("it is cut to {}", cap.access.as_str()));
            }
            let most = cap.bytes_max.unwrap_or(u64::MAX).min(all);
            if let Some(bytes) = quota.bytes_max.filter(|bytes| *bytes > most) {
                let message = format!("{} is more than the ceiling's {}", size_words(bytes), size_words(most));
                self.add(at.line, format!("{key}.bytes_max"), message);
            }
            if let (Some(items), Some(most)) = (quota.items_max, cap.items_max)
                && items > most
            {
                let items_max = if kind == GrantKind::Kv { "keys_max" } else { "files_max" };
                self.add(at.line, format!("{key}.{items_max}"), format!("{items} is cut to the ceiling's {most}"));
            }
        }
    }

    /// Clock, random and log that are cut.
    fn words(&mut self, row: &Row<TenantGives>, ceiling_rows: &[&Row<CeilingGives>]) {
        let clock = ceiling_rows.iter().filter_map(|row| row.gives.clock.as_ref()).map(|at| at.value).max();
        let random = ceiling_rows.iter().filter_map(|row| row.gives.random.as_ref()).map(|at| at.value).max();
        let log = ceiling_rows.iter().filter_map(|row| row.gives.log.as_ref()).map(|at| at.value).min();
        let key = |key: &str| format!("grant[{}].{key}", row.number);
        if let (Some(at), Some(most)) = (&row.gives.clock, clock)
            && at.value > most
        {
            self.add(at.line, key("clock"), format!("it is cut to the ceiling's {}", word(most)));
        }
        if let (Some(at), Some(most)) = (&row.gives.random, random)
            && at.value > most
        {
            self.add(at.line, key("random"), format!("it is cut to the ceiling's {}", word(most)));
        }
        if let (Some(at), Some(most)) = (&row.gives.log, log)
            && at.value < most
        {
            self.add(at.line, key("log"), format!("it is cut to the ceiling's {}", word(most)));
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
