//! How much is in each volume, exactly, while many calls change it.
//!
//! A volume is measured when it is first used and counted from then on. Every change takes the volume's turn: it looks,
//! reserves what will be added, changes, and gives back what was not. Turns are waited for without a thread, and a turn
//! belongs to the change and not to the call: a call that is given up leaves no change half counted.
//!
//! A file that was removed while someone has it open still takes its space; it is counted until its last handle goes.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use parking_lot::Mutex;
use rustix::fs::Stat;
use tokio::sync::Semaphore;

use super::Fault;
use crate::capability::StorageQuotas;
use crate::id::TenantId;
use crate::storage::{Volume, Volumes};

/// Volumes whose counts are kept although nobody uses them. What goes is measured again when it is next used.
const IDLE_MAX: usize = 10_000;
/// Threads that wait for the disk on a tenant's behalf at once: a slow disk, or one that is told to sync again and again,
/// keeps the tenant's own calls waiting, and leaves others the threads that all of the host has.
pub(super) const TENANT_THREADS_MAX: usize = 32;

/// Every tenant's volumes, as calls use them. Cheap to clone; the one place through which they are changed.
#[derive(Debug, Clone)]
pub struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    volumes: Volumes,
    quotas: Arc<StorageQuotas>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    tenants: HashMap<TenantId, Arc<TenantSpace>>,
    spaces: HashMap<(TenantId, Volume), Arc<Space>>,
}

/// What all of a tenant's volumes hold.
#[derive(Debug)]
struct TenantSpace {
    bytes: AtomicU64,
    measured: AtomicBool,
    turn: Arc<tokio::sync::Mutex<()>>,
    threads: Arc<Semaphore>,
}

impl Default for TenantSpace {
    fn default() -> Self {
        let threads = Arc::new(Semaphore::new(TENANT_THREADS_MAX));
        Self { bytes: AtomicU64::new(0), measured: AtomicBool::new(false), turn: Arc::default(), threads }
    }
}

/// What one volume holds, and whose turn it is.
#[derive(Debug)]
pub(super) struct Space {
    tenant: Arc<TenantSpace>,
    turn: Arc<tokio::sync::Mutex<()>>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    measured: bool,
    bytes: u64,
    files: u64,
    /// Files that someone has open, by inode.
    open: HashMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Open {
    handles: u64,
    /// It has no name any more, and its space goes with its last handle.
    removed: bool,
}

/// The right to change a volume. Whoever has it is alone.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held, never read")] tokio::sync::OwnedMutexGuard<()>);

/// What a change may let the volume grow to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    pub(super) bytes_max: u64,
    pub(super) files_max: u64,
    pub(super) tenant_bytes_max: u64,
}

impl Files {
    /// The volumes in `volumes`, a tenant's together within `quotas`.
    pub fn new(volumes: Volumes, quotas: Arc<StorageQuotas>) -> Self {
        Self(Arc::new(Shared { volumes, quotas, known: Mutex::default() }))
    }

    pub(super) fn tenant_bytes_max(&self) -> u64 {
        self.0.quotas.volumes_bytes_max.load(Ordering::Relaxed)
    }

    /// A volume's folder and its counts; makes the folder and measures it where that was not done.
    pub(super) async fn open(&self, tenant: &TenantId, volume: &str) -> Result<(Arc<Space>, Dir), Fault> {
        let volume: Volume = volume.parse().map_err(|error| failed(&error))?;
        let space = self.space(tenant, &volume);
        let turn = space.turn().await;
        let whole = Arc::clone(&space.tenant.turn).lock_owned().await;
        let (shared, tenant, own) = (Arc::clone(&self.0), tenant.clone(), Arc::clone(&space.tenant));
        own.blocking(move || {
            let volumes = &shared.volumes;
            space.tenant.measure(volumes, &tenant)?;
            let path = volumes.open(&tenant, &volume).map_err(|error| failed(&error))?;
            if !space.counts.lock().measured {
                let usage = volumes.usage(&tenant, &volume).map_err(|error| failed(&error))?;
                let mut counts = space.counts.lock();
                (counts.measured, counts.bytes, counts.files) = (true, usage.bytes, usage.files);
            }
            let folder = Dir::open_ambient_dir(path, ambient_authority())?;
            drop((turn, whole));
            Ok((space, folder))
        })
        .await
    }

    /// Measures what all of the tenant's volumes hold, where that was not done.
    pub(super) async fn measure(&self, tenant: &TenantId, space: &Arc<Space>) -> Result<(), Fault> {
        let whole = Arc::clone(&space.tenant.turn).lock_owned().await;
        let (shared, tenant, own) = (Arc::clone(&self.0), tenant.clone(), Arc::clone(&space.tenant));
        let space = Arc::clone(space);
        own.blocking(move || {
            space.tenant.measure(&shared.volumes, &tenant)?;
            drop(whole);
            Ok(())
        })
        .await
    }

    pub(super) fn volumes(&self) -> &Volumes {
        &self.0.volumes
    }

    /// The count of something that one call alone has, among the tenant's.
    pub(super) fn space_of_call(&self, tenant: &TenantId) -> Arc<Space> {
        let mut known = self.0.known.lock();
        let whole = Arc::clone(known.tenants.entry(tenant.clone()).or_default());
        let counts = Counts { measured: true, ..Counts::default() };
        Arc::new(Space { tenant: whole, turn: Arc::default(), counts: Mutex::new(counts) })
    }

