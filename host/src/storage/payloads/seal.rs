//! What seals payloads: a key of the tenant's, over which piece of which call it is, and whose.

use std::path::Path;

use super::PayloadKind;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId, hex};
use crate::storage::seal::{self, KeyBytes, WrappedKey, framed};
use crate::storage::secrets::unhex;

/// What begins the associated data: nothing that is sealed for one purpose opens for the other.
const WRAP: &[u8] = b"cofferdam payload key 1";
const PAYLOAD: &[u8] = b"cofferdam payload 1";
const CHECK: &[u8] = b"cofferdam payloads check 1";
/// The mark that holds something sealed, by which another key is known.
pub(in crate::storage) const MARK: &str = "payloads-key-check";

/// The host's own key, in `keys/payloads.key`. Without it no kept payload can be read again.
#[derive(Debug)]
pub(in crate::storage) struct HostKey(seal::HostKey);

/// A tenant's key.
#[derive(Debug)]
pub(super) struct TenantKey(seal::TenantKey);

/// Which piece of which call, and whose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) call: CallId,
    pub(super) kind: PayloadKind,
}

impl HostKey {
    /// The key in the file at `path`, which is made where there is none.
    pub(in crate::storage) fn open(path: &Path) -> Result<Self> {
        Ok(Self::of(&seal::key_file(path, "kept payloads")?))
    }

    /// The one of these bytes.
    pub(in crate::storage) fn of(bytes: &KeyBytes) -> Self {
        Self(seal::HostKey::new(bytes, WRAP))
    }

    /// The key of `tenant`, wrapped by `other` instead; nothing where this one did not wrap it for this tenant.
    pub(in crate::storage) fn rewrap(
        &self,
        other: &Self,
        tenant: &TenantId,
        kept: &WrappedKey,
    ) -> Result<Option<WrappedKey>> {
        self.0.rewrap(&other.0, tenant, kept)
    }

    /// What marks it as the key in force.
    pub(in crate::storage) fn mark(&self) -> Result<String> {
        Ok(hex(&self.0.seal(CHECK, CHECK)?))
    }

    /// Whether `mark` is of this very key.
    pub(in crate::storage) fn is_marked(&self, mark: &str) -> bool {
        unhex(mark).and_then(|sealed| self.0.open(CHECK, &sealed)).is_some_and(|opened| *opened == CHECK)
    }

    /// A new key for `tenant`, wrapped.
    pub(super) fn new_key(&self, tenant: &TenantId) -> Result<WrappedKey> {
        self.0.new_key(tenant)
    }

    /// The key of `tenant` that `row` holds.
    pub(super) fn unwrap(&self, tenant: &TenantId, row: &WrappedKey) -> Result<TenantKey> {
        self.0.unwrap(tenant, row).map(TenantKey).ok_or_else(|| {
            Error::new(Code::AuditUnavailable, "the host's key for payloads does not open the tenant's")
                .next("ask the operator to put keys/payloads.key back as it was, or erase the payloads: what is kept cannot be read without it")
        })
    }
}

/// The key in its file is not the one that is needed.
pub(super) fn another_key(what: &str) -> Error {
    Error::new(Code::Unavailable, format!("keys/payloads.key {what}")).next(
        "put the file back as it was: without it, kept payloads cannot be read; where it is lost for good, so are they: \
         move payloads.db out of the data folder, and new ones are kept",
    )
}

impl TenantKey {
    /// What everything that it seals names it by.
    pub(super) fn id(&self) -> &str {
        self.0.id()
    }

    pub(super) fn seal(&self, which: &Which<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
        self.0.seal(&self.about(which), bytes)
    }

    /// What was sealed; nothing where it is not what this key sealed for this place.
    pub(super) fn open(&self, which: &Which<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        // A payload goes on to whoever asked for it: from here on it is theirs.
        self.0.open(&self.about(which), sealed).map(|mut opened| std::mem::take(&mut *opened))
    }

    fn about(&self, which: &Which<'_>) -> Vec<u8> {
        let Which { tenant, call, kind } = which;
        framed(PAYLOAD, &[tenant.as_str().as_bytes(), call.as_bytes(), kind.as_str().as_bytes(), self.id().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn call(last: u8) -> CallId {
        format!("0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a{last:02x}").parse().unwrap()
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    fn host() -> (tempfile::TempDir, HostKey) {
        let folder = tempfile::tempdir().unwrap();
        let host = HostKey::open(&folder.path().join("payloads.key")).unwrap();
        (folder, host)
    }

    #[test]
    fn only_the_very_bytes_open_and_only_in_their_place() {
        let (_folder, host) = host();
        let acme = tenant("acme");
        let row = host.new_key(&acme).unwrap();
        let key = host.unwrap(&acme, &row).unwrap();
        let which = Which { tenant: &acme, call: call(1), kind: PayloadKind::Result };
        let sealed = key.seal(&which, b"secret").unwrap();
        assert_eq!(key.open(&which, &sealed).unwrap(), b"secret");
        // Not the same twice, and nothing of it in clear.
        assert_ne!(key.seal(&which, b"secret").unwrap(), sealed);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&which, &altered), None, "bit {bit}");
        }
        for cut in 0..sealed.len() {
            assert_eq!(key.open(&which, &sealed[..cut]), None, "{cut}");
        }
        let globex = tenant("globex");
        for other in [
            Which { tenant: &globex, ..which },
            Which { call: call(2), ..which },
            Which { kind: PayloadKind::Arguments, ..which },
        ] {
            assert_eq!(key.open(&other, &sealed), None, "{other:?}");
        }
        let another = host.unwrap(&acme, &host.new_key(&acme).unwrap()).unwrap();
        assert_eq!(another.open(&which, &sealed), None);
        // A key is wrapped for one tenant and under one id.
        assert!(host.unwrap(&globex, &row).is_err());
        assert!(host.unwrap(&acme, &WrappedKey { id: another.id().to_owned(), ..row }).is_err());
    }

    #[test]
    fn the_host_s_key_is_made_once_for_its_owner_alone() {
        let (folder, host) = host();
        let path = folder.path().join("payloads.key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let acme = tenant("acme");
        let row = host.new_key(&acme).unwrap();
        HostKey::open(&path).unwrap().unwrap(&acme, &row).unwrap();

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = HostKey::open(&path).unwrap_err();
        assert!(error.message().contains("others"), "{error:?}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [1; 31]).unwrap();
        assert!(HostKey::open(&path).unwrap_err().message().contains("length"));
        std::fs::write(&path, [1; 32]).unwrap();
        let error = HostKey::open(&path).unwrap().unwrap(&acme, &row).unwrap_err();
        assert_eq!(error.code(), Code::AuditUnavailable);
        assert!(error.what_next().unwrap().contains("payloads.key"));
    }
}
