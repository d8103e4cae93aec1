//! Where a guest's requests may go: rules over scheme, host, port, method, path and header fields, and what they leave
//! with.
//!
//! Rules only allow. What is compared is a [`HttpTarget`], which has one spelling for each request that it can stand
//! for, and the request that leaves is made from it: what was decided is what is sent. Text that could be read in two
//! ways is refused before any rule is looked at.

mod atom;
mod credential;
mod header;
mod path;
mod quota;
mod rule;
mod target;
#[cfg(test)]
mod tests;

pub(super) use self::atom::{Atom, Effort, Left};
pub(super) use self::credential::CredentialCap;
pub use self::credential::{Credential, CredentialPlace};
pub use self::header::{HOSTS_FIELDS, HeaderFields};
pub(super) use self::header::{HeaderRules, Wanted};
pub use self::quota::EgressQuotas;
pub(super) use self::rule::{Coverage, HostPattern};
pub use self::rule::{HttpRule, InvalidRule};
pub use self::target::{HttpTarget, Scheme};

use std::sync::Arc;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

use crate::id::SecretName;

/// The rules that a request has to satisfy: one of the tenant's and one of the platform's ceiling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpGrant {
    /// The tenant's rules; one of them has to match.
    tenant: Vec<HttpRule>,
    /// The platform's; one of them has to match too.
    ceiling: Vec<HttpRule>,
    /// Addresses that the platform lets requests go to although they are private or otherwise special.
    #[serde(serialize_with = "as_text")]
    private: Vec<IpNet>,
    /// What the platform lets credentials be sent by.
    credentials: CredentialCap,
    /// What all calls of the tenant together may take.
    quotas: EgressQuotas,
    /// What the call may send that made this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<Arc<HttpGrant>>,
}

/// The two rules by which a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched<'a> {
    /// The tenant's.
    pub tenant: &'a HttpRule,
    /// The platform's.
    pub ceiling: &'a HttpRule,
}

/// Why a request may not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What decided.
    pub rule: String,
    /// The rule that came nearest, and what of the request it does not cover.
    pub nearest: Option<String>,
}

impl Refusal {
    /// Nothing but `rule`, whatever other rules say.
    fn plain(rule: impl Into<String>) -> Self {
        Self { rule: rule.into(), nearest: None }
    }
}

impl HttpGrant {
    /// Whether no request that it lets through is one that changes something, as far as methods tell.
    pub fn only_asks(&self) -> bool {
        self.tenant.iter().all(HttpRule::only_asks)
            || self.ceiling.iter().all(HttpRule::only_asks)
            || self.within.as_ref().is_some_and(|above| above.only_asks())
    }

    /// Requests that match one rule of each; `private` are the platform's exceptions to the refusal of special
    /// addresses.
    pub(super) fn new(tenant: Vec<HttpRule>, ceiling: Vec<HttpRule>, private: Vec<IpNet>) -> Self {
        let (credentials, quotas) = (CredentialCap::default(), EgressQuotas::default());
        Self { tenant, ceiling, private, credentials, quotas, within: None }
    }

    /// The same, under what the platform lets credentials be sent by and what the tenant's requests may take.
    pub(super) fn under(self, credentials: CredentialCap, quotas: EgressQuotas) -> Self {
        Self { credentials, quotas, ..self }
    }

    /// The same for a call that is made by one which holds `above`.
    pub(super) fn within(&self, above: &Self) -> Self {
        let above = match &self.within {
            Some(within) => within.within(above),
            None => above.clone(),
        };
        Self { within: Some(Arc::new(above)), ..self.clone() }
    }

    /// Whether a request may leave by `rule` of a call that one with this grant made: it could send it itself, and a secret
    /// of its own would be the same.
    fn lets(&self, target: &HttpTarget, rule: &HttpRule) -> Result<(), Refusal> {
        let own = self.decide(target).map_err(|Refusal { rule, nearest }| Refusal {
            rule: format!("a call above this one may not send it: {rule}"),
            nearest,
        })?;
        match rule.credential() {
            Some(sent) if own.tenant.credential() != Some(sent) => {
                Err(Refusal::plain("a call above this one does not send this secret there"))
            }
            _ => Ok(()),
        }
    }

    /// A grant without a decision, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn for_test(tenant: Vec<HttpRule>, ceiling: Vec<HttpRule>, private: Vec<IpNet>) -> Self {
        Self::new(tenant, ceiling, private)
    }

    /// The same under these quotas, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn with_quotas(self, quotas: EgressQuotas) -> Self {
        self.under(CredentialCap::Any, quotas)
    }

    /// Whether the request may leave.
    ///
    /// # Errors
    ///
    /// What decided against it: the tenant's rules are asked first.
    pub fn decide(&self, target: &HttpTarget) -> Result<Matched<'_>, Refusal> {
        let tenant = find(&self.tenant, target, "no http rule of the policy allows it")?;
        let ceiling = find(&self.ceiling, target, "no http rule of the platform's ceiling allows it")?;
        if tenant.credential().is_some() && !self.credentials.lets(target.scheme) {
            return Err(Refusal::plain(CredentialCap::rule(target.scheme)));
        }
        if let Some(above) = &self.within {
            above.lets(target, tenant)?;
        }
        Ok(Matched { tenant, ceiling })
    }

    /// Whether a rule of the tenant's sends this secret to `host`.
    pub(super) fn sends(&self, secret: &SecretName, host: &str) -> bool {
        self.sending(secret, host).is_some_and(|(scheme, _)| self.credentials.lets(scheme))
    }

    /// How a rule of the tenant's sends this secret to `host`.
    pub(super) fn sending(&self, secret: &SecretName, host: &str) -> Option<(Scheme, &Credential)> {
        let host = target::read_host(host).ok()?;
        self.tenant.iter().filter(|rule| rule.is_about(&host)).find_map(|rule| {
            let credential = rule.credential().filter(|credential| credential.secret == *secret)?;
            Some((rule.scheme(), credential))
        })
    }

    /// What all calls of the tenant together may take.
    pub fn quotas(&self) -> &EgressQuotas {
        &self.quotas
    }

    /// How much of what the pattern `path` stands for the tenant's rules cover, and the ceiling's.
    pub(super) fn covers(&self, scheme: Scheme, host: &str, port: u16, method: &str, path: &str) -> [Coverage; 2] {
        // A host that was recorded is in its one spelling; another text is no host that a rule could be about.
        let host = target::read_host(host).ok();
        [&self.tenant, &self.ceiling].map(|rules| {
            let Some(host) = &host else { return Coverage::None };
            rules.iter().map(|rule| rule.covers(scheme, host, port, method, path)).max().unwrap_or(Coverage::None)
        })
    }

    /// Addresses that requests may go to although they are private or otherwise special.
    pub fn private(&self) -> &[IpNet] {
        &self.private
    }
}

/// The first rule that matches.
fn find<'a>(rules: &'a [HttpRule], target: &HttpTarget, otherwise: &str) -> Result<&'a HttpRule, Refusal> {
    let mut nearest = None;
    for rule in rules {
        let Some(differs) = rule.differs(target) else { return Ok(rule) };
        if nearest.is_none_or(|(before, _)| differs > before) {
            nearest = Some((differs, rule));
        }
    }
    let nearest = nearest.map(|(differs, rule)| format!("{rule}: not this {differs}"));
    Err(Refusal { rule: otherwise.to_owned(), nearest })
}

fn as_text<S: Serializer>(networks: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks.iter().map(ToString::to_string))
}
