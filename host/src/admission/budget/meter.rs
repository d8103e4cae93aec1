//! Every tenant's use while the host runs: reserve, run, settle. Nothing is written here, and no lock is held for longer
//! than it takes to look at a few counters.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};

use super::account::{Account, Full, Scope, Spender};
use super::hold::Hold;
use crate::amounts::{Amount, Amounts, Bound, count};
use crate::audit::entry::Reserved;
use crate::error::{Code, Error, Result};
use crate::id::{PackageRef, TenantId};
use crate::policy::{Budget, BudgetStanding, Whose};

/// How long whoever finds a budget kept for running calls waits: they end within seconds, and windows last for hours.
const RUNNING_RETRY: Duration = Duration::from_secs(1);

/// What time it is.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Every tenant's use. Cheap to clone.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    clock: Clock,
    tenants: RwLock<HashMap<TenantId, Arc<Mutex<Account>>>>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("tenants", &self.0.tenants.read().len()).finish_non_exhaustive()
    }
}

impl Meter {
    /// Goes on from `accounts`, which the record gave.
    pub fn new(clock: Clock, accounts: &BTreeMap<TenantId, Account>) -> Self {
        let tenants = accounts.iter().map(|(tenant, account)| (tenant.clone(), Arc::new(Mutex::new(account.clone()))));
        Self(Arc::new(Inner { clock, tenants: RwLock::new(tenants.collect()) }))
    }

    /// Reserves `needs` for a call, in all of its budgets or in none.
    ///
    /// # Errors
    ///
    /// `budget-exceeded`: which budget, what is left of it, when it begins anew and whose it is.
    pub fn reserve(
        &self,
        tenant: &TenantId,
        spender: Spender,
        budgets: &[Budget],
        needs: Amounts,
    ) -> Result<Reservation> {
        self.reserve_below(tenant, spender, budgets, needs, None)
    }

    /// The same for a call that the last of `above` made: of its fuel, nothing is reserved where that is kept already.
    ///
    /// # Errors
    ///
    /// As of [`Meter::reserve`].
    pub fn reserve_below(
        &self,
        tenant: &TenantId,
        spender: Spender,
        budgets: &[Budget],
        needs: Amounts,
        above: Option<&Arc<Line>>,
    ) -> Result<Reservation> {
        let account = self.account(tenant);
        let now = self.now();
        let mut counted = account.lock();
        let hold = |at| Line::hold(&spender.package, Reserved { amounts: needs, at }, above);
        let in_each: BTreeMap<Whose, Amounts> = hold(now).kept().map(|(whose, _, needs)| (whose, needs)).collect();
        let needed = |whose: Whose| in_each.get(&whose).copied().unwrap_or(needs);
        let at = counted.reserve(&spender, budgets, needed, now).map_err(|full| exceeded(&full, now))?;
        let line = Line { package: spender.package.clone(), hold: Mutex::new(hold(at)), above: above.cloned() };
        drop(counted);
        Ok(Reservation { account, spender, line: Arc::new(line), is_settled: false })
    }

    /// That a call would find room in all of its budgets now. Nothing is reserved.
    ///
    /// # Errors
    ///
    /// As of [`Meter::reserve`].
    pub fn room(&self, tenant: &TenantId, spender: &Spender, budgets: &[Budget], needs: &Amounts) -> Result<()> {
        let (account, now) = (self.account(tenant), self.now());
        let full = account.lock().has_room(spender, budgets, |_| *needs, now);
        full.map_err(|full| exceeded(&full, now))
    }

    /// How `budgets`, which bind calls by `spender`, stand.
    pub fn standings(&self, tenant: &TenantId, spender: &Spender, budgets: &[Budget]) -> Vec<BudgetStanding> {
        budgets.iter().filter_map(|budget| Some(self.standing(tenant, &spender.scope(budget.whose)?, budget))).collect()
    }

    /// How a budget stands for `scope`. Of a rate, nothing is counted: it is how many may come in the next second.
    pub fn standing(&self, tenant: &TenantId, scope: &Scope, budget: &Budget) -> BudgetStanding {
        let (account, now) = (self.account(tenant), self.now());
        let (used, reserved, until) = match budget.bound {
            Bound::Per(amount, window) => {
                let (counted, until) = account.lock().counted(scope, window, now);
                (counted.used[amount], counted.reserved[amount], until)
            }
            Bound::CallsPerSecond => (0, 0, now + Duration::from_secs(1)),
        };
        BudgetStanding {
            limit: budget.bound.key().to_owned(),
            whose: budget.whose,
            of: None,
            maximum: budget.maximum,
            used,
            reserved,
            left: budget.maximum.saturating_sub(used).saturating_sub(reserved),
            needed: None,
            resets_at: moment(until),
            rule: budget.rule.clone(),
        }
    }

    /// Whose use of a tenant is counted at present.
    pub fn scopes(&self, tenant: &TenantId) -> Vec<Scope> {
        self.account(tenant).lock().scopes().cloned().collect()
    }

    /// The scarcest of `budgets`, as it stands: of those for money where there are any, else for tokens, for fuel, for calls.
    pub fn scarcest(
        &self,
        tenant: &TenantId,
        budgets: &[Budget],
        scope: impl Fn(Whose) -> Scope,
    ) -> Option<BudgetStanding> {
        let of = |amount: Amount| {
            let bounds = budgets.iter().filter(|budget| matches!(budget.bound, Bound::Per(of, _) if of == amount));
            bounds.collect::<Vec<_>>()
        };
        let amounts = [Amount::ModelCost, Amount::ModelTokens, Amount::Fuel, Amount::Calls];
        let chosen = amounts.map(of).into_iter().find(|some| !some.is_empty());
        let standings = chosen?.into_iter().map(|budget| self.standing(tenant, &scope(budget.whose), budget));
        standings.min_by_key(BudgetStanding::left_ppm)
    }

