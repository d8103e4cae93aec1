//! The platform's ceiling.

use ipnet::IpNet;

use super::ENTRIES_MAX;
use super::approval::read_approval;
use super::audit::read_audit_cap;
use super::budget::read_budget_cap;
use super::cache::read_cache;
use super::egress::{cap_section, read_egress_cap};
use super::grants::{self, read_grants};
use super::keys::{APPROVAL_CAP, CACHE_CAP, CATALOGUE_TRUST, CEILING, CEILING_GRANT, STORAGE};
use super::node::Node;
use super::plans::{read_admission_cap, read_plans};
use super::providers::read_providers;
use super::reader::Fields;
use super::tenant::{LimitLines, read_limits_of, read_tools};
use super::trust::read_trust;
use crate::policy::limits::LimitsPatch;
use crate::policy::problem::{Problems, shown};
use crate::policy::rows::{CeilingGives, HostRules, Rows, Tools};

/// What TOML can write.
const SIZE_MAX: u64 = i64::MAX as u64;

/// What the platform's file says.
#[derive(Debug, Clone, Default)]
pub(in crate::policy) struct CeilingRules {
    pub(in crate::policy) tools: Tools,
    pub(in crate::policy) limits: LimitsPatch,
    pub(in crate::policy) limit_lines: LimitLines,
    pub(in crate::policy) grants: Rows<CeilingGives>,
    pub(in crate::policy) host: HostRules,
}

/// Reads the platform's file.
pub(in crate::policy) fn read_ceiling(problems: &mut Problems, node: &Node) -> CeilingRules {
    let Some(fields) = problems.fields(node, "", &CEILING) else { return CeilingRules::default() };
    let tools = read_tools(problems, &fields);
    let (limits, limit_lines) = read_limits_of(problems, &fields);
    let grants = Rows::new(read_grants(problems, &fields, &CEILING_GRANT, grants::ceiling));
    let host = read_host_rules(problems, &fields);
    CeilingRules { tools, limits, limit_lines, grants, host }
}

fn read_host_rules(problems: &mut Problems, file: &Fields<'_>) -> HostRules {
    let trust = read_trust(problems, file, &CATALOGUE_TRUST);
    let (audit, budget) = (read_audit_cap(problems, file), read_budget_cap(problems, file));
    let (admission, plans) = (read_admission_cap(problems, file), read_plans(problems, file));
    let approval = read_approval(problems, file, &APPROVAL_CAP);
    let cache = read_cache(problems, file, &CACHE_CAP);
    let mut rules = HostRules { admission, approval, cache, audit, budget, plans, trust, ..HostRules::default() };
    let egress = cap_section(problems, file);
    if let Some(fields) = &egress {
        (rules.egress, rules.credentials) = read_egress_cap(problems, fields);
    }
    if let Some(node) = egress.as_ref().and_then(|fields| fields.get("private_addresses")) {
        let place = "egress.private_addresses";
        for (nth, node) in problems.list(node, place, ENTRIES_MAX).unwrap_or_default().iter().enumerate() {
            rules.private_addresses.extend(problems.parsed(node, &format!("{place}[{}]", nth + 1), read_network));
        }
    }
    let storage = file.get("storage").and_then(|node| problems.fields(node, "storage", &STORAGE));
    for (key, value) in [
        ("buckets_bytes_max", &mut rules.buckets_bytes_max),
        ("volumes_bytes_max", &mut rules.volumes_bytes_max),
        ("payloads_bytes_max", &mut rules.payloads_bytes_max),
    ] {
        if let Some(node) = storage.as_ref().and_then(|fields| fields.get(key)) {
            *value = problems.size(node, &format!("storage.{key}"), 0, SIZE_MAX).unwrap_or(*value);
        }
    }
    rules.providers = read_providers(problems, file, &rules.private_addresses);
    rules
}

/// A network in its one spelling: bits behind the prefix would say that someone meant something else.
fn read_network(text: &str) -> Result<IpNet, String> {
    let network: IpNet =
        text.parse().map_err(|_| format!("{} is no network: write one as \"10.1.0.0/16\"", shown(text)))?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(format!("{text:?} has bits behind its prefix: write \"{}\"", network.trunc()))
    }
}
