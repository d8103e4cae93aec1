//! Models for guests: which a request goes to, what it may cost, and what of it comes back.
//!
//! A guest names a route of its tenant's policy. Each request is decided by itself ([`crate::policy::model::choose`]) from
//! facts that are recorded; the most that it can come to is reserved before anything leaves, and what it came to is settled
//! behind it, however it ends. Keys, addresses and retries are the host's; the guest sees an answer, and which model gave
//! it. Of what is asked and answered nothing is kept but counts and digests.
//!
//! A request is a way out: rules of flow are asked before each attempt, for the provider that it goes to. What the answer
//! brings the session has before the guest has any of it, and not before the last attempt: else an answer that failed
//! would keep its own repetition from being asked.

mod account;
mod anthropic;
mod ask;
mod bind;
mod check;
mod embed;
mod events;
mod fault;
mod openai;
mod reply;
mod retry;
mod stream;
mod tokens;

pub use self::bind::{ModelView, add_to_linker};
pub use self::fault::ModelFault;
pub use self::reply::OpenReply;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use self::account::Account;
use self::ask::{Asking, Got, Wanted};
use self::reply::Reply;
use super::Services;
use super::bindings::cofferdam::tool::model::{Answer, ChatRequest, Vectors};
use super::effects::{DeniedUse, Effects};
use super::http::{Broker, CallSecrets};
use crate::id::TenantId;
use crate::limits::CallLimits;
use crate::policy::{Grants, ModelGrant};
use crate::routed::Level;
use crate::storage::SealedSecrets;

/// A route's name in the record, in characters: policy's own are shorter.
const RECORDED_NAME_CHARS_MAX: usize = 64;

/// What a call's requests to models depend on beside its grants and limits.
#[derive(Debug, Clone)]
pub struct ModelSetting {
    /// The platform's secrets, sealed: the keys of providers are among them.
    pub secrets: Arc<SealedSecrets>,
    /// The call's: what was derived of it, or its caller declares.
    pub risk: Level,
    /// How much of the scarcest of its tenant's budgets is left as the call begins, in millionths.
    pub budget_left_ppm: u32,
}

impl Default for ModelSetting {
    /// No secrets, the greatest risk, and nothing left.
    fn default() -> Self {
        Self { secrets: Arc::default(), risk: Level::High, budget_left_ppm: 0 }
    }
}

/// One call's requests to models. Nothing is set up before the first.
#[derive(Clone)]
pub struct ModelCall(Arc<Shared>);

struct Shared {
    /// Where the host has one and the call a grant.
    broker: Option<Broker>,
    grant: Option<Arc<ModelGrant>>,
    tenant: TenantId,
    effects: Arc<Effects>,
    secrets: CallSecrets,
    risk: Level,
    account: Arc<Account>,
    /// When the call ends in any case.
    until: Instant,
}

impl fmt::Debug for ModelCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelCall").field("tenant", &self.0.tenant).finish_non_exhaustive()
    }
}

impl ModelCall {
    /// The requests of `tenant` that `grants` allow, in a call that has to be done by `until`.
    pub fn new(
        services: &Services,
        grants: &Arc<Grants>,
        limits: &CallLimits,
        tenant: &TenantId,
        setting: &ModelSetting,
        effects: Arc<Effects>,
        until: Instant,
    ) -> Self {
        let grant = grants.model.as_deref().map(Arc::clone);
        let secrets = match &grant {
            Some(_) => CallSecrets::new(services.vault.as_ref(), &TenantId::platform(), &setting.secrets),
            None => CallSecrets::default(),
        };
        Self(Arc::new(Shared {
            broker: services.http.as_ref().filter(|_| grant.is_some()).cloned(),
            grant,
            tenant: tenant.clone(),
            effects,
            secrets,
            risk: setting.risk,
            account: Arc::new(Account::new(limits, setting.budget_left_ppm)),
            until,
        }))
    }

    /// Whether the call may use `route` at all. Follows from policy alone, so that a replay asks it too.
    ///
    /// # Errors
    ///
    /// [`ModelFault::Denied`] without a grant for it; [`ModelFault::Unavailable`] where the platform has no provider.
    pub fn granted(&self, route: &str) -> Result<(), ModelFault> {
        let grant = self.0.grant.as_ref().filter(|grant| grant.routes.contains_key(route));
        let Some(grant) = grant else {
            let shown: String = route.chars().take(RECORDED_NAME_CHARS_MAX).collect();
            let (action, rule) = (format!("ask a model by route {shown:?}"), "no model grant for the route".to_owned());
            self.0.effects.deny(DeniedUse { capability: "model", action, rule: rule.clone(), nearest: None });
            return Err(ModelFault::Denied(rule));
        };
        if grant.has_providers {
            return Ok(());
        }
        let why =
            "this host has no model provider: the platform has to name one in a [[provider]] of its platform.toml";
        Err(ModelFault::Unavailable(why.to_owned()))
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn chat(&self, request: ChatRequest) -> Result<Answer, ModelFault> {
        let mut asking = self.asking(&request.route, check::chat(&request)?)?;
        match asking.run(&Wanted::Whole(&request)).await? {
            Got::Answer(answer) => Ok(answer),
            Got::Reply(..) | Got::Vectors(_) => Err(ModelFault::defect()),
        }
    }

    /// Asks, and waits for the answer's first piece.
    ///
    /// # Errors
    ///
    /// Why there is none.
    async fn stream(&self, request: ChatRequest) -> Result<Reply, ModelFault> {
        let mut asking = self.asking(&request.route, check::chat(&request)?)?;
        match asking.run(&Wanted::Pieces(&request)).await? {
            Got::Reply(live, hold) => Ok(Reply::new(asking, *live, hold)),
            Got::Answer(_) | Got::Vectors(_) => Err(ModelFault::defect()),
        }
    }

    /// Vectors of texts.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub async fn embed(&self, route: &str, texts: &[String]) -> Result<Vectors, ModelFault> {
        let mut asking = self.asking(route, check::texts(texts)?)?;
        match asking.run(&Wanted::Vectors(texts)).await? {
            Got::Vectors(vectors) => Ok(vectors),
            Got::Answer(_) | Got::Reply(..) => Err(ModelFault::defect()),
        }
    }

    fn asking(&self, route: &str, size: check::Size) -> Result<Asking, ModelFault> {
        let known = self.0.grant.as_ref().and_then(|grant| grant.routes.get(route));
        let Some(route) = known.cloned() else { return Err(ModelFault::defect()) };
        self.0.account.request()?;
        Ok(Asking::new(Arc::clone(&self.0), route, size))
    }
}
