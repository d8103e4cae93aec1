//! Payloads of calls, for tenants that have them kept: arguments, results and what the host answered, each sealed, and
//! for a time of its own.
//!
//! A file of its own, so that nothing else waits behind long payloads. All of a tenant's are sealed with a key of the
//! tenant's, which the host's own key wraps: erasing the one erases everything that it sealed, copies and backups too.
//! Nothing of a payload is in an error's text.

mod rows;
mod seal;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use self::rows::{Row, Rows};
pub(super) use self::seal::{HostKey, MARK};
use self::seal::{TenantKey, Which};
use self::writer::Writer;
use super::{DataFolder, Store};
use crate::error::Result;
use crate::id::{CallId, TenantId};

/// A piece of a call's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayloadKind {
    /// The arguments, as JSON text.
    Arguments,
    /// The result.
    Result,
    /// What the host answered while the call ran.
    Recording,
}

impl PayloadKind {
    const ALL: [Self; 3] = [Self::Arguments, Self::Result, Self::Recording];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Result => "result",
            Self::Recording => "recording",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A call's payload on its way in.
#[derive(Debug)]
pub struct NewPayload<'a> {
    /// Whose call.
    pub tenant: &'a TenantId,
    /// The call.
    pub call: CallId,
    /// How long it is kept.
    pub retention: Duration,
    /// Its pieces.
    pub pieces: Vec<(PayloadKind, Vec<u8>)>,
    /// What all of the tenant's payloads together may hold, in bytes.
    pub tenant_bytes_max: u64,
}

/// A call's payload as it is kept.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptPayload {
    /// Until when.
    pub until: SystemTime,
    /// Its pieces; what the call did not have is not among them.
    pub pieces: BTreeMap<PayloadKind, Piece>,
}

/// A piece of a payload as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it was kept.
    Whole(Vec<u8>),
    /// There was no room for it.
    Missing,
    /// What lies there is not what this host sealed for this place: it was altered, or put there from another.
    Altered,
}

/// Payloads of all tenants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Payloads {
    rows: Rows,
    writer: Writer,
    store: Store,
    host: Arc<HostKey>,
    keys: Arc<Mutex<Keys>>,
}

/// Tenants' keys that were used since the start.
#[derive(Debug, Default)]
struct Keys {
    open: HashMap<TenantId, Arc<TenantKey>>,
    /// Grows with each erasure: what was read before one is not put here after it.
    erasures: u64,
}

impl Payloads {
    /// Opens the payloads of a data folder, making the host's key where there is none.
    ///
    /// # Errors
    /// When the folder cannot be used; when the host's key is gone, or is another one than payloads here are sealed with.
    pub async fn open(folder: &DataFolder, store: &Store) -> Result<Self> {
        let rows = Rows::open(&folder.payloads()).await?;
        let host = Arc::new(host_key(&folder.keys().join("payloads.key"), store, &rows).await?);
        let writer = Writer::start(rows.writer().clone());
        Ok(Self { rows, writer, store: store.clone(), host, keys: Arc::default() })
    }

    /// Keeps a call's payload, durably. Of what does not fit the tenant's room it is kept that it did not fit. Keeping
    /// a piece again changes nothing.
    ///
    /// # Errors
    /// When the disk fails, or the tenant's key does not open.
    pub async fn keep(&self, payload: NewPayload<'_>) -> Result<()> {
        let NewPayload { tenant, call, retention, pieces, tenant_bytes_max } = payload;
        let key = self.key(tenant).await?;
        let now = SystemTime::now();
        let until = now.checked_add(retention).unwrap_or(now);
        let mut sealed = Vec::with_capacity(pieces.len());
        for (kind, bytes) in pieces {
            let piece = Some(key.seal(&Which { tenant, call, kind }, &bytes)?);
            sealed.push(Row { kind, key: key.id().to_owned(), kept: now, until, sealed: piece });
        }
        self.writer.insert(tenant, call, sealed, tenant_bytes_max).await
    }

    /// A call's payload; nothing where none was kept, its time is over, or it was erased.
    ///
    /// # Errors
    /// When the store fails, or the tenant's key does not open.
    pub async fn read(&self, tenant: &TenantId, call: CallId) -> Result<Option<KeptPayload>> {
        let rows = self.rows.of_call(tenant, call).await?;
        let [erased, _] = self.store.payload_erasures(tenant, call).await?;
        if rows.is_empty() || erased.is_some() {
            return Ok(None);
        }
        let Some(key) = self.present_key(tenant).await? else { return Ok(None) };
        let now = SystemTime::now();
        let mut kept: Option<KeptPayload> = None;
        // What another key sealed was erased with it.
        for row in rows.into_iter().filter(|row| row.until > now && row.key == key.id()) {
            let which = Which { tenant, call, kind: row.kind };
            let piece = match &row.sealed {
                Some(sealed) => key.open(&which, sealed).map_or(Piece::Altered, Piece::Whole),
                None => Piece::Missing,
            };
            let kept = kept.get_or_insert_with(|| KeptPayload { until: row.until, pieces: BTreeMap::new() });
            kept.pieces.insert(row.kind, piece);
        }
        Ok(kept)
    }

