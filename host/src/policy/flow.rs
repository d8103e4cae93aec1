//! Flow: what a session has touched limits what it may do next. Pure.
//!
//! Private data, what others wrote and a way out are harmless in pairs, and together the way by which data are stolen.
//! Which of them a use is follows from the use and the policy alone, never from what anybody says of it.

use std::collections::BTreeSet;
use std::fmt;

use super::http::HostPattern;
use super::pattern::Pattern;
use super::rows::{File, Source};
use super::{GrantKind, Grants, Needs, Policy};
use crate::id::{Origin, PackageRef};
use crate::labels::{Label, Labels};
use crate::uses::{CapabilityUse, Touch};

/// What `[labels]` and the `[[flow]]`s of a tenant's file say.
#[derive(Debug, Clone, Default)]
pub(super) struct FlowRules {
    pub(super) labels: LabelRules,
    pub(super) rows: Vec<FlowRow>,
}

/// What brings which label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LabelRules {
    pub(super) line: Option<usize>,
    pub(super) sessions_required: bool,
    pub(super) private_buckets: BTreeSet<String>,
    pub(super) private_volumes: BTreeSet<String>,
    pub(super) private_hosts: Vec<HostPattern>,
    pub(super) private_tools: Vec<Pattern>,
    pub(super) trusted_hosts: Vec<HostPattern>,
    pub(super) trusted_providers: BTreeSet<String>,
    pub(super) untrusted_tools: Vec<Pattern>,
    /// Names of keys: the tenant's own packages that another published are untrusted; absent: whoever did.
    pub(super) trusted_publishers: Option<BTreeSet<String>>,
}

impl LabelRules {
    /// Whether there is anything that brings `private`.
    pub(super) fn bring_private(&self) -> bool {
        !(self.private_buckets.is_empty()
            && self.private_volumes.is_empty()
            && self.private_hosts.is_empty()
            && self.private_tools.is_empty())
    }

    /// Whether they bring other labels than `other`.
    pub(super) fn differ(&self, other: &Self) -> bool {
        let all = |rules: &Self| Self { line: None, sessions_required: false, ..rules.clone() };
        all(self) != all(other)
    }

    /// Whether it says of anything that it brings a label, or that it does not.
    pub(super) fn bring_any(&self) -> bool {
        let trusts = !(self.trusted_hosts.is_empty() && self.trusted_providers.is_empty());
        self.bring_private() || trusts || !self.untrusted_tools.is_empty() || self.trusted_publishers.is_some()
    }
}

/// One `[[flow]]`.
#[derive(Debug, Clone)]
pub(super) struct FlowRow {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) line: Option<usize>,
    pub(super) when: Labels,
    pub(super) deny: Vec<GrantKind>,
    pub(super) except: Vec<Pattern>,
    /// Whether it is not against a call that somebody approved who saw the labels.
    pub(super) or_approval: bool,
}

/// The rules of flow as calls of one package meet them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Flow {
    policy: Policy,
    package: PackageRef,
}

/// Why a use may not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRefusal {
    /// The rule, by the name that the record has for it.
    pub rule: String,
    /// The labels that it is about.
    pub when: Labels,
}

impl Policy {
    /// What the policy says of flow for calls of `package`; absent where it has no `[[flow]]`, so that nothing is asked.
    pub fn flow(&self, package: &PackageRef) -> Option<Flow> {
        self.has_flow().then(|| Flow { policy: self.clone(), package: package.clone() })
    }

    /// Whether it has any `[[flow]]`.
    pub fn has_flow(&self) -> bool {
        !self.rules().flow.rows.is_empty()
    }

    /// Whether each call has to name its session.
    pub fn sessions_required(&self) -> bool {
        self.rules().flow.labels.sessions_required
    }
}

impl Flow {
    /// The labels that any call of the package brings, whatever it uses, in the version that a key of this name published; absent
    /// where nobody knows.
    pub fn of_package(&self, publisher: Option<&str>) -> Labels {
        let rules = &self.policy.rules().flow.labels;
        let names = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&self.package));
        let of = |label, is| if is { Labels::NONE.with(label) } else { Labels::NONE };
        // The catalogue's are the platform's.
        let trusted = rules.trusted_publishers.as_ref().filter(|_| self.package.origin == Origin::Own);
        let by_another = trusted.is_some_and(|trusted| !publisher.is_some_and(|name| trusted.contains(name)));
        let untrusted = by_another || names(&rules.untrusted_tools);
        of(Label::Private, names(&rules.private_tools)).and(of(Label::Untrusted, untrusted))
    }

    /// The labels that a use brings.
    pub fn of_use(&self, used: &CapabilityUse) -> Labels {
        let rules = &self.policy.rules().flow.labels;
        let is = |label, is| if is { Labels::NONE.with(label) } else { Labels::NONE };
        match used {
            // Writing says whether something was there, how much of it, and what it was.
            CapabilityUse::Kv { bucket, .. } => is(Label::Private, rules.private_buckets.contains(bucket)),
            CapabilityUse::Files { volume, .. } => is(Label::Private, rules.private_volumes.contains(volume)),
            CapabilityUse::Http { host, .. } => {
                let among = |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.covers_text(host));
                is(Label::Private, among(&rules.private_hosts))
                    .and(is(Label::Untrusted, !among(&rules.trusted_hosts)))
            }
            // What a model says is whatever it was made of and asked: nobody of the tenant's wrote it.
            CapabilityUse::Model { provider, .. } => {
                is(Label::Untrusted, !rules.trusted_providers.contains(provider))
            }
            // The call that it makes brings what its package and its own uses do.
            CapabilityUse::Call { .. }
            | CapabilityUse::Clock { .. }
            | CapabilityUse::Config { .. }
            | CapabilityUse::Log { .. }
            // The policy's own text.
            | CapabilityUse::Prompt { .. }
            | CapabilityUse::Random {}
            // The request that it goes with says all of it.
            | CapabilityUse::Secret { .. } => Labels::NONE,
        }
    }

    /// That something may go out through `kind` where there are `labels`, of a call that somebody approved who saw those of
    /// `approved`; of one that nobody did, none.
    ///
    /// # Errors
    ///
    /// With the first rule that is against it.
    pub fn may_go_out(&self, kind: GrantKind, labels: Labels, approved: Labels) -> Result<(), FlowRefusal> {
        let against =
            |row: &&FlowRow| self.is_against(row, kind, labels) && !(row.or_approval && approved.hold(row.when));
        match self.policy.rules().flow.rows.iter().find(against) {
            None => Ok(()),
            Some(row) => Err(FlowRefusal { rule: row.to_string(), when: row.when }),
        }
    }
}

