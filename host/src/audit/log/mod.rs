//! Tenants' logs: the journal's entries as one transparency log for each tenant, in formats that others' tools read.
//!
//! A log is tiles (c2sp.org/tlog-tiles) in the blob store, under checkpoints (c2sp.org/tlog-checkpoint) that the host
//! signs; `cofferdam-auditor` has the formats, this module makes logs in them. The integrator is the one
//! writer; whoever asks gets full tiles from the files and the rest from the integrator.

mod check;
mod due;
mod files;
mod history;
mod integrator;
mod keeper;
mod live;
mod reading;
#[cfg(test)]
mod tests;
mod witness;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use bytes::Bytes;
use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::key::{Origin, SigningKey, VerifierKey};
use cofferdam_auditor::proof;
use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::tile::TilePath;
use cofferdam_auditor::tree::Frontier;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use self::check::{FolderReport, LogReport, check};
use self::files::Files;
use self::integrator::Integrator;
use self::keeper::Keeper;
use self::live::CHECKPOINT_PAUSE;
pub use self::reading::LogReader;
use self::reading::Readers;
pub use self::witness::Witness;
use self::witness::Witnesses;
use super::{Audit, Entry, Position};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId};
use crate::storage::{Blobs, LogKeyRow, Store};

/// Entries that are durable and in no log yet: beyond so many, the host lets no further call in.
const LAG_MAX: u64 = 2_000_000;

/// How often a checkpoint is asked for that covers what a receipt is for.
const RECEIPT_TRIES: u32 = 20;

/// How logs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The first part of every log's origin; default `cofferdam`. Whoever compares logs of several hosts gives each a
    /// name of its own, such as the host's domain.
    pub name: String,
    /// Who is asked to cosign each checkpoint that is signed; of those of one log the newest, when its turn comes. Default
    /// nobody.
    pub witnesses: Vec<Witness>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { name: "cofferdam".to_owned(), witnesses: Vec::new() }
    }
}

/// The logs of this host's tenants. Cheap to clone; the last clone ends the integrator.
#[derive(Debug, Clone)]
pub struct Logs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    asks: Mutex<Option<mpsc::Sender<Ask>>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    keeper: Keeper,
    audit: Audit,
}

/// A log's name and its keys.
#[derive(Debug, Clone)]
pub struct LogKeys {
    /// The first line of every checkpoint.
    pub origin: Origin,
    /// Oldest first; the last one signs.
    pub keys: Vec<VerifierKey>,
    /// Entries at present.
    pub size: u64,
}

/// The key that a log can be handed over to, and the one before it.
#[derive(Debug)]
pub struct NextKey {
    /// What is to be kept of it, with the entry that names it.
    pub row: LogKeyRow,
    /// The log.
    pub origin: Origin,
    /// The key that signs until then.
    pub before: VerifierKey,
    /// The key that signs from then on.
    pub after: VerifierKey,
}

/// What the integrator tells everybody.
#[derive(Debug, Default)]
struct Shared {
    /// How far it has come in the journal.
    integrated: AtomicU64,
    /// How far what it came to is kept, so that it does not need the journal before that.
    kept: AtomicU64,
    /// Why it has not come further.
    stopped: Mutex<Option<Stop>>,
}

/// Why a log does not grow.
#[derive(Debug, Clone)]
enum Stop {
    /// Something failed that may not fail again.
    Retry(Error),
    /// The log would fork, or nobody is left who makes it: it is never to grow.
    Final(Error),
}

impl Stop {
    /// What was signed and what the journal holds are not the same log.
    fn fork(what: impl std::fmt::Display) -> Self {
        let message = format!("a log does not go on from what was published: {what}");
        Self::Final(Error::new(Code::AuditUnavailable, message).next(
            "stop the host and keep a copy of its data folder: the journal or the log was altered, or put back from an \
             older copy; `cofferdam audit verify` says which",
        ))
    }

    /// The thread that makes the logs ended in the middle of it.
    fn panicked() -> Self {
        let error = Error::new(Code::AuditUnavailable, "the thread that makes the logs has ended");
        Self::Final(error.next("start the host again; its log says where it ended"))
    }

    fn error(&self) -> &Error {
        match self {
            Self::Retry(error) | Self::Final(error) => error,
        }
    }

