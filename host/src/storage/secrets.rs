//! Tenants' secrets: sealed wherever they lie, in the store as in the memory of calls, and opened for the moment of a use.
//!
//! A value is sealed with a key of its tenant's over tenant, name and version; the host's own key wraps that. Opening one
//! takes a few microseconds and no store, so nothing that is open is kept anywhere, and what a tenant's value in the
//! snapshot holds can be shown to nobody.

mod source;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

pub use self::source::SecretsKey;

use super::seal::{HostKey, KeyBytes, WrappedKey, framed};
use super::{DataFolder, Store, failed};
use crate::error::{Code, Error, Result};
use crate::id::{SecretName, TenantId, hex};

/// What begins the associated data: nothing that is sealed for one purpose opens for another.
const WRAP: &[u8] = b"cofferdam secret key 1";
const SECRET: &[u8] = b"cofferdam secret 1";
const CHECK: &[u8] = b"cofferdam secrets check 1";
/// The mark that holds something sealed, by which a wrong key is known.
pub(super) const MARK: &str = "secrets-key-check";

/// A value. Overwritten when it goes, and shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// The least bytes of one: what is shorter can be guessed, and could not be told from other text in a response.
    pub const BYTES_MIN: usize = 8;
    /// The most.
    pub const BYTES_MAX: usize = 16 << 10;

    /// Takes in a value.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The value itself. Whoever calls this seals it or sends it to where its rule says, and nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// A tenant's secrets as calls have them: sealed.
#[derive(Debug, Clone, Default)]
pub struct SealedSecrets {
    /// What seals them, wrapped; absent before the first.
    pub key: Option<WrappedKey>,
    /// By name.
    pub secrets: BTreeMap<SecretName, SealedSecret>,
}

/// A secret, sealed.
#[derive(Clone)]
pub struct SealedSecret {
    /// Counted from 1; a value that replaces another has the next one.
    pub version: u64,
    /// When it was set.
    pub since: SystemTime,
    /// Its value.
    pub sealed: Arc<[u8]>,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Seals and opens secrets with the host's key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault(Arc<HostKey>);

impl Vault {
    /// Gets the key and looks whether it is the one of this data folder; the first key becomes that.
    ///
    /// # Errors
    /// When there is no key, it is malformed, or another one than secrets here are sealed with.
    pub async fn open(source: &SecretsKey, folder: &DataFolder, store: &Store) -> Result<Self> {
        let host = host_key(&source.read(folder).await?);
        if !check(&host, store, source).await? {
            let mut change = store.change().await?;
            change.put_mark(MARK, &mark_of(&host)?).await?;
            change.commit().await?;
        }
        Ok(Self(Arc::new(host)))
    }

    /// One without a host, and secrets of a tenant's, for tests of what uses them.
    #[cfg(test)]
    pub(crate) fn for_test(tenant: &TenantId, secrets: &[(&str, &str)]) -> (Self, SealedSecrets) {
        let vault = Self(Arc::new(HostKey::new(&Zeroizing::new([7; 32]), WRAP)));
        let key = vault.new_key(tenant).unwrap();
        let sealed = secrets.iter().map(|(name, value)| {
            let name: SecretName = name.parse().unwrap();
            let value = SecretValue::new(value.as_bytes().to_vec());
            let sealed = vault.seal(tenant, &key, &name, 1, &value).unwrap().into();
            (name, SealedSecret { version: 1, since: SystemTime::UNIX_EPOCH, sealed })
        });
        let secrets = sealed.collect();
        (vault, SealedSecrets { key: Some(key), secrets })
    }

    /// A first key for `tenant`, wrapped.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub fn new_key(&self, tenant: &TenantId) -> Result<WrappedKey> {
        self.0.new_key(tenant)
    }

    /// Seals a value as this version of this secret of `tenant`.
    ///
    /// # Errors
    /// When `key` is not one that this host wrapped for this tenant.
    pub fn seal(
        &self,
        tenant: &TenantId,
        key: &WrappedKey,
        name: &SecretName,
        version: u64,
        value: &SecretValue,
    ) -> Result<Vec<u8>> {
        let key =
            self.0.unwrap(tenant, key).ok_or_else(|| failed("the host's key does not open a tenant's for secrets"))?;
        key.seal(&about(tenant, name, version, key.id()), value.expose())
    }

    /// Opens a secret of `tenant`, with its version; nothing where there is none of that name.
    ///
    /// # Errors
    /// When what lies there was altered, or is another's.
    pub fn open_secret(
        &self,
        tenant: &TenantId,
        secrets: &SealedSecrets,
        name: &SecretName,
    ) -> Result<Option<(u64, SecretValue)>> {
        let (Some(kept), Some(secret)) = (&secrets.key, secrets.secrets.get(name)) else { return Ok(None) };
        let key = self.0.unwrap(tenant, kept);
        let opened = key.and_then(|key| key.open(&about(tenant, name, secret.version, key.id()), &secret.sealed));
        let opened = opened.ok_or_else(|| failed(format_args!("the secret {name} of {tenant} does not open")))?;
        Ok(Some((secret.version, SecretValue(opened))))
    }
}

fn about(tenant: &TenantId, name: &SecretName, version: u64, key: &str) -> Vec<u8> {
    let version = version.to_le_bytes();
    framed(SECRET, &[tenant.as_str().as_bytes(), name.as_str().as_bytes(), &version, key.as_bytes()])
}

/// The host's key of these bytes, for secrets.
pub(super) fn host_key(bytes: &KeyBytes) -> HostKey {
    HostKey::new(bytes, WRAP)
}

/// Whether a key is in force yet; this is the one, then.
///
/// # Errors
/// When it is another one.
pub(super) async fn check(host: &HostKey, store: &Store, source: &SecretsKey) -> Result<bool> {
    match store.mark(MARK).await? {
        Some(kept) if opens(host, &kept) => Ok(true),
        None => Ok(false),
        Some(_) => {
            let message =
                format!("the key for secrets ({source}) is not the one that this data folder's are sealed with");
            Err(Error::new(Code::Unavailable, message)
                .next("start with the key that was given before: without it, secrets cannot be opened"))
        }
    }
}

/// What marks `host` as the key in force.
pub(super) fn mark_of(host: &HostKey) -> Result<String> {
    Ok(hex(&host.seal(CHECK, CHECK)?))
}

/// Whether `kept` marks this very key.
pub(super) fn opens(host: &HostKey, kept: &str) -> bool {
    unhex(kept).and_then(|sealed| host.open(CHECK, &sealed)).is_some_and(|opened| *opened == CHECK)
}

/// The bytes that hexadecimal digits stand for: unlike those of a digest, of any number, in either case, and overwritten when
/// they go.
pub(super) fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? << 4 | digit(1)?).ok()
    });
    pairs.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
