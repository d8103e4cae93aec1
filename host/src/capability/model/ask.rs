//! One request of a guest's, from the decision on it to its entry in the record: decide, reserve, ask, and where nothing
//! came of that, decide again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::account::{Charge, Hold};
use super::check::Size;
use super::retry::{Failure, pause};
use super::stream::{self, Live};
use super::{ModelFault, Shared, anthropic, embed, openai, tokens};
use crate::capability::bindings::cofferdam::tool::model::Usage as GuestUsage;
use crate::capability::bindings::cofferdam::tool::model::{Answer, ChatRequest, Ending, StopReason, Vectors};
use crate::capability::effects::{Against, ModelRequest, Stop};
use crate::capability::http::{Errand, ReceivedBody};
use crate::money::Money;
use crate::policy::ModelRoute;
use crate::policy::model::{ModelDecision, ModelFacts, ModelRefusal, Offered, Protocol, choose};
use crate::uses::CapabilityUse;

/// Bytes of a response: an answer in pieces takes some hundred for each token.
const RECEIVED_BYTES_MAX: u64 = 16 << 20;
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// What a guest wants.
pub(super) enum Wanted<'a> {
    Whole(&'a ChatRequest),
    Pieces(&'a ChatRequest),
    Vectors(&'a [String]),
}

/// What it gets.
pub(super) enum Got {
    Answer(Answer),
    Reply(Live, Held),
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
            let failure = match Box::pin(self.attempt(wanted, &offered)).await {
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
            match failure.again.filter(|_| tried < offered.provider.attempts) {
                Some(least) => tokio::time::sleep(pause(tried + 1, least)).await,
                None => self.give_up(nth, &format!("{} (attempts: {tried})", failure.why))?,
            }
        }
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
            ModelRefusal::Budget => ModelFault::Budget(why()),
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

    /// Asks one provider once.
    async fn attempt(&self, wanted: &Wanted<'_>, offered: &Offered) -> Result<Came, Failure> {
        let (protocol, most) = (offered.provider.protocol, self.size.output_tokens_max);
        let request = match wanted {
            Wanted::Vectors(texts) => {
                let body = self.send(offered, embed::PATH, &embed::body(texts, offered)).await?.into_body();
                let (vectors, tokens) = embed::read(body, texts.len()).await.map_err(Failure::reached)?;
                return Ok(Came::Vectors(vectors, tokens));
            }
            Wanted::Whole(request) | Wanted::Pieces(request) => request,
        };
        let (path, body) = match protocol {
            Protocol::OpenAi => (openai::PATH, openai::body(request, offered, most)),
            Protocol::Anthropic => (anthropic::PATH, anthropic::body(request, offered, most)),
        };
        let response = self.send(offered, path, &body).await?;
        let mut live = Live::begin(response, protocol, most).await.map_err(Failure::reached)?;
        match wanted {
            Wanted::Whole(_) => {
                let rest = live.rest().await.map_err(Failure::reached)?;
                Ok(Came::Whole(rest, live))
            }
            _ => Ok(Came::Live(live)),
        }
    }

    async fn send(
        &self,
        offered: &Offered,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Response<ReceivedBody>, Failure> {
        let shared = &self.shared;
        let provider = &offered.provider;
        let broker = shared.broker.as_ref().ok_or_else(|| Failure::lasting("this host sends no requests"))?;
        let target = provider.endpoint.post(path).ok_or_else(|| Failure::lasting("its URL cannot be asked"))?;
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        fields.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        fields.insert(USER_AGENT, HeaderValue::from_static(concat!("cofferdam/", env!("CARGO_PKG_VERSION"))));
        if provider.protocol == Protocol::Anthropic {
            fields.insert(VERSION, HeaderValue::from_static(anthropic::VERSION));
        }
        let body = serde_json::to_vec(body).map_err(|_| Failure::lasting("the request cannot be written"))?;
        let errand = Errand {
            tenant: &shared.tenant,
            effects: &shared.effects,
            target,
            fields,
            body: Bytes::from(body),
            credential: provider.credential.as_ref(),
            secrets: &shared.secrets,
            private: &provider.private,
            timeout: provider.timeout,
            received_bytes_max: RECEIVED_BYTES_MAX,
        };
        let response = errand.run(broker).await.map_err(Failure::of_fault)?;
        if response.status().is_success() {
            return Ok(response);
        }
        // What it says may repeat anything of the request: nobody reads it.
        Err(Failure::of_status(response.status(), response.headers()))
    }

    fn take(&mut self, came: Came, held: Held) -> Got {
        match came {
            Came::Live(live) => Got::Reply(live, held),
            Came::Whole(rest, live) => {
                let ending = self.finish(&live, held);
                Got::Answer(stream::answer(rest, ending))
            }
            Came::Vectors(vectors, reported) => {
                let model = name(&held.offered);
                let usage = self.settle(held, reported, Some(0), 0);
                self.outcome = "ok";
                Got::Vectors(Vectors { vectors, usage, model })
            }
        }
    }

    /// The answer is whole.
    pub(super) fn finish(&mut self, live: &Live, held: Held) -> Ending {
        let model = name(&held.offered);
        let usage = self.settle(held, live.read.input, live.read.output, live.bytes);
        self.answer = Some(live.digest());
        self.outcome = "ok";
        Ending { stop: live.read.stop.unwrap_or(StopReason::Other), usage, model }
    }

    /// The answer broke off in the middle.
    pub(super) fn fail(&mut self, live: &Live, held: Held, failure: Failure) -> ModelFault {
        let model = name(&held.offered);
        self.settle_failed(held, &failure);
        self.answer = Some(live.digest());
        self.outcome = "failed";
        failure.into_fault(&model)
    }

    /// An attempt that no provider worked on costs nothing; any other what its request and so much of an answer come to.
    fn settle_failed(&mut self, held: Held, failure: &Failure) {
        if failure.has_reached || failure.bytes > 0 {
            self.settle(held, None, None, failure.bytes);
        } else {
            held.hold.settle(Charge::default());
            self.pending = None;
        }
    }

    fn settle(&mut self, held: Held, input: Option<u64>, output: Option<u64>, bytes: u64) -> GuestUsage {
        let Held { hold, offered } = held;
        let input_tokens = tokens::counted(input, self.size.bytes, self.size.input_tokens_max);
        let output_tokens = tokens::counted(output, bytes, self.size.output_tokens_max);
        let cost = offered.model.cost(input_tokens, output_tokens);
        hold.settle(Charge { tokens: input_tokens.saturating_add(output_tokens), cost });
        self.pending = None;
        self.add([input_tokens, output_tokens], cost);
        GuestUsage { input_tokens, output_tokens, cost: cost.as_billionths() }
    }

    fn add(&mut self, tokens: [u64; 2], cost: Money) {
        for (sum, more) in self.tokens.iter_mut().zip(tokens) {
            *sum = sum.saturating_add(more);
        }
        self.cost = self.cost.plus(cost);
    }
}

/// What came of an attempt.
enum Came {
    Live(Live),
    Whole((String, Vec<crate::capability::bindings::cofferdam::tool::model::ToolCall>), Live),
    Vectors(Vec<Vec<f32>>, Option<u64>),
}

fn name(offered: &Offered) -> String {
    format!("{}/{}", offered.provider.name, offered.model.name)
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Given up: what was reserved stays charged.
        if let Some((tokens, cost)) = self.pending.take() {
            self.add(tokens, cost);
        }
        let Some((facts, decision)) = self.decision.take() else { return };
        self.shared.effects.model_requested(ModelRequest {
            route: self.route.name.clone(),
            facts,
            decision,
            attempts: self.attempts,
            outcome: self.outcome,
            tokens: self.tokens,
            cost: self.cost,
            request: self.size.digest,
            answer: self.answer,
        });
    }
}