    fn space(&self, tenant: &TenantId, volume: &Volume) -> Arc<Space> {
        let mut known = self.0.known.lock();
        let key = (tenant.clone(), volume.clone());
        if let Some(space) = known.spaces.get(&key) {
            return Arc::clone(space);
        }
        if known.spaces.len() >= IDLE_MAX {
            // What somebody uses is held by them too: two counts of one volume would each allow all of it.
            known.spaces.retain(|_, space| Arc::strong_count(space) > 1);
            known.tenants.retain(|_, whole| Arc::strong_count(whole) > 1);
        }
        let whole = Arc::clone(known.tenants.entry(tenant.clone()).or_default());
        let space = Arc::new(Space { tenant: whole, turn: Arc::default(), counts: Mutex::default() });
        known.spaces.insert(key, Arc::clone(&space));
        space
    }
}

impl TenantSpace {
    /// Runs what may wait for the disk on a thread that may wait. One that was begun keeps its place until it is done,
    /// also when nobody waits for it any more.
    async fn blocking<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Fault> + Send + 'static,
    {
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|error| failed(&error))?;
        let work = move || {
            let _thread = thread;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "an operation on a volume broke down");
                Err(Fault::Io)
            }
        }
    }

    /// Whoever calls this has its turn.
    fn measure(&self, volumes: &Volumes, tenant: &TenantId) -> Result<(), Fault> {
        if !self.measured.load(Ordering::Relaxed) {
            let usage = volumes.usage_of_tenant(tenant).map_err(|error| failed(&error))?;
            self.bytes.store(usage.bytes, Ordering::Relaxed);
            self.measured.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> Fault {
    tracing::error!(%error, "a volume cannot be used");
    Fault::Io
}

impl Space {
    /// Runs what may wait for the disk, as one of its tenant's.
    pub(super) async fn blocking<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Fault> + Send + 'static,
    {
        self.tenant.blocking(work).await
    }

    /// Waits for the turn to change the volume.
    pub(super) async fn turn(&self) -> Turn {
        Turn(Arc::clone(&self.turn).lock_owned().await)
    }

    /// Reserves `bytes` more.
    pub(super) fn grow(&self, _: &Turn, bytes: u64, quota: &Quota) -> Result<(), Fault> {
        let mut counts = self.counts.lock();
        let grown = counts.bytes.checked_add(bytes).filter(|grown| *grown <= quota.bytes_max).ok_or(Fault::Quota)?;
        let whole = |held: u64| held.checked_add(bytes).filter(|held| *held <= quota.tenant_bytes_max);
        self.tenant.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, whole).map_err(|_| Fault::Quota)?;
        counts.bytes = grown;
        Ok(())
    }

    /// Gives `bytes` back.
    pub(super) fn shrink(&self, _: &Turn, bytes: u64) {
        self.give_back(&mut self.counts.lock(), bytes);
    }

    /// Reserves one more file or folder.
    pub(super) fn add_file(&self, _: &Turn, quota: &Quota) -> Result<(), Fault> {
        let mut counts = self.counts.lock();
        if counts.files >= quota.files_max {
            return Err(Fault::Quota);
        }
        counts.files += 1;
        Ok(())
    }

    /// A file or folder less.
    pub(super) fn remove_file(&self, _: &Turn) {
        let mut counts = self.counts.lock();
        counts.files = counts.files.saturating_sub(1);
    }

    /// A name of the file `found` is gone.
    pub(super) fn removed(&self, _: &Turn, found: &Stat) {
        let mut counts = self.counts.lock();
        match counts.open.get_mut(&found.st_ino) {
            Some(open) if found.st_nlink <= 1 => open.removed = true,
            _ => self.forget(&mut counts, u64::try_from(found.st_size).unwrap_or(0)),
        }
    }

    /// Somebody has the file `inode` open.
    pub(super) fn opened(&self, _: &Turn, inode: u64) {
        self.counts.lock().open.entry(inode).or_default().handles += 1;
    }

    /// A handle of the file `inode` goes; `file` is it.
    pub(super) fn closed(&self, inode: u64, file: impl AsFd) {
        let mut counts = self.counts.lock();
        let Some(open) = counts.open.get_mut(&inode) else { return };
        open.handles -= 1;
        if open.handles > 0 {
            return;
        }
        let removed = open.removed;
        counts.open.remove(&inode);
        if removed {
            let bytes = rustix::fs::fstat(file).map_or(0, |found| u64::try_from(found.st_size).unwrap_or(0));
            self.forget(&mut counts, bytes);
        }
    }

    fn forget(&self, counts: &mut Counts, bytes: u64) {
        counts.files = counts.files.saturating_sub(1);
        self.give_back(counts, bytes);
    }

    /// All of it is gone.
    pub(super) fn let_go(&self) {
        let mut counts = self.counts.lock();
        let bytes = counts.bytes;
        self.give_back(&mut counts, bytes);
    }

    fn give_back(&self, counts: &mut Counts, bytes: u64) {
        counts.bytes = counts.bytes.saturating_sub(bytes);
        let less = |held: u64| Some(held.saturating_sub(bytes));
        // It always updates: the closure always gives a value.
        let _ = self.tenant.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Bytes and files as they are counted, and the tenant's bytes.
    #[cfg(test)]
    pub(super) fn counted(&self) -> (u64, u64, u64) {
        let counts = self.counts.lock();
        (counts.bytes, counts.files, self.tenant.bytes.load(Ordering::Relaxed))
    }
}
