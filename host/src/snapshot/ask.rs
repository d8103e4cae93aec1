//! May this key do this? The one decision point: listing, explaining and calling a tool ask here, and so does everything
//! else that is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::decide::{Resolved, decide};
use super::{Awaiting, Caller, PackageVersion, Recall, Refused};
use crate::access::{self, Action, Moment, Question, Resource, Rules, Verdict, Who};
use crate::amounts::Amounts;
use crate::error::{Error, Result};
use crate::id::{DecisionId, Digest, Origin, PackageName, PackageRef, ToolName};
use crate::policy::{self, Allowed, Budget, Ceiling, Claims, Decision, GrantKind, Policy, Risk, RiskLevel};

/// What was decided of a call of one tool by one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDecision {
    /// It may run, or not.
    pub outcome: std::result::Result<Admitted, Refused>,
    /// The moment that access rules saw.
    pub moment: Moment,
}

/// A call that may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What it holds, by policy.
    pub allowed: Allowed,
    /// What it could do.
    pub risk: Risk,
    /// The access rules that permit it.
    pub by: Vec<String>,
    /// The budgets that it counts against.
    pub budgets: Arc<[Budget]>,
    /// The most that it may use, which is reserved while it runs.
    pub needs: Amounts,
}

impl CallDecision {
    /// The same where some kinds of grant are not used: what it holds and what is reserved for it is less. Its risk stays
    /// what it was, so that no rule about risk can be got round.
    pub fn without(&self, kinds: &BTreeSet<GrantKind>) -> Self {
        let less = |admitted: &Admitted| {
            let allowed = admitted.allowed.without(kinds);
            let needs = policy::worst_case(&allowed.limits, &allowed.grants);
            Admitted { allowed, needs, ..admitted.clone() }
        };
        Self { outcome: self.outcome.as_ref().map(less).map_err(Clone::clone), ..*self }
    }
}

/// The texts that a decision on a call follows from: the platform's and the tenant's, of policy and of access.
#[derive(Debug, Clone, Copy)]
pub struct Laws<'a> {
    /// The platform's ceiling.
    pub ceiling: &'a Ceiling,
    /// The tenant's policy.
    pub policy: &'a Policy,
    /// The platform's access rules.
    pub platform: &'a Rules,
    /// The tenant's.
    pub tenant: &'a Rules,
}

impl Laws<'_> {
    /// Decides a call of `tool` in `version`: the one function that does, for a call that is made now as well as for one that
    /// was made and is decided again. Pure.
    pub fn decide(&self, who: &Who<'_>, tool: &ToolName, version: &PackageVersion, moment: Moment) -> CallDecision {
        self.with(&decide(self.ceiling, self.policy, &tool.package, version), who, tool, version, moment)
    }

    /// The same, where policy was asked already.
    fn with(
        &self,
        decision: &Decision,
        who: &Who<'_>,
        tool: &ToolName,
        version: &PackageVersion,
        moment: Moment,
    ) -> CallDecision {
        let allowed = match decision {
            Decision::Allowed(allowed) => allowed,
            Decision::Denied(denied) => {
                // Who may not call at all learns no more than that.
                let outcome = match may_call_at_all(who) {
                    Ok(()) => Refused::Policy(denied.clone()),
                    Err(denied) => Refused::Access(denied),
                };
                return CallDecision { outcome: Err(outcome), moment };
            }
        };
        let risk = self.risk_of(tool, version, allowed);
        let resource = Resource::Tool { name: tool, version: &version.version, risk };
        let question = Question { who: *who, action: Action::Call, resource, moment };
        let outcome = match access::decide(self.platform, self.tenant, &question) {
            Verdict::Allowed(by) => Ok(Admitted {
                risk,
                by,
                budgets: policy::budgets(self.ceiling, self.policy, Some(who.name), Some(&tool.package)).into(),
                needs: policy::worst_case(&allowed.limits, &allowed.grants),
                allowed: allowed.clone(),
            }),
            Verdict::Denied(denied) => Err(Refused::Access(denied)),
        };
        CallDecision { outcome, moment }
    }

    /// What is derived of the risk of calls of a tool, where policy allows them.
    pub fn risk(&self, tool: &ToolName, version: &PackageVersion) -> Option<Risk> {
        match decide(self.ceiling, self.policy, &tool.package, version) {
            Decision::Allowed(allowed) => Some(self.risk_of(tool, version, &allowed)),
            Decision::Denied(_) => None,
        }
    }

    fn risk_of(&self, tool: &ToolName, version: &PackageVersion, allowed: &Allowed) -> Risk {
        let floor = RiskLevel::from(self.policy.risk_floor().max(self.ceiling.risk_floor()));
        let risk = risk(tool, version, allowed);
        Risk { level: risk.level.max(floor), ..risk }
    }
}

