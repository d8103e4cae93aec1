//! Requests of guests to the network: which may leave, in what form, where to, and how much of them.
//!
//! A request is decided on by policy's rules as it will be sent, before it waits for anything. Then it waits for the
//! call's decision to be durable, gets the secret that its rule names, and is charged to its tenant; then its name is
//! resolved, every address that comes back is checked, and the connection goes to one of exactly these: no second
//! lookup could give another one. Redirects are not followed: the guest sees them, and what it makes of them is a
//! request like any other.

mod account;
mod address;
mod bind;
mod bind3;
mod body;
mod broker;
mod connection;
mod credential;
mod errand;
mod exchange;
mod fault;
mod head;
mod scrub;
mod taped;
#[cfg(test)]
mod tests;

pub use self::account::Quota;
pub use self::bind::{add_to_linker, context, is_over_header_bytes};
pub use self::bind3::add_to_linker as add_to_linker_3;
pub use self::body::{GuestBody, ReceivedBody};
pub use self::broker::{Broker, BrokerSettings};
pub use self::credential::CallSecrets;
pub(super) use self::errand::Errand;
pub use self::fault::Fault;
pub use self::head::FIELDS_MAX;
pub use self::taped::{AnswerBody, TapedBody};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};

use self::account::Account;
use self::body::SentBody;
use self::exchange::Exchange;
use super::effects::{DeniedUse, Effects};
use super::tape::Tape;
use crate::id::TenantId;
use crate::limits::CallLimits;
use crate::policy::{Credential, Grants, HttpTarget, Refusal};
use crate::uses::CapabilityUse;

/// How long a guest says that it will wait; it can only shorten what the call's limits say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience {
    /// For the connection.
    pub connect: Option<Duration>,
    /// From then on, for the response to begin.
    pub first_byte: Option<Duration>,
    /// For each next piece of its body.
    pub between_bytes: Option<Duration>,
}

/// One call's requests. Nothing is set up before the first.
#[derive(Debug)]
pub struct HttpCall {
    /// Where the host has one and the call a grant.
    broker: Option<Broker>,
    grants: Arc<Grants>,
    tenant: TenantId,
    effects: Arc<Effects>,
    limits: Limits,
    left: Option<Arc<Left>>,
    secrets: CallSecrets,
    tape: Option<Arc<Tape>>,
}

/// The limits of a call that are about requests.
#[derive(Debug, Clone, Copy)]
struct Limits {
    requests: u64,
    sent_bytes: u64,
    received_bytes: u64,
    header_bytes: u64,
    timeout: Duration,
}

/// What the call's requests together have left of them.
#[derive(Debug)]
struct Left {
    limits: Limits,
    requests: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

impl HttpCall {
    /// The requests of `tenant` that `grants` allow.
    pub fn new(
        broker: Option<&Broker>,
        grants: &Arc<Grants>,
        limits: &CallLimits,
        tenant: &TenantId,
        effects: Arc<Effects>,
    ) -> Self {
        Self {
            broker: broker.filter(|_| grants.http.is_some()).cloned(),
            grants: Arc::clone(grants),
            tenant: tenant.clone(),
            effects,
            limits: Limits {
                requests: limits.http_requests,
                sent_bytes: limits.http_sent_bytes,
                received_bytes: limits.http_received_bytes,
                header_bytes: limits.http_header_bytes,
                timeout: limits.http_timeout,
            },
            left: None,
            secrets: CallSecrets::default(),
            tape: None,
        }
    }

    /// The same, with what its rules' credentials are opened from.
    #[must_use]
    pub(super) fn with_secrets(self, secrets: CallSecrets) -> Self {
        Self { secrets, ..self }
    }

    /// The same, with what comes back on the call's tape.
    #[must_use]
    pub(super) fn on(self, tape: Option<&Arc<Tape>>) -> Self {
        Self { tape: tape.cloned(), ..self }
    }