impl Flow {
    fn is_against(&self, row: &FlowRow, kind: GrantKind, labels: Labels) -> bool {
        labels.hold(row.when)
            && row.deny.contains(&kind)
            && !row.except.iter().any(|pattern| pattern.matches(&self.package))
    }

    /// That a call may start which needs so much, in a session that has `labels`: whether it has to be approved first is asked
    /// apart.
    ///
    /// # Errors
    ///
    /// With the kind that it cannot do without and may not have, and the rule.
    pub fn may_start(&self, needs: &Needs, labels: Labels) -> Result<(), (GrantKind, FlowRefusal)> {
        let mut required = needs.required.iter();
        required.try_for_each(|kind| self.may_go_out(*kind, labels, Labels::ALL).map_err(|refusal| (*kind, refusal)))
    }

    /// The rules that want a call approved which has these ways out, in a session that has `labels`.
    pub fn wants_approval(&self, has: impl Fn(GrantKind) -> bool, labels: Labels) -> Vec<String> {
        let wants = |row: &&FlowRow| {
            row.or_approval && row.deny.iter().any(|kind| has(*kind) && self.is_against(row, *kind, labels))
        };
        self.policy.rules().flow.rows.iter().filter(wants).map(ToString::to_string).collect()
    }
}

impl Grants {
    /// Whether a call has a way out through `kind`, as rules of flow name them.
    pub fn lead_out(&self, kind: GrantKind) -> bool {
        match kind {
            GrantKind::Http | GrantKind::Call | GrantKind::Model => self.holds(kind),
            kind => self.can_change(kind),
        }
    }
}

/// The kind through which a use takes something out of the call, to where others may read it. A request does whatever its
/// method is: its path can say anything. So can the arguments of a call.
pub const fn way_out(used: &CapabilityUse) -> Option<GrantKind> {
    match used {
        CapabilityUse::Call { .. } => Some(GrantKind::Call),
        CapabilityUse::Http { .. } => Some(GrantKind::Http),
        // Its provider reads all of it.
        CapabilityUse::Model { .. } => Some(GrantKind::Model),
        CapabilityUse::Kv { access: Touch::Write, .. } => Some(GrantKind::Kv),
        CapabilityUse::Files { access: Touch::Write, .. } => Some(GrantKind::Files),
        CapabilityUse::Kv { access: Touch::Read, .. }
        | CapabilityUse::Files { access: Touch::Read, .. }
        | CapabilityUse::Clock { .. }
        | CapabilityUse::Config { .. }
        | CapabilityUse::Log { .. }
        | CapabilityUse::Prompt { .. }
        | CapabilityUse::Random {}
        | CapabilityUse::Secret { .. } => None,
    }
}

/// The kinds that a `[[flow]]` can deny.
pub(super) const WAYS_OUT: &[(&str, GrantKind)] = &[
    ("http", GrantKind::Http),
    ("kv", GrantKind::Kv),
    ("files", GrantKind::Files),
    ("call", GrantKind::Call),
    ("model", GrantKind::Model),
];

impl FlowRow {
    /// What it takes away, in words.
    pub(super) fn words(&self) -> String {
        let when: Vec<&str> = self.when.each().map(Label::as_str).collect();
        let deny: Vec<&str> = self.deny.iter().map(|kind| kind.as_str()).collect();
        let except: Vec<String> = self.except.iter().map(ToString::to_string).collect();
        let but = if except.is_empty() { String::new() } else { format!(", but by {}", except.join(" and ")) };
        let unless = if self.or_approval { ", unless somebody approves the call" } else { "" };
        format!("{} in sessions that are {}{but}{unless}", deny.join(" and "), when.join(" and "))
    }
}

impl fmt::Display for FlowRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |words: Vec<&str>| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let when = words(self.when.each().map(Label::as_str).collect());
        let deny = words(self.deny.iter().map(|kind| kind.as_str()).collect());
        let require = if self.or_approval { ", require = \"approval\"" } else { "" };
        let what = format!("[[flow]] {} (when = [{when}], deny = [{deny}]{require})", self.number);
        Source { file: File::Policy, line: self.line, what }.fmt(f)
    }
}
