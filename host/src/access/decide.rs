//! The decision: the platform's rules, then the scopes', then the tenant's. Each only takes away.

use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{Authorizer, Decision, Effect, PolicySet};

use super::action::Action;
use super::nearest::nearest;
use super::question::{Asked, Question, Who};
use super::rules::{Compiled, Rules, Side};
use super::schema::scopes_text;
use crate::error::{Code, Error};
use crate::identity::{Scope, Scopes};
use crate::policy;

/// Rules that one decision names.
const NAMED_MAX: usize = 8;

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done: the rules that permit it.
    Allowed(Vec<String>),
    /// It may not.
    Denied(Denied),
}

/// Why something may not be done, and what would let it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// What happened, as one clause for the caller.
    pub reason: String,
    /// The rules that decided; where no rule did, what was missing.
    pub rules: Vec<String>,
    /// What came nearest to allowing it.
    pub nearest: Option<String>,
    /// What would allow it, or whom to ask.
    pub remedy: String,
    /// Where it was the scopes: those of which the key needs one, and those that it has.
    pub scopes: Option<(&'static [Scope], Scopes)>,
}

impl Denied {
    /// The rules in one text.
    pub fn rule(&self) -> String {
        self.rules.join(" and ")
    }
}

impl From<Denied> for policy::Denied {
    fn from(denied: Denied) -> Self {
        let rule = denied.rule();
        Self { reason: denied.reason, rule, nearest: denied.nearest, remedy: denied.remedy }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        let mut error = Self::new(Code::Denied, denied.reason.clone())
            .next(denied.remedy.clone())
            .fact("rule", denied.rule())
            .fact("rules", denied.rules)
            .fact("remedy", denied.remedy);
        if let Some(nearest) = denied.nearest {
            error = error.fact("nearest", nearest);
        }
        if let Some((needed, has)) = denied.scopes {
            let has: Vec<_> = has.iter().map(Scope::as_str).collect();
            error = error.fact("scopes_needed", words(needed)).fact("scopes", has);
        }
        error
    }
}

/// Decides a question under the platform's rules and the tenant's.
pub fn decide(platform: &Rules, tenant: &Rules, question: &Question<'_>) -> Verdict {
    let asked = match question.asked() {
        Ok(asked) => asked,
        Err(error) => return Verdict::Denied(broken(Side::Tenant, vec![format!("access: {error}")])),
    };
    let steps = || {
        of_platform(platform, &asked)?;
        let mut by = of_scopes(question, &asked)?;
        by.extend(of_tenant(tenant, question, &asked)?);
        Ok(by)
    };
    match steps() {
        Ok(by) => Verdict::Allowed(by),
        Err(denied) => Verdict::Denied(denied),
    }
}

/// What a set of rules says: the rules that permit, which may be none, or why not.
type Step = Result<Vec<String>, Denied>;

fn of_platform(rules: &Rules, asked: &Asked) -> Step {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let compiled = rules.compiled().map_err(|error| broken(Side::Platform, vec![error.to_owned()]))?;
    satisfied(compiled, asked, Side::Platform).map(|_| Vec::new())
}

fn of_scopes(question: &Question<'_>, asked: &Asked) -> Step {
    /// The built-in set, by action: each question asks what is about it.
    static SCOPES: LazyLock<Vec<(Action, PolicySet)>> = LazyLock::new(|| {
        // A test shows that each reads.
        let read = |action: &Action| Some((*action, PolicySet::from_str(&scopes_text(*action)).ok()?));
        Action::ALL.iter().filter_map(read).collect()
    });
    let set = SCOPES.iter().find(|(action, _)| *action == question.action).map(|(_, set)| set);
    let response = set.map(|set| (set, Authorizer::new().is_authorized(&asked.request, set, &asked.entities)));
    match response {
        Some((set, response)) if response.decision() == Decision::Allow => {
            let named = |id: &cedar_policy::PolicyId| {
                format!("scopes: permit @id({:?})", set.annotation(id, "id").unwrap_or_default())
            };
            Ok(response.diagnostics().reason().map(named).take(NAMED_MAX).collect())
        }
        _ => Err(forbidden_by_scopes(&question.who, question.action)),
    }
}

