//! Where a guest's requests may go: rules over scheme, host, port, method and path.
//!
//! Rules only allow. What is compared is a [`HttpTarget`], which has one spelling for each request that it can stand
//! for, and the request that leaves is made from it: what was decided is what is sent. Text that could be read in two
//! ways is refused before any rule is looked at.

mod atom;
mod path;
mod rule;
mod target;
#[cfg(test)]
mod tests;

pub(super) use self::atom::{Atom, Left};
pub(super) use self::rule::Coverage;
pub use self::rule::{HttpRule, InvalidRule};
pub use self::target::{HttpTarget, Scheme};

use ipnet::IpNet;
use serde::{Serialize, Serializer};

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
        self.tenant.iter().all(HttpRule::only_asks) || self.ceiling.iter().all(HttpRule::only_asks)
    }

    /// Requests that match one rule of each; `private` are the platform's exceptions to the refusal of special
    /// addresses.
    pub(super) fn new(tenant: Vec<HttpRule>, ceiling: Vec<HttpRule>, private: Vec<IpNet>) -> Self {
        Self { tenant, ceiling, private }
    }

    /// A grant without a decision, for tests of what uses it.
    #[cfg(test)]
    pub(crate) fn for_test(tenant: Vec<HttpRule>, ceiling: Vec<HttpRule>, private: Vec<IpNet>) -> Self {
        Self::new(tenant, ceiling, private)
    }

    /// Whether the request may leave.
    ///
    /// # Errors
    ///
    /// What decided against it: the tenant's rules are asked first.
    pub fn decide(&self, target: &HttpTarget) -> Result<Matched<'_>, Refusal> {
        let tenant = find(&self.tenant, target, "no http rule of the policy allows it")?;
        let ceiling = find(&self.ceiling, target, "no http rule of the platform's ceiling allows it")?;
        Ok(Matched { tenant, ceiling })
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
