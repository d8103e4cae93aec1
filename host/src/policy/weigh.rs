//! What a package gets, kind by kind, and why not more: the one reckoning that decisions and explanations are made of,
//! so that they cannot disagree.

mod call;
mod gate;
mod http;
mod kinds;
mod models;
mod remedy;
mod stores;

use super::decide::{Denied, Layer, Subject, Withheld};
use super::grant::{GrantKind, Grants};
use super::rows::{CeilingGives, File, Row, Source, TenantGives};
use super::{Ceiling, Policy};
use crate::limits::CallLimits;

pub(super) use self::remedy::{ask_platform, example, lines, snippet};
pub(super) use self::stores::Defaults;

/// Things withheld in part that are told. Decisions are kept, and explained.
const WITHHELD_MAX: usize = 100;

/// What a package gets.
pub(super) struct Weighed<'a> {
    /// Whether it may be called at all: the rule that allows it.
    pub(super) gate: Result<String, Denied>,
    pub(super) grants: Grants,
    pub(super) limits: CallLimits,
    /// What it holds, thing by thing.
    pub(super) given: Vec<Given>,
    pub(super) withheld: Vec<Withheld>,
    /// Of what it requires, what it does not hold.
    pub(super) missing: Option<Denied>,
    pub(super) layers: Layers<'a>,
}

/// One thing that is held.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) kind: GrantKind,
    /// The bucket, or the place of a volume; empty for other kinds.
    pub(super) name: String,
    /// In words.
    pub(super) what: String,
    /// The tenant's rows that give it, by their number.
    pub(super) rows: Vec<(usize, String)>,
    /// The rules of both files that give it.
    pub(super) by: Vec<String>,
}

/// The rows of both files that name the package, and what it declares.
#[derive(Clone)]
pub(super) struct Layers<'a> {
    pub(super) policy: &'a Policy,
    pub(super) ceiling: &'a Ceiling,
    pub(super) subject: Subject<'a>,
    pub(super) tenant_rows: Vec<&'a Row<TenantGives>>,
    pub(super) ceiling_rows: Vec<&'a Row<CeilingGives>>,
}

impl Layers<'_> {
    /// The rule that came nearest to giving what is withheld.
    pub(super) fn nearest(&self, withheld: &Withheld) -> Option<String> {
        remedy::nearest_grant(self, withheld)
    }

    /// The tenant's row, named.
    pub(super) fn row_name(&self, row: &Row<TenantGives>) -> (usize, String) {
        let what = row.name(self.subject.package);
        (row.number, Source { file: File::Policy, line: row.line, what }.to_string())
    }

    /// What a tenant's row says of `kind`, named by its own line.
    pub(super) fn tenant_source(&self, row: &Row<TenantGives>, kind: GrantKind, line: Option<usize>) -> String {
        let what = format!("{kind} in {}", row.name(self.subject.package));
        Source { file: File::Policy, line, what }.to_string()
    }

    /// What a ceiling's row says of `kind`, named by its own line.
    pub(super) fn ceiling_source(&self, row: &Row<CeilingGives>, kind: GrantKind, line: Option<usize>) -> String {
        let what = format!("{kind} in {}", row.name(self.subject.package));
        Source { file: self.ceiling.file, line, what }.to_string()
    }

    /// The ceiling's rows that speak of `kind`.
    pub(super) fn ceiling_sources(&self, kind: GrantKind) -> Vec<String> {
        let named =
            |row: &&Row<CeilingGives>| row.gives.speaks_of(kind).map(|line| self.ceiling_source(row, kind, line));
        self.ceiling_rows.iter().filter_map(named).collect()
    }
}

