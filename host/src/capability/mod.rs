//! What a call holds and can do beyond computing: each capability by its grant, everything else linked and denied.
//!
//! Every interface is always linked, so that a component instantiates whatever it imports; without a grant it answers
//! with its own "denied". `X.rs` is what a capability is, `X/bind.rs` its glue for WASI 0.2, `X/bind3.rs` for 0.3.
//! Nothing here decides: what policy granted is handed in, and only `policy` can have made it.

pub mod bindings;
pub mod call;
pub mod clock;
pub mod config;
pub mod effects;
pub mod files;
pub mod http;
mod io;
pub mod kv;
mod linker;
pub mod log;
pub mod model;
pub mod progress;
pub mod prompt;
pub mod random;
mod sockets;
pub mod stdio;
pub mod tape;
pub mod uses;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Instant, SystemTime};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

pub use self::linker::{add_to_linker, add_to_linker_3};

use self::call::{CallsCall, CallsView, Family};
use self::clock::ClockCall;
use self::config::{ConfigCall, ConfigView};
use self::effects::Effects;
use self::files::{Files, FilesCall, FilesView};
use self::http::{Broker, CallSecrets, HttpCall};
use self::io::IoView;
use self::kv::{KvCall, KvView};
use self::log::{LogCall, LogView};
use self::model::{ModelCall, ModelSetting, ModelView};
use self::progress::{ProgressCall, ProgressView};
use self::prompt::{PromptCall, PromptView};
use self::random::{RandomCall, RandomView};
use self::sockets::SocketsView;
use self::stdio::{Program, StdioView};
use self::tape::{Line, Tape};
use crate::id::{CallId, TenantId};
use crate::limits::CallLimits;
use crate::policy::Grants;
use crate::storage::kv::KvStore;
use crate::storage::{SealedSecrets, Vault};

/// What the capabilities of all calls share. Cheap to clone. The default has nothing: what policy grants is answered as
/// if it were not there.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// Buckets.
    pub kv: Option<KvStore>,
    /// Volumes.
    pub files: Option<Files>,
    /// Requests.
    pub http: Option<Broker>,
    /// What opens tenants' secrets, for requests.
    pub vault: Option<Vault>,
    /// What a tenant may store.
    pub quotas: Arc<StorageQuotas>,
}

/// What each tenant may store through its tools and its calls, by the platform's ceiling; a change is in force from the next
/// operation on.
#[derive(Debug)]
pub struct StorageQuotas {
    /// All buckets of a tenant together, in bytes.
    pub buckets_bytes_max: AtomicU64,
    /// All volumes of a tenant together, in bytes.
    pub volumes_bytes_max: AtomicU64,
    /// All payloads of a tenant's calls together, in bytes.
    pub payloads_bytes_max: AtomicU64,
}

impl Default for StorageQuotas {
    /// 1 GiB, 10 GiB and 1 GiB.
    fn default() -> Self {
        Self {
            buckets_bytes_max: AtomicU64::new(1 << 30),
            volumes_bytes_max: AtomicU64::new(10 << 30),
            payloads_bytes_max: AtomicU64::new(1 << 30),
        }
    }
}

/// What a store's data has to offer so that [`add_to_linker`] can link it.
pub trait CapabilityView: Send + 'static {
    /// The call's capabilities.
    fn capabilities(&mut self) -> &mut CallCapabilities;
}

/// The secrets of a call's tenant, sealed, as its capabilities take them.
pub type Secrets = Arc<SealedSecrets>;

/// Everything that one call holds. Made in less than a microsecond: what a call does not use is not set up, and neither
/// disk nor database is touched before a guest asks.
pub struct CallCapabilities {
    table: ResourceTable,
    /// For what `wasmtime-wasi` serves as it is: environment, exit, standard input, clocks. Made at its first use.
    wasi: Option<Box<WasiCtx>>,
    clock: ClockCall,
    kv: KvCall,
    files: FilesCall,
    http: HttpCall,
    http_context: WasiHttpCtx,
    config: ConfigCall,
    log: LogCall,
    model: ModelCall,
    progress: ProgressCall,
    prompt: PromptCall,
    random: RandomCall,
    calls: CallsCall,
    /// Of a tool that is a program.
    program: Option<Box<Program>>,
    effects: Arc<Effects>,
    /// Of the call's tape, where it has one.
    line: Option<Line>,
    /// Which handles are standard streams.
    printers: Vec<u32>,
}

impl fmt::Debug for CallCapabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallCapabilities").field("effects", &self.effects).finish_non_exhaustive()
    }
}

