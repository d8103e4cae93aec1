//! wasmtime: engines, artefacts, and one fresh store per call. It runs what it is told to run, with the grants and the
//! limits that it is given; it decides nothing.

mod call;
pub mod compile;
mod deadline;
mod executor;
pub mod kinds;
mod limiter;
mod load;
pub mod machine;
mod memory;
pub mod output;
mod settings;
mod slots;
mod state;
pub mod typed;
mod verdict;

use std::fs::File;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use wasmtime::component::Linker;

pub use self::call::{Meter, MeterHold};
pub use self::kinds::Kind;
pub use self::settings::{Allocator, Class, EngineSettings, SMALL_DATA_BYTES_MAX, child_places};

use self::executor::{Executor, Pace, Turn};
use self::kinds::Entry;
use self::memory::Memory;
use self::output::{RawDefinition, ToolOutput};
use self::slots::{Needs, Slots};
use self::state::State;
use crate::capability::call::Family;
use crate::capability::effects::Effects;
use crate::capability::model::ModelSetting;
use crate::capability::tape::Tape;
use crate::capability::{Secrets, Services};
use crate::error::{Error, Result};
use crate::id::{CallId, DefinitionName, TenantId};
use crate::limits::CallLimits;
use crate::policy::Grants;

/// Runs components. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    small: ClassEngine,
    large: ClassEngine,
    /// Started on first need.
    concurrent: OnceLock<Result<ClassEngine>>,
    concurrent_compatibility: String,
    settings: EngineSettings,
    slots: Arc<Slots>,
    memory: Arc<Memory>,
    executor: Executor,
    services: Services,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("executor", &self.executor).finish_non_exhaustive()
    }
}

/// One wasmtime engine, with everything that a component may import.
struct ClassEngine {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    compatibility: String,
}

/// A component that is ready to be instantiated.
pub struct Loaded {
    entry: Entry,
    pace: Pace,
    needs: Needs,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Loaded {
    fn engine(&self) -> &wasmtime::Engine {
        self.entry.engine()
    }
}

/// One call, decided and ready to run.
#[derive(Debug)]
pub struct Run {
    /// Its id; what is random without a grant follows from it.
    pub call: CallId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it may use.
    pub limits: Arc<CallLimits>,
    /// What it holds.
    pub grants: Arc<Grants>,
    /// Which of the component's tools.
    pub definition: DefinitionName,
    /// A JSON object.
    pub arguments: String,
    /// What a frozen clock shows.
    pub frozen_time: SystemTime,
    /// Where its effects are gated, counted and witnessed.
    pub effects: Arc<Effects>,
    /// How many times as much of the processors its tenant gets as one of weight 1, where there is not enough for all.
    pub weight: u32,
    /// Where its usage can be read when it was given up.
    pub meter: MeterHold,
    /// The tenant's secrets, sealed.
    pub secrets: Secrets,
    /// What its requests to models depend on.
    pub models: ModelSetting,
    /// Where the host's answers are recorded, or in a replay come from.
    pub tape: Option<Arc<Tape>>,
    /// What it has in common with calls above and below it, where there are or can be any.
    pub family: Option<Family>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// Its output, or why there is none.
    pub result: Result<ToolOutput>,
    /// What it used.
    pub usage: Usage,
}

/// What a call used of the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Units of fuel.
    pub fuel: u64,
    /// Linear memory, at its most, in bytes.
    pub memory_bytes: u64,
    /// From the first instruction to the end.
    pub duration: Duration,
}

impl Engine {
    /// Sets up the engines and starts the guest threads. Has to be called within the runtime whose timers and sockets
    /// guests are to use.
    ///
    /// # Errors
    ///
    /// When the operating system does not give the address space, memory maps or threads that `settings` ask for.
    pub fn new(settings: &EngineSettings, services: Services) -> Result<Self> {
        let threads = settings
            .guest_threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let executor =
            Executor::start(threads).map_err(|error| Error::internal(format_args!("no guest threads: {error}")))?;
        Ok(Self(Arc::new(Inner {
            small: ClassEngine::new(Class::Small, settings)?,
            large: ClassEngine::new(Class::Large, settings)?,
            concurrent: OnceLock::new(),
            concurrent_compatibility: settings::compatibility_of(Class::Async)
                .map_err(|error| ClassEngine::failed(Class::Async, &error))?,
            settings: settings.clone(),
            slots: Slots::new(settings),
            memory: Memory::new(settings),
            executor,
            services,
        })))
    }