    /// Forgets tenants that have used nothing in any window of the present.
    pub fn prune(&self) {
        let now = self.now();
        // Who holds an account has a call that is not settled, or is about to reserve: nobody gets one meanwhile.
        self.0.tenants.write().retain(|_, account| Arc::strong_count(account) > 1 || account.lock().prune(now));
    }

    fn now(&self) -> SystemTime {
        // By the microsecond, as the record spells it: what is counted here and there must not differ.
        let now = (self.0.clock)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::new(now.as_secs(), now.subsec_micros() * 1_000)
    }

    fn account(&self, tenant: &TenantId) -> Arc<Mutex<Account>> {
        if let Some(account) = self.0.tenants.read().get(tenant) {
            return Arc::clone(account);
        }
        Arc::clone(self.0.tenants.write().entry(tenant.clone()).or_default())
    }

    #[cfg(test)]
    pub(super) fn accounts(&self) -> BTreeMap<TenantId, Account> {
        let tenants = self.0.tenants.read();
        tenants.iter().map(|(tenant, account)| (tenant.clone(), account.lock().clone())).collect()
    }
}

/// What is kept for one call. Dropped, it is given back; settled, what the call used is counted in its place.
#[derive(Debug)]
#[must_use = "dropped, it is given back"]
pub struct Reservation {
    account: Arc<Mutex<Account>>,
    spender: Spender,
    line: Arc<Line>,
    is_settled: bool,
}

/// A call for which something is kept, and those above it. Only looked into under its tenant's lock.
#[derive(Debug)]
pub struct Line {
    package: PackageRef,
    hold: Mutex<Hold>,
    above: Option<Arc<Line>>,
}

impl Line {
    fn up(first: Option<&Arc<Self>>) -> impl Iterator<Item = &Self> {
        std::iter::successors(first.map(AsRef::as_ref), |line: &&Self| line.above.as_deref())
    }

    /// What is kept for a call of `package` below `above`.
    fn hold(package: &PackageRef, reserved: Reserved, above: Option<&Arc<Self>>) -> Hold {
        let above: Vec<_> = Self::up(above).map(|line| (&line.package, line.hold.lock().clone())).collect();
        Hold::below(package, reserved, &above.iter().map(|(package, hold)| (*package, hold)))
    }
}

impl Reservation {
    /// What is reserved, for the record.
    pub fn reserved(&self) -> Reserved {
        self.line.hold.lock().reserved()
    }

    /// For calls that the call makes.
    pub fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    /// Counts `used`, and gives back the rest.
    pub fn settle(mut self, used: &Amounts) {
        self.is_settled = true;
        let (mut account, hold) = (self.account.lock(), self.line.hold.lock().clone());
        let fuel = used[Amount::Fuel];
        account.release(&self.spender, hold.kept().chain(hold.with_above(fuel)));
        account.charge(&self.spender, hold.charges(used));
        for above in Line::up(self.line.above.as_ref()) {
            above.hold.lock().used_below(&above.package, (&self.line.package, &hold), fuel);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_settled {
            let mut account = self.account.lock();
            account.release(&self.spender, self.line.hold.lock().kept());
        }
    }
}

/// A moment as errors and reports have it.
fn moment(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

fn exceeded(full: &Full<'_>, now: SystemTime) -> Error {
    let Full { budget: Budget { whose, bound, maximum, rule }, counted, needed, until } = full;
    let (limit, words) = (bound.key(), |value| bound.unit().words(value));
    let (used, reserved) = match bound {
        Bound::Per(amount, _) => (counted.used[*amount], counted.reserved[*amount]),
        Bound::CallsPerSecond => (*maximum, 0),
    };
    let left = maximum.saturating_sub(used).saturating_sub(reserved);
    let whom = whose.words();
    let message = match bound {
        Bound::CallsPerSecond => format!("{whom} budget {limit} of {} is used up", count(*maximum)),
        Bound::Per(..) => format!(
            "{whom} budget {limit} has {} left of {}, and this call may use {}",
            words(left),
            words(*maximum),
            words(*needed)
        ),
    };
    // It would fit, were it not for what running calls may still use: what they do not comes back with their ends.
    let comes_back = reserved > 0 && used.saturating_add(*needed) <= *maximum;
    let next = if needed > maximum {
        format!("no call with these limits fits: have limits.* lowered or budget.{limit} raised ({rule})")
    } else if comes_back {
        format!(
            "wait for running calls to end, for which {} is reserved, or until {}; or have it raised ({rule})",
            words(reserved),
            moment(*until)
        )
    } else {
        format!("wait until {}, or have it raised ({rule})", moment(*until))
    };
    let error = Error::new(Code::BudgetExceeded, message)
        .next(next)
        .fact("limit", limit)
        .fact("whose", whose_text(*whose))
        .fact("maximum", *maximum)
        .fact("used", used)
        .fact("reserved", reserved)
        .fact("left", left)
        .fact("needed", *needed)
        .fact("resets_at", moment(*until))
        .fact("rule", rule.clone());
    let wait = until.duration_since(now).unwrap_or_default();
    let wait = if comes_back { wait.min(RUNNING_RETRY) } else { wait };
    error.fact("retry_after_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
}

fn whose_text(whose: Whose) -> &'static str {
    match whose {
        Whose::Tenant => "tenant",
        Whose::Principal => "principal",
        Whose::Tool => "tool",
        Whose::PrincipalAndTool => "principal-and-tool",
    }
}