/// Weighs the three layers.
pub(super) fn weigh<'a>(ceiling: &'a Ceiling, policy: &'a Policy, subject: &Subject<'a>) -> Weighed<'a> {
    let layers = Layers {
        policy,
        ceiling,
        subject: *subject,
        tenant_rows: policy.rules().grants.of(subject.package),
        ceiling_rows: ceiling.rules().grants.of(subject.package),
    };
    let gate = gate::gate(&layers);
    let limits = policy.rules().limits.apply_to(&CallLimits::default()).min(&ceiling.limits());
    let limits = subject.limits.tighten(&limits);
    let mut scale =
        Scale { layers, grants: Grants::none(), given: Vec::new(), withheld: Vec::new(), lacking: Vec::new() };
    for kind in GrantKind::ALL {
        scale.weigh(kind);
    }
    let missing = scale.missing();
    let Scale { layers, grants, given, withheld, .. } = scale;
    Weighed { gate, grants, limits, given, withheld, missing, layers }
}

/// The weighing as it goes.
struct Scale<'a> {
    layers: Layers<'a>,
    grants: Grants,
    given: Vec<Given>,
    withheld: Vec<Withheld>,
    /// Kinds of which nothing is held although they are declared, with their place in `withheld`.
    lacking: Vec<(GrantKind, usize)>,
}

impl Scale<'_> {
    fn weigh(&mut self, kind: GrantKind) {
        let layers = &self.layers;
        let package = layers.subject.package;
        let declared = layers.subject.needs.declare(kind);
        let granted = layers.tenant_rows.iter().any(|row| row.gives.speaks_of(kind).is_some());
        let covered = layers.ceiling_rows.iter().any(|row| row.gives.speaks_of(kind).is_some());
        if !declared {
            if granted {
                let words = format!("the policy grants {kind}, and {package} does not declare that it needs it");
                let rule = format!("package: {kind} is not among the needs of {package}");
                let remedy =
                    format!("publish a version of {package} that has {kind:?} in its [needs]", kind = kind.as_str());
                self.withhold(kind, Layer::Package, words, rule, remedy);
            }
        } else if !covered {
            let words = format!("the ceiling gives no {kind} to {package}");
            let rule = format!("ceiling: no [[grant]] gives {kind} to {package}");
            self.withhold_all(kind, Layer::Ceiling, words, rule, ask_platform(package, kind));
        } else if !granted {
            let words = format!("the policy grants no {kind} to {package}");
            let rule = format!("default: no [[grant]] gives {kind} to {package}");
            self.withhold_all(kind, Layer::Policy, words, rule, snippet(package, &[kind]));
        } else {
            self.give(kind);
        }
    }

    /// Some of `kind` is not given. Of very many such things the first are told.
    fn withhold(&mut self, kind: GrantKind, layer: Layer, words: String, rule: String, remedy: String) {
        if self.withheld.len() < WITHHELD_MAX {
            self.withheld.push(Withheld { kind, layer, words, rule, remedy });
        }
    }

    /// Nothing of `kind` is given.
    fn withhold_all(&mut self, kind: GrantKind, layer: Layer, words: String, rule: String, remedy: String) {
        self.lacking.push((kind, self.withheld.len()));
        self.withheld.push(Withheld { kind, layer, words, rule, remedy });
    }

    /// Why the call is denied, where something that is required is not held.
    fn missing(&self) -> Option<Denied> {
        let Subject { package, needs, .. } = self.layers.subject;
        let lacking = self.lacking.iter().filter(|(kind, _)| needs.required.contains(kind));
        let lacking: Vec<&Withheld> = lacking.filter_map(|(_, nth)| self.withheld.get(*nth)).collect();
        let first = *lacking.first()?;
        let kinds: Vec<&str> = lacking.iter().map(|withheld| withheld.kind.as_str()).collect();
        // The tenant cannot mend what the platform withholds: that is said first.
        let decisive = lacking.iter().copied().find(|withheld| withheld.layer == Layer::Ceiling).unwrap_or(first);
        let remedy = match decisive.layer {
            Layer::Policy => snippet(package, &lacking.iter().map(|withheld| withheld.kind).collect::<Vec<_>>()),
            Layer::Ceiling | Layer::Package => decisive.remedy.clone(),
        };
        Some(Denied {
            reason: format!("{package} requires {}, which it is not granted", kinds.join(" and ")),
            rule: decisive.rule.clone(),
            nearest: self.layers.nearest(decisive),
            remedy,
        })
    }
}
