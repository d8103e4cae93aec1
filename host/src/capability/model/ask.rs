//! One request of a guest's, from the decision on it to its entry in the record: decide, reserve, ask, and where nothing
//! came of that, decide again.

mod attempt;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::settle::name;
use super::account::{Charge, Hold};
use super::check::Size;
use super::retry::pause;
use super::stream::Live;
use super::{ModelFault, Shared};
use crate::capability::bindings::cofferdam::tool::model::{Answer, ChatRequest, Vectors};
use crate::capability::effects::{Against, Stop};
use crate::money::Money;
use crate::policy::ModelRoute;
use crate::policy::model::{ModelDecision, ModelFacts, ModelRefusal, Offered, choose};
use crate::uses::CapabilityUse;

/// What a guest wants.
pub(super) enum Wanted<'a> {
    Whole(&'a ChatRequest),
    Pieces(&'a ChatRequest),
    Vectors(&'a [String]),
}

/// What it gets.
pub(super) enum Got {
    Answer(Answer),
    Reply(Box<Live>, Held),
    Vectors(Vectors),
}

/// What is reserved for an answer, and for which model.
pub(super) struct Held {
    hold: Hold,
    offered: Offered,
}

/// One request. Dropping it puts it into the record.
pub(super) struct Asking {
    shared: Arc<Shared>,
    route: ModelRoute,
    size: Size,
    /// Choices that gave nothing, and how often each was asked.
    failed: BTreeMap<usize, String>,
    tried: BTreeMap<usize, u32>,
    decision: Option<(ModelFacts, ModelDecision)>,
    attempts: u64,
    /// What it came to so far, and what is reserved meanwhile.
    tokens: [u64; 2],
    cost: Money,
    /// Which providers had it, as rules of flow and the record see it.
    used: BTreeSet<CapabilityUse>,
    pending: Option<([u64; 2], Money)>,
    answer: Option<[u8; 32]>,
    outcome: &'static str,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking")
            .field("route", &self.route.name)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl Asking {
    pub(super) fn new(shared: Arc<Shared>, route: ModelRoute, size: Size) -> Self {
        Self {
            shared,
            route,
            size,
            failed: BTreeMap::new(),
            tried: BTreeMap::new(),
            decision: None,
            attempts: 0,
            tokens: [0; 2],
            cost: Money::ZERO,
            used: BTreeSet::new(),
            pending: None,
            answer: None,
            outcome: "cancelled",
        }
    }

    /// Asks until there is an answer, or no choice is left that could give one.
    pub(super) async fn run(&mut self, wanted: &Wanted<'_>) -> Result<Got, ModelFault> {
        let got = self.ask(wanted).await;
        // That it failed, and how, is an answer too.
        self.used.iter().for_each(|used| self.shared.effects.answered(used));
        got
    }

    async fn ask(&mut self, wanted: &Wanted<'_>) -> Result<Got, ModelFault> {
        loop {
            let (nth, offered, most) = self.decide()?;
            // Another request of the same call can have taken it: then the next decision sees that.
            let Some(hold) = self.shared.account.reserve(&self.route, most) else { continue };
            if let Err(fault) = self.pass(&offered).await {
                hold.settle(Charge::default());
                return Err(fault);
            }
            self.pending = Some(([self.size.input_tokens_max, self.size.output_tokens_max], most.cost));
            self.attempts += 1;
            let patience = self.patience(nth, &offered);
            let failure = match Box::pin(self.attempt(wanted, &offered, patience)).await {
                Ok(got) => return Ok(self.take(got, Held { hold, offered })),
                Err(failure) => failure,
            };
            self.settle_failed(Held { hold, offered: offered.clone() }, &failure);
            if failure.stop.is_some() {
                self.outcome = "failed";
                return Err(failure.into_fault(&name(&offered)));
            }
            let tried = self.tried.entry(nth).or_default();
            *tried += 1;
            let tried = *tried;
            let again = failure.again.filter(|_| tried < offered.provider.attempts);
            match again.map(|least| pause(tried + 1, least)) {
                Some(pause) if pause < self.time_left() => tokio::time::sleep(pause).await,
                // Whoever answers sooner is asked, rather than that the call ends in a pause.
                Some(_) => {
                    self.give_up(nth, &format!("{} (attempts: {tried}, and no time for another)", failure.why))?;
                }
                None => self.give_up(nth, &format!("{} (attempts: {tried})", failure.why))?,
            }
        }
    }

    fn time_left(&self) -> Duration {
        self.shared.until.saturating_duration_since(Instant::now())
    }

    /// How long an attempt is waited for: as long as its provider may take, and no longer than its share of the call's time
    /// where others would answer in its place.
    fn patience(&self, nth: usize, offered: &Offered) -> Duration {
        let others = if self.route.falls_back { self.in_its_place(nth) } else { 0 };
        offered.provider.timeout.min(self.time_left() / (others + 1))
    }

    /// How many choices would be taken, one after the other, if this one came to nothing and so did each behind it.
    fn in_its_place(&self, nth: usize) -> u32 {
        let Some((facts, _)) = &self.decision else { return 0 };
        let (mut failed, mut others) = (self.failed.clone(), 0);
        failed.insert(nth, String::new());
        while let Ok(next) = choose(&self.route, facts, &failed).taken {
            failed.insert(next, String::new());
            others += 1;
        }
        others
    }

    /// Makes the decision, as things are now.
    fn decide(&mut self) -> Result<(usize, Offered, Charge), ModelFault> {
        let left = self.shared.account.left(&self.route);
        let facts = ModelFacts {
            kind: self.size.kind,
            complexity: self.size.complexity,
            risk: self.size.risk.max(self.shared.risk),
            input_tokens: self.size.input_tokens,
            input_tokens_max: self.size.input_tokens_max,
            output_tokens_max: self.size.output_tokens_max,
            tokens_left: left.tokens,
            cost_left: left.cost,
            budget_left_ppm: left.budget_left_ppm,
        };
        let decision = choose(&self.route, &facts, &self.failed);
        let taken = decision.taken;
        let why = || {
            let considered = decision.considered.iter();
            let reasons: Vec<String> =
                considered.map(|choice| format!("{}/{}: {}", choice.provider, choice.model, choice.reason)).collect();
            format!("no choice of the model route {:?} can take it: {}", self.route.name, reasons.join("; "))
        };
        let refused = taken.map_err(|refusal| match refusal {
            ModelRefusal::Budget => {
                ModelFault::Budget(format!("{}; {}", why(), self.shared.account.bounds(&self.route)))
            }
            ModelRefusal::Conditions => ModelFault::Denied(why()),
            ModelRefusal::Unavailable => ModelFault::Unavailable(why()),
        });
        let tokens = facts.tokens_max();
        self.decision = Some((facts, decision));
        let nth = refused.inspect_err(|_| {
            self.outcome = if self.failed.is_empty() { "refused" } else { "failed" };
        })?;
        let choice = self.route.choices.get(nth).and_then(|choice| choice.offered.as_ref().ok());
        let offered = choice.cloned().ok_or_else(ModelFault::defect)?;
        let cost = offered.model.cost(self.size.input_tokens_max, self.size.output_tokens_max);
        Ok((nth, offered, Charge { tokens, cost }))
    }

    /// That a request may leave for `offered`: the call's decision is durable, and the rules of flow have nothing against
    /// it. They are asked for each attempt, since the call can have read something meanwhile.
    async fn pass(&mut self, offered: &Offered) -> Result<(), ModelFault> {
        let effects = &self.shared.effects;
        self.outcome = "failed";
        effects.before_effect().await.map_err(Stop::AuditUnavailable)?;
        let used = CapabilityUse::Model { provider: offered.provider.name.clone(), route: self.route.name.clone() };
        self.outcome = "refused";
        effects.ask(&used).map_err(|Against| ModelFault::Denied("a rule of flow is against it".to_owned()))?;
        self.outcome = "cancelled";
        effects.used(|known| *known == used, || used.clone());
        self.used.insert(used);
        Ok(())
    }

    /// Lets go of a choice.
    fn give_up(&mut self, nth: usize, why: &str) -> Result<(), ModelFault> {
        self.failed.insert(nth, why.to_owned());
        if self.route.falls_back {
            return Ok(());
        }
        self.outcome = "failed";
        Err(ModelFault::Unavailable(format!("model route {:?}: {why}", self.route.name)))
    }
}
