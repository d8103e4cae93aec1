//! The decision: ceiling ∩ tenant ∩ what the package declares. Each layer only takes away.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::grant::{GrantKind, Grants};
use super::limits::LimitsPatch;
use super::weigh::{Weighed, weigh};
use super::{Ceiling, Policy, words};
use crate::error::{Code, Error};
use crate::id::PackageRef;
use crate::limits::CallLimits;

/// The kinds of grant that a package declares. What is in neither list it is never given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Needs {
    /// Without these a call is denied before it starts.
    pub required: BTreeSet<GrantKind>,
    /// Used where they are granted.
    pub optional: BTreeSet<GrantKind>,
}

impl Needs {
    /// Whether `kind` is in one of the lists.
    pub fn declare(&self, kind: GrantKind) -> bool {
        self.required.contains(&kind) || self.optional.contains(&kind)
    }
}

/// What is decided about: a version of a package, by what it declares.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The package, as the tenant names it.
    pub package: &'a PackageRef,
    /// What it declares that it needs.
    pub needs: &'a Needs,
    /// The limits that it declares; they only tighten.
    pub limits: &'a LimitsPatch,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may run, with this and no more.
    Allowed(Allowed),
    /// It may not.
    Denied(Denied),
}

/// What a call may run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The rules that allowed it: the one of `[tools]`, and the tenant's `[[grant]]`s that it holds something by.
    pub rule: String,
    /// What it holds.
    pub grants: Arc<Grants>,
    /// What it may use.
    pub limits: Arc<CallLimits>,
    /// What the tenant granted or the package declared, and it does not hold all the same.
    pub withheld: Vec<Withheld>,
}

impl Allowed {
    /// The same, of which some kinds of grant are not used: layers only take away, and this is one more.
    #[must_use]
    pub fn without(&self, kinds: &BTreeSet<GrantKind>) -> Self {
        Self { grants: Arc::new(self.grants.without(kinds)), ..self.clone() }
    }
}

/// Why a call may not run, and what would let it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// What happened, as one clause for the caller.
    pub reason: String,
    /// The rule that decided.
    pub rule: String,
    /// The rule that came nearest to allowing it.
    pub nearest: Option<String>,
    /// What would allow it: lines for the policy, or whom to ask.
    pub remedy: String,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        let error = Self::new(Code::Denied, denied.reason)
            .next(denied.remedy.clone())
            .fact("rule", denied.rule.clone())
            .fact("rules", vec![denied.rule])
            .fact("remedy", denied.remedy);
        match denied.nearest {
            Some(nearest) => error.fact("nearest", nearest),
            None => error,
        }
    }
}

/// Who takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The platform's ceiling.
    Ceiling,
    /// The tenant's policy: it does not grant what the package declares.
    Policy,
    /// The package: it does not declare what the tenant grants.
    Package,
}

/// Something that was asked for and is not given, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withheld {
    /// The kind.
    pub kind: GrantKind,
    /// Who took it away.
    pub layer: Layer,
    /// What was taken away, in words.
    pub words: String,
    /// The rule that took it away.
    pub rule: String,
    /// What would give it: lines for the policy, or whom to ask.
    pub remedy: String,
}

/// Decides: what calls of `subject` may run with under both files. Pure, and by the size of what the files say of it.
pub fn decide(ceiling: &Ceiling, policy: &Policy, subject: &Subject<'_>) -> Decision {
    let Weighed { gate, grants, limits, withheld, missing, given, .. } = weigh(ceiling, policy, subject);
    let allowed = match gate {
        Ok(allowed) => allowed,
        Err(denied) => return Decision::Denied(denied),
    };
    if let Some(denied) = missing {
        return Decision::Denied(denied);
    }
    let rows: BTreeSet<(usize, String)> = given.into_iter().flat_map(|given| given.rows).collect();
    Decision::Allowed(Allowed {
        rule: words::rules(std::iter::once(allowed).chain(rows.into_iter().map(|(_, row)| row))),
        grants: Arc::new(grants),
        limits: Arc::new(limits),
        withheld,
    })
}
