//! A request of the host's own that it makes for a call: to where the platform says, with the platform's secret.
//!
//! It goes the way that guests' requests go, and is charged to none of the tenant's counts for those. What is denied of
//! it is the platform's to mend: that goes to the log, and not to a tenant's record.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use ipnet::IpNet;

use super::account::{Account, Spent};
use super::body::SentBody;
use super::credential::make_room;
use super::exchange::Exchange;
use super::{Broker, CallSecrets, Fault, Left, Limits, Patience, ReceivedBody, head, used};
use crate::capability::effects::{DeniedUse, Effects, Witness};
use crate::error::Result;
use crate::id::TenantId;
use crate::policy::{Credential, EgressQuotas, HttpTarget};

/// Header fields of a request or of a response to one, in bytes.
const HEADER_BYTES_MAX: u64 = 64 << 10;
/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// One request.
pub(in crate::capability) struct Errand<'a> {
    /// The call's tenant, whose connections it counts among.
    pub(in crate::capability) tenant: &'a TenantId,
    /// The call's gate: nothing leaves before its decision is durable.
    pub(in crate::capability) effects: &'a Arc<Effects>,
    pub(in crate::capability) target: HttpTarget,
    /// What is asked there, where that has a pace of its own.
    pub(in crate::capability) asked: &'a str,
    pub(in crate::capability) fields: HeaderMap,
    pub(in crate::capability) body: Bytes,
    pub(in crate::capability) credential: Option<&'a Credential>,
    pub(in crate::capability) secrets: &'a CallSecrets,
    /// Special addresses that it may go to.
    pub(in crate::capability) private: &'a Arc<[IpNet]>,
    /// Until the response begins.
    pub(in crate::capability) timeout: Duration,
    /// Between two pieces of it.
    pub(in crate::capability) between: Duration,
    /// Bytes of the response.
    pub(in crate::capability) received_bytes_max: u64,
}

impl Errand<'_> {
    /// Sends it, and gives the response once its head is there.
    ///
    /// # Errors
    ///
    /// Whatever can happen on a network; a limit.
    pub(in crate::capability) async fn run(self, broker: &Broker) -> Result<Response<ReceivedBody>, Fault> {
        let Self { target, asked, mut fields, body, credential, timeout, between, .. } = self;
        let denied = |_| Fault::Denied;
        if let Some(credential) = credential {
            make_room(credential, &target, &mut fields).map_err(denied)?;
        }
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let head = head::request(&target, fields).map_err(denied)?;
        head::check(&head, HEADER_BYTES_MAX)?;
        let limits = Limits {
            requests: 1,
            sent_bytes: body.len() as u64,
            received_bytes: self.received_bytes_max,
            header_bytes: HEADER_BYTES_MAX,
            timeout,
        };
        let witness = Apart { call: Arc::clone(self.effects), host: target.host.to_string() };
        let account = Account {
            left: Arc::new(Left::all(limits)),
            effects: Arc::new(Effects::new(Arc::new(witness))),
            spent: Arc::new(Spent::default()),
            quotas: EgressQuotas::default(),
            action: target.to_string().into(),
        };
        let sent = SentBody::new(Full::new(body).map_err(|never| match never {}).boxed_unsync(), account.clone());
        let patience = Patience { connect: Some(CONNECT_MAX), first_byte: Some(timeout), between_bytes: Some(between) };
        let exchange = Exchange {
            broker: broker.clone(),
            private: Arc::clone(self.private),
            tenant: self.tenant.clone(),
            account,
            // No request of a guest's is of it: an authority has no blanks.
            place: format!("{} {asked}", target.authority()),
            used: used(&target, ""),
            target,
            patience,
            credential: credential.cloned(),
            secrets: self.secrets.clone(),
        };
        Box::pin(exchange.run(head.map(|()| sent))).await
    }
}

/// Asks the call's gate, and keeps what is denied away from the call's record.
struct Apart {
    call: Arc<Effects>,
    host: String,
}

impl Witness for Apart {
    fn decided(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.call.before_effect())
    }

    fn denied(&self, denied: DeniedUse) {
        tracing::error!(host = self.host, rule = denied.rule, "a request of the host's own was denied");
    }
}