    fn into_error(self) -> Error {
        match self {
            Self::Retry(error) | Self::Final(error) => error,
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Retry(error)
    }
}

type Reply<T> = oneshot::Sender<Result<T>>;

/// What the integrator is asked for. It answers as of everything that was durable when it was asked.
#[derive(Debug)]
enum Ask {
    Checkpoint(TenantId, Reply<Checkpoint>),
    /// Not a question: what a witness signed.
    Cosigned(TenantId, Checkpoint, String),
    /// Nor this: nobody asks any more. Whether what there is is to be kept.
    Close(bool),
    View(TenantId, Reply<View>),
    Frontier(TenantId, Reply<Frontier>),
    Partial(TenantId, TilePath, Reply<Option<Vec<u8>>>),
    Keys(TenantId, Reply<(Vec<VerifierKey>, u64)>),
    /// What no question should do.
    #[cfg(test)]
    Panic,
}

impl Ask {
    fn fail(self, error: &Error) {
        // Who asked may have left.
        match self {
            Self::Cosigned(..) | Self::Close(_) => {}
            #[cfg(test)]
            Self::Panic => {}
            Self::Checkpoint(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::View(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Frontier(_, reply) => drop(reply.send(Err(error.clone()))),
            Self::Partial(_, _, reply) => drop(reply.send(Err(error.clone()))),
            Self::Keys(_, reply) => drop(reply.send(Err(error.clone()))),
        }
    }
}

/// A log at one moment.
#[derive(Debug)]
struct View {
    checkpoint: Checkpoint,
    /// At least as far as the checkpoint goes.
    frontier: Frontier,
}

/// A log's tiles, the full ones from its files. Waits for each: not on an async thread.
#[derive(Debug, Clone)]
struct Tiles {
    keeper: Keeper,
    tenant: TenantId,
    frontier: Frontier,
}

impl proof::Tiles for Tiles {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        if let Some(tile) = self.frontier.tile(path) {
            return Ok(Some(tile));
        }
        let file = self.keeper.runtime.block_on(self.keeper.files.read(&self.tenant, &path.to_string()));
        Ok(file.map_err(io::Error::other)?.map(Vec::from))
    }
}

impl Logs {
    /// Starts the integrator for the journal `audit`, which goes on with what is kept in `store`. Has to be called
    /// within the runtime; `begun` says that the journal is new.
    ///
    /// # Errors
    /// When the store fails or the thread does not start; `audit-unavailable` when the logs hold more than the journal,
    /// which then is not the one that they were made from.
    pub async fn start(
        audit: &Audit,
        begun: bool,
        store: &Store,
        blobs: &Blobs,
        settings: LogSettings,
    ) -> Result<Self> {
        let incarnation = match store.incarnation().await?.filter(|_| !begun) {
            Some(incarnation) => incarnation,
            None => {
                let mut id = [0; 8];
                getrandom::fill(&mut id).map_err(Error::internal)?;
                let name = format!("{:016x}", u64::from_be_bytes(id));
                store.begin_incarnation(&name).await?;
                name
            }
        };
        // What would be appended to a journal that was put back would get indexes that others have in the logs.
        let (kept, there) = (store.logs_position().await?, audit.position().0);
        if kept > there {
            let what = format_args!("the logs were made of {kept} entries, and the journal has {there}");
            return Err(Stop::fork(what).into_error());
        }
        let files = Files::new(blobs.object_store(), &incarnation);
        let (store, LogSettings { name, witnesses }) = (store.clone(), settings);
        let keeper = Keeper { store, files, runtime: Handle::current(), name, incarnation };
        // Names that no log can have are found here, not by the first call.
        keeper.origin(&TenantId::platform())?;
        let (asks, asked) = mpsc::channel();
        let witnesses = Witnesses::start(witnesses, &asks);
        let integrator = Integrator::new(audit.clone(), keeper.clone(), witnesses);
        let shared = Arc::<Shared>::default();
        let told = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("integrator".to_owned());
        let thread = thread.spawn(move || integrator.run(&told, &asked)).map_err(Error::internal)?;
        let (asks, thread) = (Mutex::new(Some(asks)), Mutex::new(Some(thread)));
        let readers = Readers::default();
        Ok(Self(Arc::new(Inner { asks, shared, thread, readers, keeper, audit: audit.clone() })))
    }

    /// Why no call is to be let in for the logs' sake; `Ok` when calls may be.
    ///
    /// # Errors
    /// `audit-unavailable` when a log would fork, or the logs are far behind the journal.
    pub fn health(&self) -> Result<()> {
        let stopped = self.0.shared.stopped.lock();
        if let Some(Stop::Final(error)) = &*stopped {
            return Err(error.clone());
        }
        let behind = self.0.audit.position().0.saturating_sub(self.0.shared.integrated.load(Ordering::Acquire));
        if behind <= LAG_MAX {
            return Ok(());
        }
        let error = Error::new(Code::AuditUnavailable, "the logs are too far behind the journal");
        let error = error.next("try again in a minute").fact("retry_after_ms", 60_000);
        let error = error.fact("entries_behind", behind).fact("maximum", LAG_MAX);
        Err(match &*stopped {
            Some(Stop::Retry(because)) => error.detail(because.operator_detail().unwrap_or(because.message())),
            _ => error,
        })
    }

    /// The place in the journal up to which everything is kept in the logs' files, or beside them.
    pub fn kept(&self) -> Position {
        Position(self.0.shared.kept.load(Ordering::Acquire))
    }

    /// The tenant's newest checkpoint, signed. It covers what was durable when it was asked for, but for the last 100 ms.
    ///
    /// # Errors
    /// `audit-unavailable` when the log does not grow.
    pub async fn checkpoint(&self, tenant: &TenantId) -> Result<Checkpoint> {
        self.ask(|reply| Ask::Checkpoint(tenant.clone(), reply)).await
    }

