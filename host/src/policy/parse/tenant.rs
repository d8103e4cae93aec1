//! A tenant's policy: its tools, limits and grants.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::approval::read_approval;
use super::audit::read_audit;
use super::budget::read_budget;
use super::cache::read_cache;
use super::conflicts::conflicts;
use super::egress::read_egress;
use super::flow::read_flow;
use super::grants::read_grants;
use super::keys::{APPROVAL, CACHE, GRANT, LIMITS_SECTION, TENANT, TOOLS, TRUST};
use super::models::{read_model_routes, read_prompts};
use super::node::Node;
use super::plans::read_admission;
use super::reader::Fields;
use super::route::{LEVELS, read_routes};
use super::trust::read_trust;
use super::{PATTERNS_MAX, grants};
use crate::money::Money;
use crate::policy::approval::ApprovalRules;
use crate::policy::budget::BudgetRules;
use crate::policy::cache::CacheRules;
use crate::policy::flow::FlowRules;
use crate::policy::limits::{LIMITS, LimitsPatch, Unit};
use crate::policy::pattern::Pattern;
use crate::policy::plan::AdmissionRules;
use crate::policy::problem::Problems;
use crate::policy::prompt::Template;
use crate::policy::route::Route;
use crate::policy::rows::{At, AuditRules, EgressRules, ModelRules, Rows, TenantGives, Tools};
use crate::policy::trust::Trust;
use crate::routed::Level;

/// Lines of limits, by their place in the table.
pub(in crate::policy) type LimitLines = BTreeMap<usize, Option<usize>>;

/// What a tenant's file says.
#[derive(Debug, Clone, Default)]
pub(in crate::policy) struct TenantRules {
    pub(in crate::policy) tools: Tools,
    pub(in crate::policy) limits: LimitsPatch,
    pub(in crate::policy) limit_lines: LimitLines,
    pub(in crate::policy) grants: Rows<TenantGives>,
    pub(in crate::policy) admission: AdmissionRules,
    pub(in crate::policy) routes: Vec<Route>,
    pub(in crate::policy) approval: ApprovalRules,
    pub(in crate::policy) audit: AuditRules,
    pub(in crate::policy) budget: BudgetRules,
    pub(in crate::policy) cache: CacheRules,
    pub(in crate::policy) egress: EgressRules,
    pub(in crate::policy) flow: FlowRules,
    pub(in crate::policy) trust: Trust,
    /// Routes to models.
    pub(in crate::policy) models: Vec<At<ModelRules>>,
    pub(in crate::policy) prompts: BTreeMap<String, Arc<Template>>,
}

/// Reads a tenant's file.
pub(in crate::policy) fn read_tenant(problems: &mut Problems, node: &Node) -> TenantRules {
    let Some(fields) = problems.fields(node, "", &TENANT) else { return TenantRules::default() };
    let tools = read_tools(problems, &fields);
    let (limits, limit_lines) = read_limits_of(problems, &fields);
    let grants = read_grants(problems, &fields, &GRANT, grants::tenant);
    conflicts(problems, &grants);
    let admission = read_admission(problems, &fields);
    let routes = read_routes(problems, &fields);
    let approval = read_approval(problems, &fields, &APPROVAL);
    let audit = read_audit(problems, &fields);
    let budget = read_budget(problems, &fields);
    let cache = read_cache(problems, &fields, &CACHE);
    let egress = read_egress(problems, &fields);
    let flow = read_flow(problems, &fields);
    let trust = read_trust(problems, &fields, &TRUST);
    let (models, prompts) = (read_model_routes(problems, &fields), read_prompts(problems, &fields));
    TenantRules {
        tools,
        limits,
        limit_lines,
        grants: Rows::new(grants),
        admission,
        approval,
        routes,
        audit,
        budget,
        cache,
        egress,
        flow,
        trust,
        models,
        prompts,
    }
}

/// `[tools]`, of either file.
pub(super) fn read_tools(problems: &mut Problems, file: &Fields<'_>) -> Tools {
    let fields = file.get("tools").and_then(|node| problems.fields(node, "tools", &TOOLS));
    let Some(fields) = fields else { return Tools::default() };
    let allow = fields.get("allow");
    let allowed = allow.map(|node| read_patterns(problems, node, "tools.allow", PATTERNS_MAX));
    let deny = fields.get("deny").map(|node| read_patterns(problems, node, "tools.deny", PATTERNS_MAX));
    let floor = fields.get("risk_floor").and_then(|node| problems.choice(node, "tools.risk_floor", LEVELS));
    let mut tools = Tools::new(allowed, allow.and_then(|node| node.line), deny.unwrap_or_default());
    tools.risk_floor = floor.unwrap_or(Level::Low);
    tools
}

/// A list of patterns.
pub(super) fn read_patterns(problems: &mut Problems, node: &Node, place: &str, max: usize) -> Vec<At<Pattern>> {
    let mut patterns = Vec::new();
    for (nth, node) in problems.list(node, place, max).unwrap_or_default().iter().enumerate() {
        let pattern = problems.parsed(node, &format!("{place}[{}]", nth + 1), str::parse);
        patterns.extend(pattern.map(|value| At { line: node.line, value }));
    }
    patterns
}

/// `[limits]`, of either file.
pub(super) fn read_limits_of(problems: &mut Problems, file: &Fields<'_>) -> (LimitsPatch, LimitLines) {
    file.get("limits").map(|node| read_limits(problems, node, "limits")).unwrap_or_default()
}

/// A table of limits.
pub(in crate::policy) fn read_limits(problems: &mut Problems, node: &Node, place: &str) -> (LimitsPatch, LimitLines) {
    let (mut patch, mut lines) = (LimitsPatch::default(), LimitLines::new());
    let Some(fields) = problems.fields(node, place, &LIMITS_SECTION) else { return (patch, lines) };
    for (nth, limit) in LIMITS.iter().enumerate() {
        let Some(node) = fields.get(limit.name) else { continue };
        let place = fields.place(limit.name);
        let value = match limit.unit {
            Unit::Count => problems.count(node, &place, limit.least, limit.most),
            Unit::Bytes => problems.size(node, &place, limit.least, limit.most),
            Unit::Time => problems.duration(node, &place, limit.least, limit.most),
            Unit::Money => problems.money(node, &place).map(Money::as_billionths),
        };
        if let Some(value) = value {
            patch.0.insert(nth, value);
            lines.insert(nth, node.line);
        }
    }
    (patch, lines)
}