impl CallCapabilities {
    /// What the call `call` of `tenant` holds by `grants`; a frozen clock shows `frozen_time`. In a replay, by its
    /// `tape`, nothing of it touches the world. It has to be done by `until`; `family` is what it has in common with
    /// calls above and below it.
    #[expect(clippy::too_many_arguments, reason = "a call holds as much")]
    pub fn new(
        services: &Services,
        grants: &Arc<Grants>,
        limits: &CallLimits,
        tenant: &TenantId,
        call: CallId,
        frozen_time: SystemTime,
        effects: Arc<Effects>,
        secrets: &Secrets,
        models: &ModelSetting,
        tape: Option<&Arc<Tape>>,
        family: Option<Family>,
        until: Instant,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.resources).unwrap_or(usize::MAX));
        let line = tape.map(Tape::main);
        let effect = || Arc::clone(&effects);
        let clock = ClockCall::new(&grants.clock, frozen_time, effect()).on(line.as_ref());
        Self {
            table,
            wasi: None,
            kv: KvCall::new(services.kv.as_ref(), &services.quotas, grants, limits, tenant, effect()),
            files: FilesCall::new(services.files.as_ref(), grants, limits, tenant, clock.step(), effect()),
            clock,
            http: HttpCall::new(services.http.as_ref(), grants, limits, tenant, effect())
                .with_secrets(CallSecrets::new(services.vault.as_ref(), tenant, secrets))
                .on(tape),
            http_context: http::context(limits),
            config: ConfigCall::new(&grants.config, effect()),
            log: LogCall::new(grants.log.as_ref(), limits, effect()),
            model: ModelCall::new(services, grants, limits, tenant, models, effect(), until),
            progress: ProgressCall::new(limits, effect()),
            prompt: PromptCall::new(&grants.prompt, effect()),
            random: RandomCall::new(&grants.random, limits, call, effect()).on(line.as_ref()),
            calls: CallsCall::new(grants, limits, family, until, effect()),
            program: None,
            effects,
            line,
            printers: Vec::new(),
        }
    }

    /// Makes the tool a program. Before anything of it runs.
    pub fn start_program(&mut self, program: Program) {
        self.program = Some(Box::new(program));
    }

    /// Gives up every handle that the guest still holds: it is over, and what it left half done is known to be.
    pub fn close(&mut self) {
        self.table = ResourceTable::new();
    }

    fn wasi(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut builder = WasiCtx::builder();
            if let Some(Program { start, .. }) = self.program.as_deref() {
                builder.args(&start.arguments).stdin(MemoryInputPipe::new(start.input.clone()));
            }
            builder.wall_clock(self.clock.clone()).monotonic_clock(self.clock.clone());
            // Denied by default; said again, because everything rests on it.
            builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
            builder.socket_addr_check(|_, _| Box::pin(async { false }));
            Box::new(builder.build())
        });
        WasiCtxView { ctx, table: &mut self.table }
    }

    fn kv(&mut self) -> KvView<'_> {
        KvView { table: &mut self.table, call: &mut self.kv, line: self.line.as_ref() }
    }

    fn files(&mut self) -> FilesView<'_> {
        FilesView { table: &mut self.table, call: &mut self.files, line: self.line.as_ref() }
    }

    /// The call's side of `wasi:http`, both of what it asks and of what it is asked.
    pub fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http, table: &mut self.table, ctx: &mut self.http_context }
    }

    fn io(&mut self) -> IoView<'_> {
        let tape = self.line.as_ref().map(|line| &**line.tape());
        IoView { table: &mut self.table, tape, printers: &mut self.printers }
    }

    fn log(&mut self) -> LogView<'_> {
        LogView { call: &mut self.log }
    }

    fn stdio(&mut self) -> StdioView<'_> {
        let (log, program) = (&self.log, self.program.as_deref());
        StdioView { table: &mut self.table, log, program, printers: &mut self.printers }
    }

    fn config(&mut self) -> ConfigView<'_> {
        ConfigView { call: &mut self.config }
    }

    fn model(&mut self) -> ModelView<'_> {
        ModelView { table: &mut self.table, call: &mut self.model, line: self.line.as_ref() }
    }

    fn prompt(&mut self) -> PromptView<'_> {
        PromptView { call: &mut self.prompt }
    }

    fn progress(&mut self) -> ProgressView<'_> {
        ProgressView { call: &mut self.progress }
    }

    fn random(&mut self) -> RandomView<'_> {
        RandomView { call: &mut self.random }
    }

    /// Fuel that the call gave to calls that it made, and has not got back.
    pub fn lent(&self) -> u64 {
        self.calls.lent()
    }

    fn calls(&mut self) -> CallsView<'_> {
        CallsView { table: &mut self.table, call: &mut self.calls, line: self.line.as_ref() }
    }

    fn sockets(&mut self) -> SocketsView<'_> {
        SocketsView { effects: &self.effects }
    }
}