    /// Sends `request`, whose URI is absolute, and gives the response once its head is there.
    ///
    /// Whether it may leave is decided, and a denial recorded, before this returns; the rest is in the future. Dropping
    /// that, or the response's body, closes the connection.
    ///
    /// # Errors
    ///
    /// [`Fault::Denied`] by policy, [`Fault::AddressProhibited`] by where the name leads, a limit, and whatever can
    /// happen on a network.
    pub fn send(
        &mut self,
        request: Request<GuestBody>,
        patience: Patience,
    ) -> BoxFuture<'static, Result<Response<AnswerBody>, Fault>> {
        let mut prepared = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err(fault) => return Box::pin(async { Err(fault) }),
        };
        let Some(tape) = self.tape.clone() else {
            return match self.exchange(prepared, patience) {
                Ok((exchange, request)) => {
                    Box::pin(async { Ok(exchange.run(request).await?.map(AnswerBody::Received)) })
                }
                Err(fault) => Box::pin(async { Err(fault) }),
            };
        };
        let (about, received, sent) = (taped::about(&prepared.target, &prepared.head), tape.line(), tape.line());
        if tape.is_replay() {
            tape.attend(taped::take(prepared.body, sent));
            return Box::pin(taped::send(received, about, None));
        }
        prepared.body = taped::Watched::boxed(prepared.body, sent);
        match self.exchange(prepared, patience) {
            Ok(sending) => Box::pin(taped::send(received, about, Some(sending))),
            Err(fault) => Box::pin(async { Err(fault) }),
        }
    }

    /// Everything that does not wait and is decided without the world.
    fn prepare(&mut self, request: Request<GuestBody>) -> Result<Prepared, Fault> {
        let (parts, body) = request.into_parts();
        let (uri, method) = (&parts.uri, parts.method.as_str());
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let path = uri.path_and_query().map(http::uri::PathAndQuery::as_str).unwrap_or_default();
        let target = HttpTarget::read(scheme, authority, method, path);

        let Some(grant) = &self.grants.http else {
            let action = target.map_or_else(|_| "send a request".to_owned(), |target| target.to_string());
            let refusal = Refusal { rule: "no http grant".to_owned(), nearest: None };
            return Err(deny(&self.effects, action, refusal));
        };
        // What could not be read may hold anything: nothing of it goes into the record.
        let target = target.map_err(|refusal| deny(&self.effects, "send a request".to_owned(), refusal))?;
        let action = target.to_string();
        let denied = |refusal| deny(&self.effects, action.clone(), refusal);
        let mut fields = head::own(parts.headers).map_err(denied)?;
        let target = HttpTarget { headers: Some(head::listed(&fields)), ..target };
        let by = grant.decide(&target).map_err(denied)?.tenant;
        let used = used(&target, by.path_pattern(&target).unwrap_or_default());
        let credential = by.credential().cloned();
        if let Some(credential) = &credential {
            credential::make_room(credential, &target, &mut fields).map_err(denied)?;
        }
        let head = head::request(&target, fields).map_err(denied)?;

        head::check(&head, self.limits.header_bytes)?;
        let left = Arc::clone(self.left.get_or_insert_with(|| Arc::new(Left::all(self.limits))));
        if head::declared_bytes(&head).is_some_and(|bytes| bytes > left.sent_bytes.load(Ordering::Relaxed)) {
            return Err(Fault::SentBytes(self.limits.sent_bytes));
        }
        left.request()?;
        Ok(Prepared { head, target, used, credential, body })
    }

    /// A request that may leave, and what it leaves with.
    fn exchange(&mut self, prepared: Prepared, patience: Patience) -> Result<(Exchange, Request<SentBody>), Fault> {
        let Prepared { head, target, used, credential, body } = prepared;
        let broker = self.broker.clone().ok_or(Fault::NoBroker)?;
        let left = Arc::clone(self.left.get_or_insert_with(|| Arc::new(Left::all(self.limits))));
        let account = Account {
            left,
            effects: Arc::clone(&self.effects),
            spent: broker.spent(&self.tenant),
            quotas: self.grants.http.as_ref().map(|grant| *grant.quotas()).unwrap_or_default(),
            action: target.to_string().into(),
        };
        let body = SentBody::new(body, account.clone());
        let exchange = Exchange {
            broker,
            private: self.grants.http.as_ref().map(|grant| grant.private().into()).unwrap_or_default(),
            tenant: self.tenant.clone(),
            account,
            place: target.authority(),
            target,
            used,
            patience,
            credential,
            secrets: self.secrets.clone(),
        };
        Ok((exchange, head.map(|()| body)))
    }
}

/// A request that may leave.
struct Prepared {
    head: Request<()>,
    target: HttpTarget,
    /// What it is noted as once it does.
    used: CapabilityUse,
    /// What its rule has it leave with.
    credential: Option<Credential>,
    body: GuestBody,
}

/// What a request is noted as that a rule lets through by `pattern`.
fn used(target: &HttpTarget, pattern: &str) -> CapabilityUse {
    CapabilityUse::Http {
        host: target.host.to_string(),
        method: target.method.clone(),
        path: pattern.to_owned(),
        port: target.port,
        scheme: target.scheme,
    }
}

/// Has a denial recorded.
fn deny(effects: &Effects, action: String, refusal: Refusal) -> Fault {
    effects.deny(DeniedUse { capability: "http", action, rule: refusal.rule, nearest: refusal.nearest });
    Fault::Denied
}

impl Left {
    fn all(limits: Limits) -> Self {
        Self {
            limits,
            requests: AtomicU64::new(limits.requests),
            sent_bytes: AtomicU64::new(limits.sent_bytes),
            received_bytes: AtomicU64::new(limits.received_bytes),
        }
    }

    fn request(&self) -> Result<(), Fault> {
        take(&self.requests, 1).ok_or(Fault::Requests(self.limits.requests))
    }

    fn send(&self, bytes: u64) -> Result<(), Fault> {
        take(&self.sent_bytes, bytes).ok_or(Fault::SentBytes(self.limits.sent_bytes))
    }

    fn receive(&self, bytes: u64) -> Result<(), Fault> {
        take(&self.received_bytes, bytes).ok_or(Fault::ReceivedBytes(self.limits.received_bytes))
    }
}

/// Takes `count` of what is left, or nothing.
fn take(left: &AtomicU64, count: u64) -> Option<()> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count)).ok().map(drop)
}
