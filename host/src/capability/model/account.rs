//! What a call's requests may come to, all together: reserved at the most before anything leaves, settled behind it. What
//! is not settled, because the call was given up, stays charged in full: nobody knows what the provider did.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ModelFault;
use crate::amounts::count;
use crate::limits::CallLimits;
use crate::money::Money;
use crate::policy::ModelRoute;
use crate::routed::WHOLE_PPM;

/// What something comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) tokens: u64,
    pub(super) cost: Money,
}

/// What a call has left.
#[derive(Debug)]
pub(super) struct Account {
    requests_max: u64,
    tokens_max: u64,
    cost_max: Money,
    /// Of the tenant's budgets, as the call began: what it may spend itself was reserved of them by then.
    budget_left_ppm: u32,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    requests: u64,
    charge: Charge,
    /// Tokens, by route.
    routes: BTreeMap<String, u64>,
}

/// What is left, as a decision sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) tokens: u64,
    pub(super) cost: Money,
    pub(super) budget_left_ppm: u32,
}

/// Something that is reserved.
#[derive(Debug)]
pub(super) struct Hold {
    account: Arc<Account>,
    route: String,
    most: Charge,
}

impl Account {
    pub(super) fn new(limits: &CallLimits, budget_left_ppm: u32) -> Self {
        let (requests_max, tokens_max, cost_max) = (limits.model_requests, limits.model_tokens, limits.model_cost);
        Self { requests_max, tokens_max, cost_max, budget_left_ppm, spent: Mutex::default() }
    }

    /// Counts a request of the guest's.
    pub(super) fn request(&self) -> Result<(), ModelFault> {
        let mut spent = self.spent.lock();
        if spent.requests >= self.requests_max {
            let why =
                format!("limits.model_requests is {}: ask less often in one call, or raise it", self.requests_max);
            return Err(ModelFault::Budget(why));
        }
        spent.requests += 1;
        Ok(())
    }

    /// What bounds requests by `route`, and what to do about it.
    pub(super) fn bounds(&self, route: &ModelRoute) -> String {
        let of_route = route.tokens_max.map(|most| format!("tokens_max of the route's grant is {}, ", count(most)));
        format!(
            "{}limits.model_tokens is {}, limits.model_cost is {}: ask for less at a time, or have them raised",
            of_route.unwrap_or_default(),
            count(self.tokens_max),
            self.cost_max
        )
    }

    /// What is left for requests by `route`.
    pub(super) fn left(&self, route: &ModelRoute) -> Left {
        self.left_of(&self.spent.lock(), route)
    }

    fn left_of(&self, spent: &Spent, route: &ModelRoute) -> Left {
        let of_route = route
            .tokens_max
            .map(|most| most.saturating_sub(spent.routes.get(&route.name).copied().unwrap_or_default()));
        let tokens = self.tokens_max.saturating_sub(spent.charge.tokens);
        let cost = self.cost_max.less(spent.charge.cost);
        let budget_left_ppm = part(cost, self.cost_max).min(self.budget_left_ppm);
        Left { tokens: tokens.min(of_route.unwrap_or(u64::MAX)), cost, budget_left_ppm }
    }

    /// Reserves `most`, unless another request of the call took it since a decision looked.
    pub(super) fn reserve(self: &Arc<Self>, route: &ModelRoute, most: Charge) -> Option<Hold> {
        let mut spent = self.spent.lock();
        let left = self.left_of(&spent, route);
        if most.tokens > left.tokens || most.cost > left.cost {
            return None;
        }
        spent.add(&route.name, most);
        Some(Hold { account: Arc::clone(self), route: route.name.clone(), most })
    }
}

/// What `left` is of `whole`, in millionths, rounded down; of nothing, nothing is left.
fn part(left: Money, whole: Money) -> u32 {
    let (left, whole) = (u128::from(left.as_billionths()), u128::from(whole.as_billionths()));
    let part = (left * u128::from(WHOLE_PPM)).checked_div(whole).unwrap_or(0);
    u32::try_from(part).unwrap_or(WHOLE_PPM)
}

