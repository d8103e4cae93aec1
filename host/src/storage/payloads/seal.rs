//! Sealing: XChaCha20-Poly1305 with a key of the tenant's, over what it is and whose. What was altered, or lies in
//! another's place, does not open.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use super::PayloadKind;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};
use crate::storage::{PayloadKeyRow, failed};

const KEY_BYTES: usize = 32;
/// Chosen at random: with as many bytes as this, no two are ever the same.
const NONCE_BYTES: usize = 24;

/// What begins the associated data: nothing that is sealed for one purpose opens for the other.
const WRAP: &[u8] = b"cofferdam payload key 1";
const PAYLOAD: &[u8] = b"cofferdam payload 1";

/// The host's own key, in `keys/payloads.key`. Without it no kept payload can be read again.
pub(super) struct HostKey(XChaCha20Poly1305);

/// A tenant's key.
pub(super) struct TenantKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// Which piece of which call, and whose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) call: CallId,
    pub(super) kind: PayloadKind,
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostKey(..)")
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKey({}, ..)", self.id)
    }
}

impl HostKey {
    /// The key in the file at `path`, which is made where there is none.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let unusable = |error: io::Error| failed(format_args!("{}: {error}", path.display()));
        match OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(path) {
            Ok(file) => Self::read(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = random::<KEY_BYTES>()?;
                make(path, &key).map_err(unusable)?;
                Ok(Self(cipher(&key)))
            }
            Err(error) => Err(unusable(error)),
        }
    }

    fn read(file: File, path: &Path) -> Result<Self> {
        let unusable = |why: &dyn fmt::Display| {
            Error::new(Code::Unavailable, format!("the key {} cannot be used: {why}", path.display()))
                .next("put the file back as it was, with mode 0600; without it, kept payloads cannot be read")
        };
        let facts = file.metadata().map_err(|error| unusable(&error))?;
        if facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o077 != 0 {
            return Err(unusable(&"others than this user may use it"));
        }
        let mut key = Vec::with_capacity(KEY_BYTES + 1);
        file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key).map_err(|error| unusable(&error))?;
        let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| unusable(&"it has another length"))?;
        Ok(Self(cipher(&key)))
    }

    /// A new key for `tenant`, wrapped.
    pub(super) fn new_key(&self, tenant: &TenantId) -> Result<PayloadKeyRow> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let wrapped = seal(&self.0, &wrapping(tenant, &id), &random::<KEY_BYTES>()?)?;
        Ok(PayloadKeyRow { id, wrapped })
    }

    /// The key of `tenant` that `row` holds.
    pub(super) fn unwrap(&self, tenant: &TenantId, row: &PayloadKeyRow) -> Result<TenantKey> {
        let key = open(&self.0, &wrapping(tenant, &row.id), &row.wrapped);
        let key: [u8; KEY_BYTES] = key.and_then(|key| key.try_into().ok()).ok_or_else(|| {
            Error::new(Code::AuditUnavailable, "the host's key for payloads does not open the tenant's")
                .next("ask the operator to put keys/payloads.key back as it was, or erase the payloads: what is kept cannot be read without it")
        })?;
        Ok(TenantKey { id: row.id.clone(), cipher: cipher(&key) })
    }
}

impl TenantKey {
    /// What everything that it seals names it by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn seal(&self, which: &Which<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
        seal(&self.cipher, &self.about(which), bytes)
    }

    /// What was sealed; nothing where it is not what this key sealed for this place.
    pub(super) fn open(&self, which: &Which<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.cipher, &self.about(which), sealed)
    }

    fn about(&self, which: &Which<'_>) -> Vec<u8> {
        let Which { tenant, call, kind } = which;
        framed(PAYLOAD, &[tenant.as_str().as_bytes(), call.as_bytes(), kind.as_str().as_bytes(), self.id.as_bytes()])
    }
}

fn wrapping(tenant: &TenantId, id: &str) -> Vec<u8> {
    framed(WRAP, &[tenant.as_str().as_bytes(), id.as_bytes()])
}

/// The pieces, each behind its length: no two lists of pieces give the same bytes.
fn framed(purpose: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut framed = purpose.to_vec();
    for piece in pieces {
        framed.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        framed.extend_from_slice(piece);
    }
    framed
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

fn seal(cipher: &XChaCha20Poly1305, about: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE_BYTES>()?;
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: bytes, aad: about });
    let mut sealed = sealed.map_err(|_| failed("a payload cannot be sealed"))?;
    sealed.splice(..0, nonce);
    Ok(sealed)
}

fn open(cipher: &XChaCha20Poly1305, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: about }).ok()
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes the key so that a crash leaves all of it or nothing, and nobody else can read it at any time.
fn make(path: &Path, key: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    // A temporary file is its owner's alone from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(key)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
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
        assert!(host.unwrap(&acme, &PayloadKeyRow { id: another.id().to_owned(), ..row }).is_err());
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