    /// When the payload of a call was erased, by itself or with all of the tenant's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn erased(&self, tenant: &TenantId, call: CallId) -> Result<Option<SystemTime>> {
        let [one, all] = self.store.payload_erasures(tenant, call).await?;
        // All that there was then: not what came after it.
        Ok(one.or(all.filter(|at| call.made() < *at)))
    }

    /// Removes what was erased, once the change that says so is committed. It cannot be read from then on; whether no byte of
    /// it is in the files any more, which is when an erasure is done. While somebody reads them, such as a backup, it is not,
    /// and the next sweep goes on with it.
    ///
    /// # Errors
    /// When a store fails; the next sweep goes on with it.
    pub async fn finish_erasures(&self) -> Result<bool> {
        let open = self.store.open_payload_erasures().await?;
        if open.is_empty() {
            return Ok(true);
        }
        // First, so that nothing more is read with these keys whatever fails behind it.
        for (tenant, _) in open.iter().filter(|(_, call)| call.is_none()) {
            self.forget(tenant);
        }
        for (tenant, call) in &open {
            match call {
                Some(call) => self.rows.delete_call(tenant, *call).await?,
                None => {
                    let present = self.store.payload_key(tenant).await?;
                    let present = present.map(|row| row.id).unwrap_or_default();
                    self.rows.delete_other_keys(tenant, &present).await?;
                }
            }
        }
        // What was deleted goes from the files too, not only from what is read of them.
        let is_gone = self.store.forget_deleted().await? & self.rows.forget_deleted().await?;
        if is_gone {
            for (tenant, call) in &open {
                self.store.close_payload_erasure(tenant, *call).await?;
            }
        } else {
            tracing::warn!("erased payloads are in the files until whoever reads these is done");
        }
        Ok(is_gone)
    }

    /// Removes what is over: past its own time, or older than `retention` has for its tenant now; and what is left of
    /// erasures.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn sweep(&self, retention: impl Fn(&TenantId) -> Option<Duration>) -> Result<u64> {
        let now = SystemTime::now();
        let mut gone = self.rows.delete_ended(now).await?;
        for tenant in self.rows.tenants().await? {
            let present = self.store.payload_key(&tenant).await?.map(|row| row.id).unwrap_or_default();
            gone += self.rows.delete_other_keys(&tenant, &present).await?;
            if let Some(oldest) = retention(&tenant).and_then(|retention| now.checked_sub(retention)) {
                gone += self.rows.delete_older(&tenant, oldest).await?;
            }
        }
        self.finish_erasures().await?;
        if gone > 0 {
            // What cannot be done now, the next one does.
            let _ = self.rows.forget_deleted().await?;
        }
        Ok(gone)
    }

    /// What all payloads of a tenant hold, sealed, in bytes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bytes(&self, tenant: &TenantId) -> Result<u64> {
        self.rows.bytes(tenant).await
    }

    /// Writes everything into the one file and closes it.
    pub async fn close(&self) {
        self.rows.close().await;
    }

    /// The tenant's key; made where there is none.
    async fn key(&self, tenant: &TenantId) -> Result<Arc<TenantKey>> {
        match self.present_key(tenant).await? {
            Some(key) => Ok(key),
            None => {
                let new = self.host.new_key(tenant)?;
                // Where two make the first one at once, both go on with the one that stands.
                self.store.add_payload_key(tenant, &new).await?;
                self.present_key(tenant).await?.ok_or_else(|| super::failed("a payload key was erased as it was made"))
            }
        }
    }

    async fn present_key(&self, tenant: &TenantId) -> Result<Option<Arc<TenantKey>>> {
        let erasures = {
            let keys = self.keys.lock();
            if let Some(key) = keys.open.get(tenant) {
                return Ok(Some(Arc::clone(key)));
            }
            keys.erasures
        };
        let Some(row) = self.store.payload_key(tenant).await? else { return Ok(None) };
        let key = Arc::new(self.host.unwrap(tenant, &row)?);
        let mut keys = self.keys.lock();
        if keys.erasures == erasures {
            keys.open.insert(tenant.clone(), Arc::clone(&key));
        }
        Ok(Some(key))
    }

    fn forget(&self, tenant: &TenantId) {
        let mut keys = self.keys.lock();
        keys.erasures += 1;
        keys.open.remove(tenant);
    }
}

/// The host's key in the file at `path`: the one that what is kept is sealed with. Where nothing is kept, another one may
/// take its place.
async fn host_key(path: &Path, store: &Store, rows: &Rows) -> Result<HostKey> {
    let (mark, some) = (store.mark(MARK).await?, store.some_payload_key().await?);
    let needed = (mark.is_some() || some.is_some()) && !rows.is_empty().await?;
    if needed && !path.try_exists().map_err(super::failed)? {
        return Err(seal::another_key("is gone"));
    }
    let host = HostKey::open(path)?;
    let is_it = match (&mark, &some) {
        (Some(mark), _) => host.is_marked(mark),
        // From before there was a mark.
        (None, Some((tenant, row))) => host.unwrap(tenant, row).is_ok(),
        (None, None) => true,
    };
    if !is_it && needed {
        return Err(seal::another_key("is not the key that kept payloads are sealed with"));
    }
    if !is_it || mark.is_none() {
        let mut change = store.change().await?;
        if !is_it {
            change.forget_payload_keys().await?;
        }
        change.put_mark(MARK, &host.mark()?).await?;
        change.commit().await?;
    }
    Ok(host)
}
