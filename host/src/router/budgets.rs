//! What is left of budgets, for whoever asks before a call: people, reports, and routes.

use std::sync::Arc;

use crate::access::{Action, Who};
use crate::admission::budget::{Line, Reservation, Scope, Spender};
use crate::amounts::Bound;
use crate::error::Result;
use crate::id::{PackageRef, PrincipalId};
use crate::policy::{self, BudgetStanding};
use crate::routed::WHOLE_PPM;
use crate::snapshot::{Admitted, Caller};

use super::Router;

/// Budgets that a report has; of very many the first.
const TOLD_MAX: usize = 1_000;

impl Router {
    /// How the budgets stand that a call would count against, with what it may use of each.
    pub(super) fn budgets_of_call(
        &self,
        caller: &Caller,
        principal: PrincipalId,
        package: &PackageRef,
        admitted: &Admitted,
    ) -> Vec<BudgetStanding> {
        let spender = Spender { principal: Some(principal), package: package.clone() };
        let standings = self.0.meter.standings(&caller.tenant.id, &spender, &admitted.budgets);
        let needed = admitted.budgets.iter().map(|budget| match budget.bound {
            Bound::Per(amount, _) => admitted.needs[amount],
            Bound::CallsPerSecond => 1,
        });
        standings.into_iter().zip(needed).map(|(at, needed)| BudgetStanding { needed: Some(needed), ..at }).collect()
    }

    /// How all budgets of the tenant stand: its own, and those of keys and packages that used something of theirs in a
    /// window of the present.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator or auditor.
    pub fn budgets(&self, caller: &Caller) -> Result<Vec<BudgetStanding>> {
        caller.may(Action::ReadUsage)?;
        let tenant = &caller.tenant;
        let (ceiling, rules) = (&caller.platform.ceiling, &tenant.policy);
        let mut scopes = self.0.meter.scopes(&tenant.id);
        if !scopes.contains(&Scope::Tenant) {
            scopes.insert(0, Scope::Tenant);
        }
        let name = |id: PrincipalId| tenant.keyring.principals().find(|principal| principal.id == id);
        let mut told = Vec::new();
        for scope in scopes {
            let (principal, package) = match &scope {
                Scope::Tenant => (None, None),
                Scope::Principal(id) => (Some(*id), None),
                Scope::Tool(package) => (None, Some(package)),
                Scope::PrincipalAndTool(id, package) => (Some(*id), Some(package)),
            };
            // A key that is not valid any more has no name that a row could mean.
            let known = principal.map(name);
            if known == Some(None) {
                continue;
            }
            let called = known.flatten().map(|principal| &*principal.name);
            let of: Vec<String> =
                called.map(str::to_owned).into_iter().chain(package.map(ToString::to_string)).collect();
            let of = (!of.is_empty()).then(|| of.join(", "));
            let budgets = policy::budgets(ceiling, rules, called, package);
            let own = budgets.iter().filter(|budget| budget.whose == scope.whose());
            told.extend(
                own.map(|budget| BudgetStanding {
                    of: of.clone(),
                    ..self.0.meter.standing(&tenant.id, &scope, budget)
                }),
            );
            if told.len() >= TOLD_MAX {
                break;
            }
        }
        told.truncate(TOLD_MAX);
        Ok(told)
    }

    /// Keeps the most that a call of `package` may use, in all budgets that bind it or in none.
    ///
    /// # Errors
    ///
    /// `budget-exceeded`, with the budget that has no room.
    pub(super) fn reserve(&self, caller: &Caller, package: &PackageRef, admitted: &Admitted) -> Result<Reservation> {
        self.reserve_below(caller, package, admitted, None)
    }

    /// The same for a call that the last of `above` made, of whose fuel its own is a part.
    ///
    /// # Errors
    ///
    /// As of [`Router::reserve`].
    pub(super) fn reserve_below(
        &self,
        caller: &Caller,
        package: &PackageRef,
        admitted: &Admitted,
        above: Option<&Arc<Line>>,
    ) -> Result<Reservation> {
        let spender = Spender { principal: Some(caller.principal.id), package: package.clone() };
        self.0.meter.reserve_below(&caller.tenant.id, spender, &admitted.budgets, admitted.needs, above)
    }

    /// That such a call by `principal` would find room now.
    ///
    /// # Errors
    ///
    /// As of [`Router::reserve`].
    pub(super) fn room(
        &self,
        caller: &Caller,
        principal: PrincipalId,
        package: &PackageRef,
        admitted: &Admitted,
    ) -> Result<()> {
        let spender = Spender { principal: Some(principal), package: package.clone() };
        self.0.meter.room(&caller.tenant.id, &spender, &admitted.budgets, &admitted.needs)
    }

    /// The scarcest budget that binds all calls of a key of the caller's tenant: of those for money where there are any,
    /// else for tokens, for fuel, for calls. What routes choose by.
    pub(super) fn scarcest_budget(&self, caller: &Caller, who: &Who<'_>) -> Option<BudgetStanding> {
        let (ceiling, rules) = (&caller.platform.ceiling, &caller.tenant.policy);
        let budgets = policy::budgets(ceiling, rules, Some(who.name), None);
        let scope = |whose| match whose {
            policy::Whose::Principal => Scope::Principal(who.id),
            _ => Scope::Tenant,
        };
        self.0.meter.scarcest(&caller.tenant.id, &budgets, scope)
    }

    /// How much of that is left for the caller's own key, in millionths; all where nothing is bounded.
    pub(super) fn budget_left_ppm(&self, caller: &Caller) -> u32 {
        let scarcest = self.scarcest_budget(caller, &Who::from(&*caller.principal));
        scarcest.map_or(WHOLE_PPM, |scarcest| scarcest.left_ppm())
    }
}