    /// What artefacts of `class` have to be made for: part of their key.
    pub fn compatibility(&self, class: Class) -> &str {
        match class {
            Class::Small => &self.0.small.compatibility,
            Class::Large => &self.0.large.compatibility,
            // Whether it was started or not.
            Class::Async => &self.0.concurrent_compatibility,
        }
    }

    /// Maps the authenticated artefact in `file`.
    ///
    /// # Errors
    ///
    /// When it was not made for this engine, or imports what the host does not offer: the text names it.
    pub fn load(&self, class: Class, file: &File) -> Result<Arc<Loaded>> {
        let class = self.class(class)?;
        let component = load::map(&class.engine, file)
            .map_err(|error| Error::internal(format_args!("artefact does not load: {error:#}")))?;
        let needs = Needs::of(&component);
        let entry = class
            .linker
            .instantiate_pre(&component)
            .and_then(Entry::of)
            .map_err(|error| Error::internal(format_args!("component does not link: {error:#}")))?;
        Ok(Arc::new(Loaded { entry, pace: Pace::default(), needs }))
    }

    /// Runs one call to its end.
    ///
    /// Dropping the future gives the call up: its store is dropped and never entered again, and `run.meter` has what
    /// it used.
    pub async fn run(&self, loaded: &Arc<Loaded>, run: Run) -> Ended {
        let turn = Turn { tenant: run.tenant.clone(), weight: run.weight, meter: Arc::clone(run.meter.meter()) };
        // A replay has no world that anything could happen in.
        let is_replay = run.tape.as_ref().is_some_and(|tape| tape.is_replay());
        let services = if is_replay { Services::default() } else { self.0.services.clone() };
        // Whole trees of calls keep to the guest threads, whatever their tools' pace: front-door workers see to them.
        let keeps_away = run.family.is_some().then(Pace::default);
        let slots = match self.0.slots.take(&turn.tenant, loaded.needs) {
            Ok(slots) => slots,
            Err(error) => return Ended { result: Err(error), usage: Usage::default() },
        };
        let call = call::run(Arc::clone(loaded), services, self.0.memory.of(&turn.tenant), run);
        let work = Box::pin(async move {
            // For as long as there is a store: it is dropped before.
            let _slots = slots;
            call.await
        });
        self.0.executor.run(turn, keeps_away.as_ref().unwrap_or(&loaded.pace), work).await
    }

    /// Asks a native component what it defines. It holds nothing that `run` does not give it.
    ///
    /// # Errors
    ///
    /// As for a call that ended without output.
    pub async fn describe(&self, loaded: &Arc<Loaded>, run: Run) -> Result<Vec<RawDefinition>> {
        let turn = Turn { tenant: run.tenant.clone(), weight: run.weight, meter: Arc::clone(run.meter.meter()) };
        let slots = self.0.slots.take(&turn.tenant, loaded.needs)?;
        let call = call::describe(Arc::clone(loaded), self.0.services.clone(), self.0.memory.of(&turn.tenant), run);
        let work = Box::pin(async move {
            let _slots = slots;
            call.await
        });
        // At admission: never on a front-door worker, whatever the tool.
        self.0.executor.run(turn, &Pace::default(), work).await
    }

    fn class(&self, class: Class) -> Result<&ClassEngine> {
        let inner = &self.0;
        match class {
            Class::Small => Ok(&inner.small),
            Class::Large => Ok(&inner.large),
            Class::Async => {
                let started = inner.concurrent.get_or_init(|| ClassEngine::new(Class::Async, &inner.settings));
                started.as_ref().map_err(Clone::clone)
            }
        }
    }
}

impl ClassEngine {
    fn new(class: Class, settings: &EngineSettings) -> Result<Self> {
        let failed = |error: wasmtime::Error| Self::failed(class, &error);
        let engine = wasmtime::Engine::new(&settings::host_config(class, settings)).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        crate::capability::add_to_linker(&mut linker).map_err(failed)?;
        if class == Class::Async {
            crate::capability::add_to_linker_3(&mut linker).map_err(failed)?;
        }
        let compatibility = settings::compatibility(&engine);
        Ok(Self { engine, linker, compatibility })
    }

    fn failed(class: Class, error: &wasmtime::Error) -> Error {
        Error::internal(format_args!("engine {class} cannot be set up: {error:#}"))
    }
}
