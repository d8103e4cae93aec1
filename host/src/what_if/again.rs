//! A recorded decision, made again from what it followed from.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::{Decided, Inputs, Recorded};
use crate::access::{Rules, Side, Who};
use crate::error::Result;
use crate::id::{Digest, PackageRef, PrincipalId, ToolName};
use crate::identity::Principal;
use crate::labels::Labels;
use crate::policy::route::choose;
use crate::policy::{Ceiling, Decision, Policy};
use crate::snapshot::{Admitted, Awaiting, CallDecision, Caller, Laws, PackageVersion, Recall, decide};

/// Texts that are kept at once, of each kind: a tenant that changes its policy every minute costs time and no memory.
const TEXTS_MAX: usize = 16;
/// Decisions that are remembered.
const DECISIONS_MAX: usize = 100_000;

/// A text that was in force once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The tenant's policy.
    Policy,
    /// The platform's ceiling.
    Ceiling,
    /// The tenant's access rules.
    Access,
    /// The platform's.
    PlatformAccess,
}

/// The keys that calls were made with, revoked ones too. What scopes a key has never changes.
pub type Keys = HashMap<PrincipalId, Principal>;

/// Where former texts come from, by their digest; nothing for one that is not kept.
pub type Texts<'a> = dyn FnMut(Kept, &Digest) -> Result<Option<String>> + 'a;

/// Why a decision cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Incomparable {
    /// The record does not say what it followed from: an earlier host wrote it.
    NotRecorded,
    /// There is no such version any more.
    VersionGone,
    /// Its ceiling is not kept, or cannot be read any more.
    CeilingGone,
    /// Its policy is not kept, or cannot be read any more.
    PolicyGone,
    /// The access rules that it was decided under are not kept, or cannot be read any more.
    AccessGone,
    /// This host decides otherwise under the very same policy and ceiling.
    DecidedOtherwise,
    /// Another call made it: what it held follows from that one's, too.
    MadeByCall,
}

impl fmt::Display for Incomparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRecorded => "the record does not say what the decision followed from: an earlier host wrote it",
            Self::VersionGone => "the version that was called does not exist any more",
            Self::CeilingGone => "the ceiling that it was decided under is not kept, or cannot be read any more",
            Self::PolicyGone => "the policy that it was decided under is not kept, or cannot be read any more",
            Self::AccessGone => "the access rules that it was decided under are not kept",
            Self::MadeByCall => "another call made it: what it held follows from that one's, too",
            Self::DecidedOtherwise => "this host decides otherwise under the very same policy and ceiling",
        })
    }
}

/// Decides again.
pub(super) struct Again<'a> {
    caller: &'a Caller,
    texts: &'a mut Texts<'a>,
    policies: Recent<Policy>,
    ceilings: Recent<Ceiling>,
    rules: Recent<Rules>,
    keys: &'a Keys,
    decided: HashMap<(ToolName, Option<PrincipalId>, Inputs), std::result::Result<Decided, Incomparable>>,
}

impl<'a> Again<'a> {
    /// For calls of the tenant of `caller`.
    pub(super) fn new(caller: &'a Caller, keys: &'a Keys, texts: &'a mut Texts<'a>) -> Self {
        let (policies, ceilings, rules) = (Recent(Vec::new()), Recent(Vec::new()), Recent(Vec::new()));
        Self { caller, texts, policies, ceilings, rules, keys, decided: HashMap::new() }
    }

    /// The version that was called, where deciding again gives what is recorded: the same rule, and the same limits.
    ///
    /// # Errors
    ///
    /// When the texts cannot be read.
    pub(super) fn version(
        &mut self,
        recorded: &Recorded,
    ) -> Result<std::result::Result<Arc<PackageVersion>, Incomparable>> {
        if recorded.is_child {
            return Ok(Err(Incomparable::MadeByCall));
        }
        let Some(inputs) = &recorded.inputs else { return Ok(Err(Incomparable::NotRecorded)) };
        let package = &recorded.tool.package;
        let found = self.caller.package(package).ok().and_then(|found| found.versions.get(&inputs.version));
        let Some(version) = found.cloned() else { return Ok(Err(Incomparable::VersionGone)) };
        let key = (recorded.tool.clone(), recorded.principal.filter(|_| inputs.access.is_some()), inputs.clone());
        if !self.decided.contains_key(&key) {
            let decided = self.decide(recorded, &version, inputs)?;
            if self.decided.len() >= DECISIONS_MAX {
                self.decided.clear();
            }
            self.decided.insert(key.clone(), decided);
        }
        if !self.same_route(recorded, inputs)? {
            return Ok(Err(Incomparable::DecidedOtherwise));
        }
        Ok(match self.decided.get(&key) {
            Some(Ok(decided)) if *decided == recorded.decided => Ok(version),
            Some(Err(reason)) => Err(*reason),
            Some(Ok(_)) | None => Err(Incomparable::DecidedOtherwise),
        })
    }

    /// Whether the route of a call chooses as it did, from the same facts. A policy that is gone has been told of.
    fn same_route(&mut self, recorded: &Recorded, inputs: &Inputs) -> Result<bool> {
        let Some(decided) = &recorded.route else { return Ok(true) };
        let Some(policy) = self.policy(&inputs.policy)? else { return Ok(true) };
        let Some(route) = policy.route(&decided.name) else { return Ok(false) };
        let facts = decided.choices.iter().map(|choice| choice.facts.clone()).collect();
        Ok(choose(route, &decided.inputs, facts) == decided.choices)
    }