impl Spent {
    fn add(&mut self, route: &str, charge: Charge) {
        self.charge.tokens = self.charge.tokens.saturating_add(charge.tokens);
        self.charge.cost = self.charge.cost.plus(charge.cost);
        let of_route = self.routes.entry(route.to_owned()).or_default();
        *of_route = of_route.saturating_add(charge.tokens);
    }
}

impl Hold {
    /// Gives back what was reserved and not used.
    pub(super) fn settle(self, used: Charge) {
        let mut spent = self.account.spent.lock();
        let (tokens, cost) = (self.most.tokens.saturating_sub(used.tokens), self.most.cost.less(used.cost));
        spent.charge.tokens = spent.charge.tokens.saturating_sub(tokens);
        spent.charge.cost = spent.charge.cost.less(cost);
        if let Some(of_route) = spent.routes.get_mut(&self.route) {
            *of_route = of_route.saturating_sub(tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(tokens_max: Option<u64>) -> ModelRoute {
        ModelRoute { name: "answers".to_owned(), choices: Vec::new(), falls_back: true, tokens_max }
    }

    fn account(tokens: u64, cost: u64) -> Arc<Account> {
        let cost = Money::billionths(cost);
        let limits = CallLimits { model_requests: 2, model_tokens: tokens, model_cost: cost, ..CallLimits::default() };
        Arc::new(Account::new(&limits, WHOLE_PPM))
    }

    fn charge(tokens: u64, cost: u64) -> Charge {
        Charge { tokens, cost: Money::billionths(cost) }
    }

    #[test]
    fn what_is_reserved_is_given_back_but_for_what_was_used_and_what_was_given_up() {
        let (account, route) = (account(1_000, 100), route(None));
        let hold = account.reserve(&route, charge(600, 60)).unwrap();
        assert!(account.reserve(&route, charge(500, 1)).is_none() && account.reserve(&route, charge(1, 50)).is_none());
        assert_eq!(account.left(&route).budget_left_ppm, 400_000);
        hold.settle(charge(10, 1));
        assert_eq!(account.left(&route).tokens, 990);
        // A provider that says more than was reserved is not believed here either.
        account.reserve(&route, charge(90, 9)).unwrap().settle(charge(u64::MAX, u64::MAX));
        drop(account.reserve(&route, charge(400, 40)).unwrap());
        let left = account.left(&route);
        assert_eq!((left.tokens, left.cost), (500, Money::billionths(50)));
        account.request().unwrap();
        account.request().unwrap();
        assert!(
            matches!(account.request(), Err(ModelFault::Budget(why)) if why.contains("limits.model_requests is 2"))
        );
    }

    #[test]
    fn a_route_is_bounded_for_itself_and_the_call_all_the_same() {
        let (account, narrow, wide) = (account(1_000, 100), route(Some(300)), route(None));
        let wide = ModelRoute { name: "others".to_owned(), ..wide };
        assert!(account.reserve(&narrow, charge(301, 0)).is_none());
        account.reserve(&narrow, charge(300, 0)).unwrap().settle(charge(100, 0));
        assert_eq!((account.left(&narrow).tokens, account.left(&wide).tokens), (200, 900));
        account.reserve(&wide, charge(850, 0)).unwrap().settle(charge(850, 0));
        assert_eq!(account.left(&narrow).tokens, 50);
        assert!(
            account.bounds(&narrow).starts_with("tokens_max of the route's grant is 300, limits.model_tokens is 1,000")
        );
    }

    #[test]
    fn requests_at_once_have_no_more_together_than_there_is() {
        let (account, route) = (account(1_000, 1_000), route(None));
        let taken: u64 = std::thread::scope(|scope| {
            let take = || {
                let held: Vec<Hold> = (0..100).filter_map(|_| account.reserve(&route, charge(7, 9))).collect();
                held.len() as u64
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // What is dropped stays charged.
        assert_eq!((taken, account.left(&route).cost), (111, Money::billionths(1)));
    }
}