/// That a key has not the scope for an action.
pub fn forbidden_by_scopes(who: &Who<'_>, action: Action) -> Denied {
    let wanted = words(action.scopes());
    Denied {
        reason: format!("this key has not the scope {wanted}"),
        rules: vec![format!("scopes: no scope of the key permits {}", action.as_str())],
        nearest: Some(match who.scopes.is_empty() {
            true => "the key has no scope".to_owned(),
            false => format!("the key has {}", words(&who.scopes.iter().collect::<Vec<_>>()).replace(" or ", ", ")),
        }),
        remedy: format!("use a key with the scope {wanted}; an operator of the tenant can create one"),
        scopes: Some((action.scopes(), who.scopes)),
    }
}

fn of_tenant(rules: &Rules, question: &Question<'_>, asked: &Asked) -> Step {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let compiled = match rules.compiled() {
        Ok(compiled) => compiled,
        // Whoever may mend them has to be able to.
        Err(_) if matches!(question.action, Action::ChangeAccess | Action::ReadPolicy) => return Ok(Vec::new()),
        Err(error) => return Err(broken(Side::Tenant, vec![error.to_owned()])),
    };
    let permits = satisfied(compiled, asked, Side::Tenant)?;
    if permits.is_empty() && compiled.needs_permit(question.action) {
        let action = question.action.as_str();
        return Err(Denied {
            reason: format!("the tenant's access rules do not let this key {action} {}", question.resource_words()),
            rules: vec![format!("default: no permit for {action} covers it")],
            nearest: nearest(compiled, question),
            remedy: format!(
                "ask an operator of the tenant for an access rule: permit (principal == Principal::\"{}\", action == \
                 Action::\"{action}\", resource == {})",
                question.who.id,
                asked.request.resource().map(ToString::to_string).unwrap_or_default()
            ),
            scopes: None,
        });
    }
    Ok(permits)
}

/// The permits that are satisfied where nothing forbids and nothing fails.
fn satisfied(compiled: &Compiled, asked: &Asked, side: Side) -> Step {
    let response = Authorizer::new().is_authorized(&asked.request, &compiled.set, &asked.entities);
    let diagnostics = response.diagnostics();
    let failed: Vec<String> = diagnostics
        .errors()
        .take(NAMED_MAX)
        .map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                let inner: String = error.inner().to_string().chars().take(200).collect();
                format!("{}: it fails: {inner}", compiled.name(error.policy_id()))
            }
        })
        .collect();
    if !failed.is_empty() {
        return Err(broken(side, failed));
    }
    let mut reasons: Vec<_> = diagnostics.reason().collect();
    reasons.sort_by_key(|id| compiled.line(id));
    let named = reasons.iter().map(|id| compiled.name(id)).take(NAMED_MAX).collect();
    let is_forbidden =
        |id: &&&cedar_policy::PolicyId| compiled.set.policy(id).is_some_and(|rule| rule.effect() == Effect::Forbid);
    if reasons.iter().find(is_forbidden).is_none() {
        return Ok(named);
    }
    Err(Denied {
        reason: match side {
            Side::Platform => "the platform forbids it".to_owned(),
            Side::Tenant => "an access rule of the tenant forbids it".to_owned(),
        },
        rules: named,
        nearest: None,
        remedy: match side {
            Side::Platform => "ask the platform team: no rule of a tenant can permit it".to_owned(),
            Side::Tenant => "ask an operator of the tenant: the access rule has to make an exception".to_owned(),
        },
        scopes: None,
    })
}

/// A failure is a denial.
fn broken(side: Side, rules: Vec<String>) -> Denied {
    let (whose, whom) = match side {
        Side::Platform => ("the platform's access rules", "the platform team"),
        Side::Tenant => ("the tenant's access rules", "an operator of the tenant"),
    };
    Denied {
        reason: format!("{whose} cannot be evaluated for this, and what cannot be is denied"),
        rules,
        nearest: None,
        remedy: format!("ask {whom} to mend the rule"),
        scopes: None,
    }
}

fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" or ")
}
