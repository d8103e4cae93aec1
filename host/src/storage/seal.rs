//! Sealing: XChaCha20-Poly1305, two keys deep. The host's key wraps a key of each tenant's, and that one seals. What is
//! sealed says what it is and whose: what was altered, or lies in another's place, does not open.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::failed;
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// A key, in bytes.
pub(super) const KEY_BYTES: usize = 32;
/// Chosen at random: with as many bytes as this, no two are ever the same.
const NONCE_BYTES: usize = 24;

/// The bytes of a key; overwritten when they go.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// A key of the host's own, for one purpose.
pub(super) struct HostKey {
    cipher: XChaCha20Poly1305,
    /// What begins the associated data of the keys that it wraps: a key for one purpose does not open for another.
    wrap: &'static [u8],
}

/// A tenant's key.
pub(super) struct TenantKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// A tenant's key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// What it sealed names it.
    pub id: String,
    /// Sealed itself, by the host's key.
    pub wrapped: Vec<u8>,
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
    pub(super) fn new(key: &KeyBytes, wrap: &'static [u8]) -> Self {
        Self { cipher: cipher(key), wrap }
    }

    /// A new key for `tenant`, wrapped.
    pub(super) fn new_key(&self, tenant: &TenantId) -> Result<WrappedKey> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let key = Zeroizing::new(random::<KEY_BYTES>()?);
        let wrapped = seal(&self.cipher, &self.wrapping(tenant, &id), &*key)?;
        Ok(WrappedKey { id, wrapped })
    }

    /// The key of `tenant` that `kept` holds; nothing where this key did not wrap it for this tenant.
    pub(super) fn unwrap(&self, tenant: &TenantId, kept: &WrappedKey) -> Option<TenantKey> {
        let key = open(&self.cipher, &self.wrapping(tenant, &kept.id), &kept.wrapped)?;
        let key: KeyBytes = Zeroizing::new(key.as_slice().try_into().ok()?);
        Some(TenantKey { id: kept.id.clone(), cipher: cipher(&key) })
    }

    /// The same key of `tenant`, wrapped by `other` instead; nothing where this key did not wrap it for this tenant.
    pub(super) fn rewrap(&self, other: &Self, tenant: &TenantId, kept: &WrappedKey) -> Result<Option<WrappedKey>> {
        let about = self.wrapping(tenant, &kept.id);
        let Some(key) = open(&self.cipher, &about, &kept.wrapped) else { return Ok(None) };
        let wrapped = seal(&other.cipher, &about, &key)?;
        Ok(Some(WrappedKey { id: kept.id.clone(), wrapped }))
    }

    /// Seals something of the host's own.
    pub(super) fn seal(&self, about: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
        seal(&self.cipher, about, bytes)
    }

    /// What was sealed so; nothing where it was not.
    pub(super) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.cipher, about, sealed)
    }

    fn wrapping(&self, tenant: &TenantId, id: &str) -> Vec<u8> {
        framed(self.wrap, &[tenant.as_str().as_bytes(), id.as_bytes()])
    }
}

impl TenantKey {
    /// What everything that it seals names it by.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Seals `bytes`, which are what `about` says.
    pub(super) fn seal(&self, about: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
        seal(&self.cipher, about, bytes)
    }

    /// What was sealed; nothing where it is not what this key sealed as `about`.
    pub(super) fn open(&self, about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.cipher, about, sealed)
    }
}

/// The pieces, each behind its length: no two lists of pieces give the same bytes.
pub(super) fn framed(purpose: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut framed = purpose.to_vec();
    for piece in pieces {
        framed.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        framed.extend_from_slice(piece);
    }
    framed
}

/// The key in the file at `path`, which is made where there is none. `what` cannot be read without it.
pub(crate) fn key_file(path: &Path, what: &str) -> Result<KeyBytes> {
    match kept_key_file(path, what)? {
        Some(bytes) => {
            let key = bytes.as_slice().try_into();
            Ok(Zeroizing::new(key.map_err(|_| unusable(path, what, &"it has another length"))?))
        }
        None => {
            let key = Zeroizing::new(random::<KEY_BYTES>()?);
            make(path, &*key).map_err(|error| failed(format_args!("{}: {error}", path.display())))?;
            Ok(key)
        }
    }
}

/// What the file of a key at `path` holds; nothing where there is none. It has to be its owner's alone.
pub(super) fn kept_key_file(path: &Path, what: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
    /// More than a key in any spelling.
    const FILE_BYTES_MAX: u64 = 1 << 10;
    let unusable = |why: &dyn fmt::Display| unusable(path, what, why);
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(no_follow).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&error)),
    };
    let facts = file.metadata().map_err(|error| unusable(&error))?;
    if facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o077 != 0 {
        return Err(unusable(&"others than this user may use it"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| unusable(&error))?;
    Ok(Some(bytes))
}

fn unusable(path: &Path, what: &str, why: &dyn fmt::Display) -> Error {
    Error::new(Code::Unavailable, format!("the key {} cannot be used: {why}", path.display()))
        .next(format!("put the file back as it was, with mode 0600; without it, {what} cannot be read"))
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

/// Puts a key there, in the place of another one or of none.
pub(super) fn put_key_file(path: &Path, key: &KeyBytes) -> io::Result<()> {
    remove_key_file(path)?;
    make(path, &**key)
}

/// Puts the file at `next` in the place of the one at `path`, durably.
pub(super) fn replace_key_file(next: &Path, path: &Path) -> io::Result<()> {
    std::fs::rename(next, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Removes the file of a key, where there is one.
pub(super) fn remove_key_file(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all(),
    }
}

fn cipher(key: &KeyBytes) -> XChaCha20Poly1305 {
    let key: &Key = (&**key).into();
    XChaCha20Poly1305::new(key)
}

fn seal(cipher: &XChaCha20Poly1305, about: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE_BYTES>()?;
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: bytes, aad: about });
    let mut sealed = sealed.map_err(|_| failed("something cannot be sealed"))?;
    sealed.splice(..0, nonce);
    Ok(sealed)
}

fn open(cipher: &XChaCha20Poly1305, about: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: about }).ok().map(Zeroizing::new)
}

pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
