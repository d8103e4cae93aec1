//! New keys of the host's own in the place of those before. What tenants' keys sealed stays as it is: these keys alone are
//! wrapped anew, and their number is that of the tenants.
//!
//! Which keys are in force, two marks in the metadata store say. The marks, all keys that are wrapped anew and the entry
//! that says so are one transaction. A key that is to lie in the data folder is there before it, as the next one, and
//! takes its place after it; whatever a crash comes between, [`settle`] makes of it what the marks say.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::payloads;
use super::seal::{
    KEY_BYTES, KeyBytes, WrappedKey, kept_key_file, put_key_file, random, remove_key_file, replace_key_file,
};
use super::secrets::{self, SecretsKey};
use super::store::{Change, Store, WrappedKeys};
use super::{DataFolder, failed};
use crate::error::{Code, Error, Result};
use crate::id::TenantId;

/// A rotation that is worked out and not yet in force. Dropped, it leaves nothing but what [`settle`] removes.
#[derive(Debug)]
pub struct Rotation {
    /// The transaction that puts it in force: the entry that tells of it goes in here.
    pub change: Change,
    /// Tenants' keys for secrets that were wrapped anew.
    pub secrets: u64,
    /// Tenants' keys for payloads that were.
    pub payloads: u64,
    folder: DataFolder,
    store: Store,
    to: SecretsKey,
}

impl Rotation {
    /// Works it out for a data folder that no host has: `from` is where the key for secrets comes from now, `to` where the
    /// next one does. Where both are the data folder's own, that is a new one; the key for payloads always is.
    ///
    /// # Errors
    /// When `from` is not the key in force, `to` is none or is the same, or a tenant's key does not open.
    pub async fn begin(folder: &DataFolder, store: &Store, from: &SecretsKey, to: &SecretsKey) -> Result<Self> {
        settle(folder, store, from).await?;
        let before = from.read(folder).await?;
        let after = match to {
            SecretsKey::Own => Zeroizing::new(random::<KEY_BYTES>()?),
            elsewhere => elsewhere.read(folder).await?,
        };
        if *before == *after {
            return Err(Error::new(Code::InvalidRequest, format!("the new key for secrets ({to}) is the one before"))
                .next("make another one, as `openssl rand -base64 32` does"));
        }
        let (before, after_host) = (secrets::host_key(&before), secrets::host_key(&after));
        secrets::check(&before, store, from).await?;
        let payloads_before = payloads::HostKey::open(&folder.keys().join(PAYLOADS))?;
        let next = Zeroizing::new(random::<KEY_BYTES>()?);
        let payloads_after = payloads::HostKey::of(&next);
        // Both lie there before anything is wrapped by them.
        put_key_file(&next_of(&folder.keys().join(PAYLOADS)), &next).map_err(failed)?;
        if *to == SecretsKey::Own {
            put_key_file(&next_of(&folder.keys().join(SECRETS)), &after).map_err(failed)?;
        }

        let mut change = store.change().await?;
        let secrets =
            rewrap(store, &mut change, WrappedKeys::Secrets, |tenant, kept| before.rewrap(&after_host, tenant, kept))
                .await?;
        let payloads = rewrap(store, &mut change, WrappedKeys::Payloads, |tenant, kept| {
            payloads_before.rewrap(&payloads_after, tenant, kept)
        })
        .await?;
        change.put_mark(secrets::MARK, &secrets::mark_of(&after_host)?).await?;
        change.put_mark(payloads::MARK, &payloads_after.mark()?).await?;
        Ok(Self { change, secrets, payloads, folder: folder.clone(), store: store.clone(), to: to.clone() })
    }

    /// Puts it in force. From the moment that the transaction is durable the keys before open nothing any more.
    ///
    /// # Errors
    /// When the store or the folder fails; the next start, or the next rotation, finishes what was put in force.
    pub async fn commit(self) -> Result<()> {
        let Self { change, folder, store, to, .. } = self;
        change.commit().await?;
        settle(&folder, &store, &to).await?;
        if to != SecretsKey::Own {
            // It opens nothing any more.
            remove_key_file(&folder.keys().join(SECRETS)).map_err(failed)?;
        }
        // What was wrapped by the keys before goes from the files, too.
        store.forget_deleted().await.map(drop)
    }

    /// Leaves it as a crash would that comes right behind the transaction.
    #[cfg(test)]
    pub(super) async fn commit_and_crash(self) {
        self.change.commit().await.unwrap();
    }
}

/// The files of keys of the data folder's own.
const SECRETS: &str = "secrets.key";
const PAYLOADS: &str = "payloads.key";

/// Finishes a rotation that a crash came into, or takes back one that did not come into force. Asked before the keys are.
///
/// # Errors
/// When the store or the folder fails.
pub async fn settle(folder: &DataFolder, store: &Store, source: &SecretsKey) -> Result<()> {
    let (secrets, payloads) = (folder.keys().join(SECRETS), folder.keys().join(PAYLOADS));
    let mark = store.mark(payloads::MARK).await?;
    let opens = |key: &KeyBytes| mark.as_deref().is_some_and(|mark| payloads::HostKey::of(key).is_marked(mark));
    settle_file(&payloads, "kept payloads", opens)?;
    let mark = store.mark(secrets::MARK).await?;
    let opens = |key: &KeyBytes| mark.as_deref().is_some_and(|mark| secrets::opens(&secrets::host_key(key), mark));
    if *source == SecretsKey::Own {
        return settle_file(&secrets, "secrets", opens);
    }
    // Where the key comes from elsewhere, one that lies next here was for a rotation to the folder's own: it stays only where
    // that came into force, and then the source that was given is the wrong one, which is told where it is used.
    match next_key(&secrets, "secrets")? {
        Some(next) if !opens(&next) => remove_key_file(&next_of(&secrets)).map_err(failed),
        _ => Ok(()),
    }
}

fn settle_file(path: &Path, what: &str, in_force: impl Fn(&KeyBytes) -> bool) -> Result<()> {
    match next_key(path, what)? {
        None => Ok(()),
        Some(next) if in_force(&next) => replace_key_file(&next_of(path), path).map_err(failed),
        Some(_) => remove_key_file(&next_of(path)).map_err(failed),
    }
}

/// The key that is to come in the place of the one at `path`, where one lies there whole.
fn next_key(path: &Path, what: &str) -> Result<Option<KeyBytes>> {
    let Some(bytes) = kept_key_file(&next_of(path), what)? else { return Ok(None) };
    // It is written whole or not at all; another length is nobody's key.
    Ok(Some(Zeroizing::new(bytes.as_slice().try_into().unwrap_or([0; KEY_BYTES]))))
}

fn next_of(path: &Path) -> PathBuf {
    path.with_extension("key.next")
}

async fn rewrap(
    store: &Store,
    change: &mut Change,
    kind: WrappedKeys,
    anew: impl Fn(&TenantId, &WrappedKey) -> Result<Option<WrappedKey>>,
) -> Result<u64> {
    let mut count = 0;
    for (tenant, kept) in store.wrapped_keys(kind).await? {
        let anew = anew(&tenant, &kept)?;
        let anew = anew.ok_or_else(|| failed(format_args!("the host's key does not open {tenant}'s for {kind}")))?;
        change.put_wrapped_key(kind, &tenant, &anew).await?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