    fn policy(&mut self, digest: &Digest) -> Result<Option<Policy>> {
        let texts = &mut *self.texts;
        self.policies.get(digest, || {
            // A tenant begins with the empty one, which nobody put in force.
            let empty = Policy::default();
            if empty.digest() == *digest {
                return Ok(Some(empty));
            }
            Ok(texts(Kept::Policy, digest)?.and_then(|text| Policy::parse(&text).ok()))
        })
    }

    fn decide(
        &mut self,
        recorded: &Recorded,
        version: &PackageVersion,
        inputs: &Inputs,
    ) -> Result<std::result::Result<Decided, Incomparable>> {
        let texts = &mut *self.texts;
        let ceiling = self.ceilings.get(&inputs.ceiling, || {
            let builtin = Ceiling::builtin();
            if builtin.digest() == inputs.ceiling {
                return Ok(Some(builtin));
            }
            Ok(texts(Kept::Ceiling, &inputs.ceiling)?.and_then(|text| Ceiling::parse(&text).ok()))
        })?;
        let Some(ceiling) = ceiling else { return Ok(Err(Incomparable::CeilingGone)) };
        let Some(policy) = self.policy(&inputs.policy)? else { return Ok(Err(Incomparable::PolicyGone)) };
        let (package, labels) = (&recorded.tool.package, inputs.labels);
        let Some(access) = inputs.access else {
            return Ok(Ok(
                Decided::from(decide(&ceiling, &policy, package, version)).under(&policy, package, version, labels)
            ));
        };
        let Some(key) = recorded.principal.and_then(|id| self.keys.get(&id)) else {
            return Ok(Err(Incomparable::NotRecorded));
        };
        if let Some(by) = access.recalled {
            // A recall is no text: that it was in force is itself recorded.
            return Ok(Ok(Decided::Denied { rule: Recall::rule(version.component(), by.as_str()) }));
        }
        if access.awaits {
            return Ok(Ok(Decided::Denied { rule: Awaiting::rule(&recorded.tool.package, &version.version) }));
        }
        let platform = self.rules(Side::Platform, &access.platform)?;
        let tenant = self.rules(Side::Tenant, &access.tenant)?;
        let (Some(platform), Some(tenant)) = (platform, tenant) else { return Ok(Err(Incomparable::AccessGone)) };
        let laws = Laws { ceiling: &ceiling, policy: &policy, platform: &platform, tenant: &tenant };
        let decided = Decided::from(laws.decide(&Who::from(key), &recorded.tool, version, access.moment));
        Ok(Ok(decided.under(&policy, package, version, labels)))
    }

    fn rules(&mut self, side: Side, digest: &Digest) -> Result<Option<Rules>> {
        let none = Rules::none(side);
        if none.digest() == *digest {
            return Ok(Some(none));
        }
        let texts = &mut *self.texts;
        // The same text can be a tenant's and the platform's, and is not the same rules then.
        let (kept, key) = match side {
            Side::Tenant => (Kept::Access, *digest),
            Side::Platform => (Kept::PlatformAccess, Digest::of(digest.as_bytes())),
        };
        self.rules.get(&key, || Ok(texts(kept, digest)?.map(|text| Rules::kept(side, &text))))
    }
}

impl Decided {
    /// The same under the policy's rules of flow, in a session that has `labels`.
    pub(super) fn under(self, policy: &Policy, package: &PackageRef, version: &PackageVersion, labels: Labels) -> Self {
        let flow = if labels.is_empty() { None } else { policy.flow(package) };
        match (&self, flow.map(|flow| flow.may_start(&version.needs, labels))) {
            (Self::Allowed { .. }, Some(Err((_, refusal)))) => Self::Denied { rule: refusal.rule },
            _ => self,
        }
    }
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Allowed(allowed) => {
                Self::Allowed { rule: allowed.rule, limits: (&*allowed.limits).into(), by: Vec::new() }
            }
            Decision::Denied(denied) => Self::Denied { rule: denied.rule },
        }
    }
}

impl From<CallDecision> for Decided {
    fn from(decision: CallDecision) -> Self {
        match decision.outcome {
            Ok(Admitted { allowed, by, .. }) => {
                Self::Allowed { rule: allowed.rule, limits: (&*allowed.limits).into(), by }
            }
            Err(refused) => Self::Denied { rule: refused.rule() },
        }
    }
}

/// The last few texts that were asked for.
struct Recent<T>(Vec<(Digest, Option<T>)>);

impl<T: Clone> Recent<T> {
    fn get(&mut self, digest: &Digest, load: impl FnOnce() -> Result<Option<T>>) -> Result<Option<T>> {
        if let Some((_, found)) = self.0.iter().find(|(known, _)| known == digest) {
            return Ok(found.clone());
        }
        let loaded = load()?;
        if self.0.len() >= TEXTS_MAX {
            self.0.remove(0);
        }
        self.0.push((*digest, loaded.clone()));
        Ok(loaded)
    }
}
