//! A request's credential: opened for the moment in which it leaves, put where its rule says, and looked for in what
//! comes back.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Uri};
use percent_encoding::{percent_decode_str, percent_encode};
use zeroize::Zeroizing;

use super::scrub::{ESCAPED, Scrub};
use crate::error::Result;
use crate::id::TenantId;
use crate::policy::{Credential, CredentialPlace, HttpTarget, Refusal};
use crate::storage::{SealedSecrets, SecretValue, Vault};
use crate::uses::CapabilityUse;

/// The secrets of a tenant, sealed, and what opens them.
#[derive(Debug, Clone, Default)]
pub struct CallSecrets {
    /// What opens them, and whose they are.
    vault: Option<(Vault, TenantId)>,
    sealed: Arc<SealedSecrets>,
}

/// A credential that is about to leave.
pub(super) struct Opened<'a> {
    credential: &'a Credential,
    version: u64,
    value: SecretValue,
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("secret", &self.credential.secret).finish_non_exhaustive()
    }
}

impl CallSecrets {
    /// Those of `tenant` that `sealed` holds.
    pub fn new(vault: Option<&Vault>, tenant: &TenantId, sealed: &Arc<SealedSecrets>) -> Self {
        Self { vault: vault.map(|vault| (vault.clone(), tenant.clone())), sealed: Arc::clone(sealed) }
    }

    /// Opens what `credential` names; nothing where it is not set.
    pub(super) fn open<'a>(&self, credential: &'a Credential) -> Result<Option<Opened<'a>>> {
        let Some((vault, tenant)) = &self.vault else { return Ok(None) };
        let found = vault.open_secret(tenant, &self.sealed, &credential.secret)?;
        Ok(found.map(|(version, value)| Opened { credential, version, value }))
    }
}

/// Takes out of a guest's request what the credential's place is, before it is looked at further; the response comes as
/// it is, neither compressed nor in parts, so that the value can be found in it.
pub(super) fn make_room(credential: &Credential, target: &HttpTarget, fields: &mut HeaderMap) -> Result<(), Refusal> {
    let refusal = |rule: &str| Refusal { rule: rule.to_owned(), nearest: None };
    if fields.contains_key(header::RANGE) {
        return Err(refusal("a request with a credential asks for the whole, not for a range"));
    }
    if let CredentialPlace::Query { name } = &credential.place
        && target.query.as_deref().is_some_and(|query| names(query, name))
    {
        return Err(refusal("the parameter that is the credential is the host's to give"));
    }
    if let Some(name) = credential.header() {
        fields.remove(name);
    }
    fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(())
}

/// Whether some reader of `query` finds a parameter `name` there.
fn names(query: &str, name: &str) -> bool {
    query.split(['&', ';']).any(|part| {
        let key = part.split(['=', '[']).next().unwrap_or_default().replace('+', " ");
        // Twice: what is still escaped after the first time is decoded by some.
        let once = percent_decode_str(&key).decode_utf8_lossy().into_owned();
        let twice = percent_decode_str(&once).decode_utf8_lossy().into_owned();
        [key.as_str(), &once, &twice].iter().any(|key| key.trim().eq_ignore_ascii_case(name))
    })
}

impl Opened<'_> {
    /// What the record says of it once it leaves for `host`.
    pub(super) fn used(&self, host: &str) -> CapabilityUse {
        let (name, version) = (self.credential.secret.clone(), self.version);
        CapabilityUse::Secret { host: host.to_owned(), name, version }
    }

    /// What looks for it in what comes back.
    pub(super) fn scrub(&self) -> Scrub {
        let basic = match &self.credential.place {
            CredentialPlace::Basic { user } => Some(self.basic(user)),
            CredentialPlace::Header { .. } | CredentialPlace::Query { .. } => None,
        };
        Scrub::new(self.value.expose(), basic.as_ref().map(|basic| basic.as_slice()))
    }

    /// Puts it into `request`, which goes where its rule says and nowhere else. Nothing where the value cannot stand
    /// there, which nothing that was set can.
    pub(super) fn attach<B>(&self, request: &mut Request<B>) -> Option<()> {
        match &self.credential.place {
            CredentialPlace::Header { name, before, behind } => {
                let value = Zeroizing::new([before.as_bytes(), self.value.expose(), behind.as_bytes()].concat());
                insert(request, name.parse().ok()?, &value)
            }
            CredentialPlace::Basic { user } => {
                let encoded = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*self.basic(user))));
                insert(request, header::AUTHORIZATION, encoded.as_bytes())
            }
            CredentialPlace::Query { name } => {
                let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
                let separator = if target.contains('?') { '&' } else { '?' };
                let value = percent_encode(self.value.expose(), ESCAPED);
                let target = Zeroizing::new(format!("{target}{separator}{name}={value}"));
                *request.uri_mut() = Uri::try_from(target.as_str()).ok()?;
                Some(())
            }
        }
    }

    fn basic(&self, user: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([user.as_bytes(), b":", self.value.expose()].concat())
    }
}

fn insert<B>(request: &mut Request<B>, name: HeaderName, value: &[u8]) -> Option<()> {
    let mut value = HeaderValue::from_bytes(value).ok()?;
    // Shown by nothing, and in no table of header compression.
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_however_it_is_spelt() {
        for query in
            ["key=1", "a=1&key=2", "key", "KEY=1", "%6Bey=1", "a;key=1", "k%65y", "%256bey=1", "key[]=1", "+key=1"]
        {
            assert!(names(query, "key"), "{query}");
        }
        for query in ["", "keys=1", "a=key", "a=1&b=key=2", "xkey=1"] {
            assert!(!names(query, "key"), "{query}");
        }
    }
}
