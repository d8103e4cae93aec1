//! What came nearest to allowing something that no rule permits: Cedar names no rule for a default denial.

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};

use super::question::{Question, Resource, uid};
use super::rules::Compiled;

/// The `permit` of which the most holds, and what of it does not.
pub(super) fn nearest(compiled: &Compiled, question: &Question<'_>) -> Option<String> {
    let facts = Facts::of(question)?;
    let permits = compiled.rules().into_iter().filter(|rule| rule.effect() == Effect::Permit);
    let weighed = permits.filter(|rule| facts.action(&rule.action_constraint())).map(|rule| (facts.holds(rule), rule));
    let weight = |(principal, resource): (bool, bool)| u8::from(principal) + u8::from(resource);
    // Of those alike, the first of the text.
    let best = weighed.reduce(|best, next| if weight(next.0) > weight(best.0) { next } else { best });
    let ((principal, resource), rule) = best?;
    let missing = match (principal, resource) {
        (true, true) => "its condition does not hold",
        (true, false) => "it is for another resource",
        (false, true) => "it is for another principal",
        (false, false) => "it is for another principal and another resource",
    };
    Some(format!("{}, but {missing}", compiled.name(rule.id())))
}

/// What scope clauses are held against.
struct Facts {
    principal: EntityUid,
    scopes: Vec<EntityUid>,
    action: EntityUid,
    resource: EntityUid,
    /// What the resource is in.
    within: Option<EntityUid>,
}

impl Facts {
    fn of(question: &Question<'_>) -> Option<Self> {
        let who = question.who;
        let (kind, id, within) = match question.resource {
            Resource::Tool { name, .. } => ("Tool", name.to_string(), uid("Package", &name.package.to_string()).ok()),
            Resource::Package(package) => ("Package", package.to_string(), None),
            Resource::Tenant => ("Tenant", who.tenant.to_string(), None),
        };
        Some(Self {
            principal: uid("Principal", &who.id.to_string()).ok()?,
            scopes: who.scopes.iter().filter_map(|scope| uid("Scope", scope.as_str()).ok()).collect(),
            action: uid("Action", question.action.as_str()).ok()?,
            resource: uid(kind, &id).ok()?,
            within,
        })
    }

    fn action(&self, constraint: &ActionConstraint) -> bool {
        match constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(one) => *one == self.action,
            ActionConstraint::In(several) => several.contains(&self.action),
        }
    }

    /// Whether the rule's clauses for the principal and for the resource hold.
    fn holds(&self, rule: &Policy) -> (bool, bool) {
        let in_scope = |group: &EntityUid| *group == self.principal || self.scopes.contains(group);
        let principal = match rule.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::In(group) => in_scope(&group),
            PrincipalConstraint::Eq(one) => one == self.principal,
            PrincipalConstraint::Is(kind) => kind == *self.principal.type_name(),
            PrincipalConstraint::IsIn(kind, group) => kind == *self.principal.type_name() && in_scope(&group),
        };
        let inside = |group: &EntityUid| *group == self.resource || self.within.as_ref() == Some(group);
        let resource = match rule.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::In(group) => inside(&group),
            ResourceConstraint::Eq(one) => one == self.resource,
            ResourceConstraint::Is(kind) => kind == *self.resource.type_name(),
            ResourceConstraint::IsIn(kind, group) => kind == *self.resource.type_name() && inside(&group),
        };
        (principal, resource)
    }
}
