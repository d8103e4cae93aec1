//! `wasi:random` 0.3: what 0.2 has, by the same streams.

use wasmtime::component::Linker;
use wasmtime_wasi::p3::bindings::random::{insecure, insecure_seed, random};

use super::bind::{HasRandom, trap};
use super::{RandomView, Use};

/// Links the three interfaces.
///
/// # Errors
///
/// Where one of them is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> RandomView<'_>,
) -> wasmtime::Result<()> {
    random::add_to_linker::<T, HasRandom>(linker, get)?;
    insecure::add_to_linker::<T, HasRandom>(linker, get)?;
    insecure_seed::add_to_linker::<T, HasRandom>(linker, get)
}

impl random::Host for RandomView<'_> {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.call.bytes(Use::Random, count).map_err(trap)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.call.number(Use::Random).map_err(trap)
    }
}

impl insecure::Host for RandomView<'_> {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.call.bytes(Use::Insecure, count).map_err(trap)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.call.number(Use::Insecure).map_err(trap)
    }
}

impl insecure_seed::Host for RandomView<'_> {
    fn get_insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.call.seed().map_err(trap)
    }
}
