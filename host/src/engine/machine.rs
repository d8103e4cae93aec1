//! What an engine asks of the machine, and whether this one gives it: for `cofferdam doctor`.

use super::settings::host_config;
use super::{Class, EngineSettings};
use crate::error::{Error, Result};

/// Memory maps of a stack's slot, used or not: the stack and its guard.
const MAPS_PER_STACK: u64 = 2;
/// Memory maps of a live pooled instance: what is in use of its slot, and the rest.
const MAPS_PER_INSTANCE: u64 = 2;

/// Memory maps that engines with these settings can come to, artefacts and the program itself left out. The kernel's
/// bound is `vm.max_map_count`.
pub fn maps_max(settings: &EngineSettings) -> u64 {
    let live = u64::from(settings.live_calls_max);
    // Every class has stacks of its own; a live call is in one class.
    live * (Class::ALL.len() as u64 * MAPS_PER_STACK + MAPS_PER_INSTANCE)
}

/// Memory that this process may come to have, in bytes: the machine's, or what its control group gives it.
pub fn memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    let machine = info.totalram.saturating_mul(info.mem_unit.into());
    // Where there is no such file, or it says "max", there is no bound.
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    group.map_or(machine, |group: u64| machine.min(group))
}

/// Whether the processor and the kernel have memory protection keys, which can stripe the slots of a pool.
pub fn memory_protection_keys() -> bool {
    wasmtime::PoolingAllocationConfig::are_memory_protection_keys_available()
}

/// Sets up every engine with these settings, and drops them again.
///
/// # Errors
///
/// When the operating system does not give the address space or the memory maps.
pub fn try_settings(settings: &EngineSettings) -> Result<()> {
    for class in Class::ALL {
        wasmtime::Engine::new(&host_config(class, settings))
            .map_err(|error| Error::internal(format_args!("engine {class} cannot be set up: {error:#}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_settings_fit_an_ordinary_machine() {
        try_settings(&EngineSettings::default()).unwrap();
        assert!(memory_bytes() > 256 << 20);
        // What Linux gives when nobody asks for more.
        assert!(maps_max(&EngineSettings::default()) < 65_530 / 2);
    }
}