fn may_call_at_all(who: &Who<'_>) -> std::result::Result<(), access::Denied> {
    let may = Action::Call.scopes().iter().any(|scope| who.scopes.has(*scope));
    if may { Ok(()) } else { Err(access::forbidden_by_scopes(who, Action::Call)) }
}

/// What a call of a tool could do with what it is given.
fn risk(tool: &ToolName, version: &PackageVersion, allowed: &Allowed) -> Risk {
    let claims = version.tools.get(&tool.definition).map(|tool| tool.definition.hints);
    let claims = Claims { destructive: claims.is_some_and(|hints| hints.destructive) };
    Risk::of(&version.admission.inspection.grants, &allowed.grants, claims)
}

impl Caller {
    /// The texts in force for this caller, as they were when the request came.
    pub fn laws(&self) -> Laws<'_> {
        let (platform, tenant) = (&self.platform, &self.tenant);
        Laws { ceiling: &platform.ceiling, policy: &tenant.policy, platform: &platform.access, tenant: &tenant.access }
    }

    /// That the key has a scope for calls: asked before anything of a tool is said.
    ///
    /// # Errors
    ///
    /// `denied`.
    pub fn may_call_at_all(&self) -> Result<()> {
        may_call_at_all(&Who::from(&*self.principal)).map_err(refused)
    }

    /// What is decided of a call of a tool that was found, made now by this key.
    pub fn decide(&self, resolved: &Resolved) -> Arc<CallDecision> {
        self.decide_at(resolved, self.moment(), true)
    }

    /// What is decided of the same call made by another key of the tenant. Not kept: it is asked by people.
    pub fn decide_for(&self, who: &Who<'_>, resolved: &Resolved) -> CallDecision {
        let moment = self.moment();
        let held_back = self.held_back_from(who, resolved, moment);
        held_back.unwrap_or_else(|| self.laws().decide(who, &resolved.name(), &resolved.version, moment))
    }

    /// Who recalled a component, for this tenant.
    pub fn recall_of(&self, component: &Digest) -> Option<Recall> {
        let by = [(true, &self.platform.recalls), (false, &self.tenant.recalls)];
        by.into_iter().find_map(|(by_platform, recalls)| {
            let reason = recalls.get(component)?.clone();
            Some(Recall { component: *component, by_platform, reason })
        })
    }

    /// Why no call of a version is let in as things are, whatever the texts say: it is recalled, or waits for an operator.
    pub fn held_back(&self, package: &PackageRef, version: &PackageVersion) -> Option<Refused> {
        if let Some(recall) = self.recall_of(version.component()) {
            return Some(Refused::Recalled(recall));
        }
        let asks = self.package(package).ok()?.awaits_approval(version)?;
        let (package, version) = (package.clone(), version.version.clone());
        Some(Refused::Awaits(Box::new(Awaiting { package, version, asks })))
    }

    /// The decision where the version is held back: asked before everything but the scope for calls.
    fn held_back_from(&self, who: &Who<'_>, resolved: &Resolved, moment: Moment) -> Option<CallDecision> {
        let held_back = self.held_back(&resolved.package, &resolved.version)?;
        let refused = may_call_at_all(who).map_or_else(Refused::Access, |()| held_back);
        Some(CallDecision { outcome: Err(refused), moment })
    }

    pub(super) fn decide_at(&self, resolved: &Resolved, moment: Moment, is_call: bool) -> Arc<CallDecision> {
        let key = (self.principal.id, resolved.name(), resolved.version.version.clone());
        let generation = self.platform.generation;
        if let Some(decision) = self.tenant.calls.get(&key, generation, moment) {
            return decision;
        }
        let who = Who::from(&*self.principal);
        let decision = Arc::new(match self.held_back_from(&who, resolved, moment) {
            Some(held_back) => held_back,
            None => {
                let by_policy = self.tenant.decide(&self.platform, &resolved.package, &resolved.version);
                self.laws().with(&by_policy, &who, &key.1, &resolved.version, moment)
            }
        });
        self.tenant.calls.put(key, generation, &decision, is_call);
        decision
    }

    /// That the key may do something to its tenant as a whole.
    ///
    /// # Errors
    ///
    /// `denied`, with the rules that decided.
    pub fn may(&self, action: Action) -> Result<()> {
        self.ask(action, Resource::Tenant)
    }

    /// That the key may do something to a package of its tenant's own.
    ///
    /// # Errors
    ///
    /// `denied`, with the rules that decided.
    pub fn may_on(&self, action: Action, package: &PackageName) -> Result<()> {
        self.ask(action, Resource::Package(&PackageRef { origin: Origin::Own, name: package.clone() }))
    }

    /// That the key has a scope for deciding on calls that wait: asked before anything of one is said.
    ///
    /// # Errors
    ///
    /// `denied`.
    pub fn may_approve_at_all(&self) -> Result<()> {
        let (who, action) = (Who::from(&*self.principal), Action::ApproveCall);
        let may = action.scopes().iter().any(|scope| who.scopes.has(*scope));
        if may { Ok(()) } else { Err(refused(access::forbidden_by_scopes(&who, action))) }
    }

    /// That a key of the tenant may decide on calls of a tool that wait for approval, which could do so much.
    ///
    /// # Errors
    ///
    /// `denied`, with the rules that decided.
    pub fn may_approve(&self, who: &Who<'_>, found: &Resolved, risk: Risk) -> Result<()> {
        let (name, version) = (found.name(), &found.version.version);
        let resource = Resource::Tool { name: &name, version, risk };
        let question = Question { who: *who, action: Action::ApproveCall, resource, moment: self.moment() };
        self.ask_under(&self.tenant.access, question)
    }

    /// Whether a key of the tenant could do something to it under these access rules, at this moment.
    ///
    /// # Errors
    ///
    /// `denied`, with the rules that decide.
    pub fn could(&self, who: &Who<'_>, rules: &Rules, action: Action, moment: Moment) -> Result<()> {
        self.ask_under(rules, Question { who: *who, action, resource: Resource::Tenant, moment })
    }

    /// The same at some moment of the week.
    ///
    /// # Errors
    ///
    /// `denied`, with the rules that decide at this moment, where they deny it at every other, too.
    pub fn could_ever(&self, who: &Who<'_>, rules: &Rules, action: Action) -> Result<()> {
        let ask = |moment| self.could(who, rules, action, moment);
        ask(self.moment()).or_else(|denied| match Moment::week().any(|moment| ask(moment).is_ok()) {
            true => Ok(()),
            false => Err(denied),
        })
    }

    fn ask(&self, action: Action, resource: Resource<'_>) -> Result<()> {
        let (who, moment) = (Who::from(&*self.principal), self.moment());
        self.ask_under(&self.tenant.access, Question { who, action, resource, moment })
    }

    fn ask_under(&self, rules: &Rules, question: Question<'_>) -> Result<()> {
        match access::decide(&self.platform.access, rules, &question) {
            Verdict::Allowed(_) => Ok(()),
            Verdict::Denied(denied) => Err(refused(denied)),
        }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment::of(SystemTime::now())
    }
}

/// A refusal with an id, by which the record has it.
fn refused(denied: access::Denied) -> Error {
    Error::from(denied).fact("decision", DecisionId::new().to_string())
}
