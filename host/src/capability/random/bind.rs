//! `wasi:random` 0.2: random, insecure, insecure-seed.

use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::{RandomCall, RandomFault, Use};

/// The call's share of the host as `wasi:random` wants it.
#[derive(Debug)]
pub struct RandomView<'a> {
    /// The call's random bytes.
    pub call: &'a mut RandomCall,
}

struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = RandomView<'a>;
}

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

/// The trap that a fault is. A limit stays what it is, for the engine's verdict.
fn trap(fault: RandomFault) -> wasmtime::Error {
    match fault {
        RandomFault::Stop(stop) => stop.into(),
        RandomFault::Failed(error) => error.into(),
    }
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
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.call.seed().map_err(trap)
    }
}
