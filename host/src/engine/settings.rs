//! How the engine is set up: pool sizes, classes of components, and the wasmtime configuration that follows from them.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::CallLimits;

/// Which engine a component runs in. Settled by facts of the component at admission, part of its artefact's key.
///
/// Switching a pooled slot from one component's memory image to another's remaps it, which with many tools costs ten
/// times what copying little data does; with much data (an interpreter's heap) it is the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// At most [`SMALL_DATA_BYTES_MAX`] of active data: copied at instantiation.
    Small,
    /// More: mapped copy-on-write.
    Large,
    /// Of WASI 0.3, whatever its data: several things of one call go on at once, which costs every call a little.
    Async,
}

/// The most active data of a component of class [`Class::Small`].
pub const SMALL_DATA_BYTES_MAX: u64 = 64 << 10;

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Small, Self::Large, Self::Async];

    /// Its name, as it stands in artefact keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Async => "async",
        }
    }

    /// The class for a component of WASI 0.2 with so much active data.
    pub const fn of(active_data_bytes: u64) -> Self {
        if active_data_bytes <= SMALL_DATA_BYTES_MAX { Self::Small } else { Self::Large }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where instances get their memory from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Allocator {
    /// From slots reserved at the start and reset after each call. The default: see `cargo xtask bench`.
    Pooling,
    /// From the operating system, call by call.
    OnDemand,
}

/// Sizes and choices of the engine.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Where instances get their memory from.
    pub allocator: Allocator,
    /// Calls that may be live at once, running or waiting; each holds a stack and a slot.
    pub live_calls_max: u32,
    /// Calls that calls make and that may be live at once, about; each holds a stack and a slot too.
    pub child_calls_max: u32,
    /// Bytes of a slot that stay resident between calls. More is faster (no page faults, no shoot-downs across
    /// threads); it is kept for every slot ever used at once.
    pub slot_resident_bytes: usize,
    /// Linear memory that all calls may hold together, in bytes; half of the machine's by default. A call that asks for more
    /// is refused it, whatever its own limit is.
    pub live_memory_bytes_max: u64,
    /// Of it, what the calls of one tenant may hold, in bytes; half of it by default.
    pub tenant_memory_bytes_max: u64,
    /// Memories that a class's pool has room for; absent: two for each live call. With one, whoever calls next gets the
    /// very memory that the one before had.
    pub pool_memories: Option<u32>,
    /// Threads for guests; absent: one per core.
    pub guest_threads: Option<usize>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let live_memory_bytes_max = super::machine::memory_bytes() / 2;
        Self {
            allocator: Allocator::Pooling,
            live_calls_max: 1_000,
            child_calls_max: 512,
            slot_resident_bytes: 1 << 20,
            live_memory_bytes_max,
            tenant_memory_bytes_max: live_memory_bytes_max / 2,
            pool_memories: None,
            guest_threads: None,
        }
    }
}

/// Levels of calls below one that a key made.
const CHILD_LEVELS: u32 = 8;
/// The fewest places of a level.
const CHILD_PLACES_MIN: u32 = 4;

/// Places for calls that calls make, level by level from the top: half of them for the first, and so on.
pub fn child_places(child_calls_max: u32) -> impl Iterator<Item = u32> {
    (1..=CHILD_LEVELS).map(move |level| (child_calls_max >> level).max(CHILD_PLACES_MIN))
}

/// Fuel between two points at which a guest gives way; also the most that a first slice on a front-door worker is.
pub(super) const SLICE_FUEL: u64 = 200_000;

/// Stack of wasm code. Rust guests keep theirs in linear memory, so this bounds the depth of native recursion.
const WASM_STACK_BYTES: usize = 512 << 10;
/// What host functions find beyond the guest's own stack.
const HOST_STACK_BYTES: usize = 512 << 10;
/// Core instances that one component may have in a pool slot: an adapted component has four.
pub(super) const CORE_INSTANCES_MAX: u32 = 64;
/// Memories that one component may have.
pub(super) const MEMORIES_MAX: u32 = 16;
/// Tables that one component may have.
pub(super) const TABLES_MAX: u32 = 32;

/// The configuration of `class`. Everything that an artefact depends on is the same for every [`EngineSettings`], so
/// that an artefact made in the compiling child loads in the host.
pub(super) fn config(class: Class) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        // Fuel gives the slices at whose ends the deadline is checked. Epochs on top cost up to 1.4 times on loops.
        .epoch_interruption(false)
        .concurrency_support(class == Class::Async)
        // Values of tools that are functions.
        .wasm_component_model_map(true)
        .wasm_component_model_fixed_length_lists(true)
        .memory_init_cow(class != Class::Small)
        // The same call gives the same bytes, on any processor.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(WASM_STACK_BYTES + HOST_STACK_BYTES);
    if class == Class::Async {
        config.wasm_component_model_async(true);
    }
    config
}

/// The configuration of `class` with the allocator that `settings` choose.
pub(super) fn host_config(class: Class, settings: &EngineSettings) -> Config {
    let mut config = config(class);
    config.allocation_strategy(match settings.allocator {
        Allocator::OnDemand => InstanceAllocationStrategy::OnDemand,
        Allocator::Pooling => InstanceAllocationStrategy::Pooling(pool(settings)),
    });
    config
}

/// Calls that may be live at once, those that calls make included.
fn live_max(settings: &EngineSettings) -> u32 {
    settings.live_calls_max.saturating_add(child_places(settings.child_calls_max).sum())
}

/// Memories of a class's pool: one component fits, however few calls there may be.
pub(super) fn total_memories(settings: &EngineSettings) -> u32 {
    settings.pool_memories.unwrap_or_else(|| live_max(settings).saturating_mul(2).max(MEMORIES_MAX))
}

/// Tables of the same.
pub(super) fn total_tables(settings: &EngineSettings) -> u32 {
    live_max(settings).saturating_mul(4).max(TABLES_MAX)
}

fn pool(settings: &EngineSettings) -> PoolingAllocationConfig {
    let ceiling = CallLimits::ceiling();
    let live = live_max(settings);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(live)
        .total_stacks(live)
        // Counters without memory of their own: the limiter bounds each call.
        .total_core_instances(live.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(total_memories(settings))
        .total_tables(total_tables(settings))
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX.min(total_memories(settings)))
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(usize::try_from(ceiling.memory_bytes).unwrap_or(usize::MAX))
        .table_elements(usize::try_from(ceiling.table_elements).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(settings.slot_resident_bytes)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The same of a class whose engine need not be set up for that.
pub(super) fn compatibility_of(class: Class) -> wasmtime::Result<String> {
    Ok(compatibility(&wasmtime::Engine::new(&config(class))?))
}

/// What an artefact depends on, as 16 hex digits: the wasmtime version, the target and every setting that compiled
/// code rests on. Stable from start to start, unlike the standard library's hashers promise to be.
pub(super) fn compatibility(engine: &wasmtime::Engine) -> String {
    struct Stable(Sha256);
    impl Hasher for Stable {
        fn finish(&self) -> u64 {
            let digest: [u8; 32] = self.0.clone().finalize().into();
            u64::from_be_bytes(digest[..8].try_into().expect("8 of 32 bytes"))
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Stable(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