    /// The tenant's log and its keys.
    ///
    /// # Errors
    /// As for a checkpoint.
    pub async fn keys(&self, tenant: &TenantId) -> Result<LogKeys> {
        let origin = self.0.keeper.origin(tenant)?;
        let (keys, size) = self.ask(|reply| Ask::Keys(tenant.clone(), reply)).await?;
        Ok(LogKeys { origin, keys, size })
    }

    /// A key for the log to be handed over to, once it is kept and an entry of the log names it.
    ///
    /// # Errors
    /// As for a checkpoint.
    pub async fn next_key(&self, tenant: &TenantId) -> Result<NextKey> {
        let LogKeys { origin, keys, .. } = self.keys(tenant).await?;
        let (Some(before), Ok(generation)) = (keys.last().cloned(), u32::try_from(keys.len())) else {
            return Err(Error::internal("a log has no key"));
        };
        let row = LogKeyRow { generation, seed: keeper::seed()? };
        let after = SigningKey::from_seed(origin.clone(), &row.seed).vkey();
        Ok(NextKey { row, origin, before, after })
    }

    /// A tile of hashes or a bundle of entries, full or partial; nothing where the log is not that long.
    ///
    /// # Errors
    /// As for a checkpoint.
    pub async fn tile(&self, tenant: &TenantId, path: TilePath) -> Result<Option<Bytes>> {
        if let Some(full) = self.0.keeper.files.read(tenant, &path.full().to_string()).await? {
            return Ok(if path.is_full() { Some(full) } else { path.cut(full.into()).map(Bytes::from) });
        }
        if path.is_full() {
            return Ok(None);
        }
        Ok(self.ask(|reply| Ask::Partial(tenant.clone(), path, reply)).await?.map(Bytes::from))
    }

    /// The checkpoint that hands the log over from its `number`th key to the next, from 1; nothing where there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn handover(&self, tenant: &TenantId, number: u32) -> Result<Option<Bytes>> {
        self.0.keeper.files.read(tenant, &format!("handover/{number}")).await
    }

    /// The proof that the log holds these entries, which are recorded of `call`; waits until it does.
    ///
    /// # Errors
    /// `audit-unavailable` when the log does not grow.
    pub async fn receipt(&self, tenant: &TenantId, call: CallId, entries: &[Entry]) -> Result<Receipt> {
        let indexes: Vec<_> = entries.iter().map(|entry| entry.index).collect();
        let last = indexes.iter().copied().max().unwrap_or(0);
        let pass = self.0.readers.pass(tenant).await?;
        let View { checkpoint, frontier } = self.view_of(tenant, last).await?;
        let tiles = Tiles { keeper: self.0.keeper.clone(), tenant: tenant.clone(), frontier };
        let prove = move || {
            let receipt = Receipt::make(&tiles, &checkpoint, call.uuid(), &indexes).map_err(files::failed);
            drop(pass);
            receipt
        };
        tokio::task::spawn_blocking(prove).await.map_err(Error::internal)?
    }

    /// The log once a checkpoint covers the entry at `index`.
    async fn view_of(&self, tenant: &TenantId, index: u64) -> Result<View> {
        for _ in 0..RECEIPT_TRIES {
            let view = self.ask(|reply| Ask::View(tenant.clone(), reply)).await?;
            if view.checkpoint.head().size > index {
                return Ok(view);
            }
            // The last checkpoint is only just signed.
            tokio::time::sleep(CHECKPOINT_PAUSE).await;
        }
        Err(Error::new(Code::AuditUnavailable, "the log does not hold the call yet").next("try again in a moment"))
    }

    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.asks.lock().as_ref().is_some_and(|asks| asks.send(ask(reply)).is_ok());
        let closed = || Error::new(Code::Unavailable, "the host is ending").next("try again when it is there again");
        if !sent {
            return Err(closed());
        }
        answer.await.map_err(|_| closed())?
    }

    /// Ends the integrator, once it has taken in what is durable and kept it. The journal must still be open.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        self.end(true);
        if let Some(thread) = self.thread.lock().take() {
            // A thread that panicked has nothing to say here.
            let _ = thread.join();
        }
    }

    fn end(&self, keep: bool) {
        if let Some(asks) = self.asks.lock().take() {
            // A thread that panicked does not hear it.
            let _ = asks.send(Ask::Close(keep));
        }
    }
}

impl Drop for Inner {
    /// As a crash would: the thread waits for the runtime, which this may be holding up, so that nothing is waited for.
    fn drop(&mut self) {
        self.end(false);
    }
}

impl Shared {
    /// Tells what came of a turn.
    fn tell(&self, stop: Option<Stop>) {
        let mut stopped = self.stopped.lock();
        // What the journal and the log say does not agree again by itself.
        if matches!(*stopped, Some(Stop::Final(_))) {
            return;
        }
        if let Some(stop) = stop.as_ref().filter(|_| stopped.is_none()) {
            let error = stop.error();
            tracing::error!(%error, detail = error.operator_detail(), "the logs do not grow");
        }
        *stopped = stop;
    }
}
