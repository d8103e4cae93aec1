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

pub(super) struct HasRandom;

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
pub(super) fn trap(fault: RandomFault) -> wasmtime::Error {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::effects::Stop;
    use crate::capability::effects::tests::recorded;
    use crate::limits::CallLimits;
    use crate::policy::{Grant, Random};

    #[test]
    fn the_three_interfaces_have_a_stream_each_and_one_limit() {
        let limits = CallLimits { random_bytes: 16, ..CallLimits::default() };
        let id = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77".parse().unwrap();
        let mut call = RandomCall::new(&Grant::for_test(Random::Seeded), &limits, id, recorded().1);
        let mut view = RandomView { call: &mut call };
        let random = random::Host::get_random_bytes(&mut view, 16).unwrap();
        let insecure = insecure::Host::get_insecure_random_bytes(&mut view, 16).unwrap();
        let (one, other) = insecure_seed::Host::insecure_seed(&mut view).unwrap();
        let seed = [one.to_le_bytes(), other.to_le_bytes()].concat();
        assert!(random != insecure && insecure != seed && seed != random);
        assert_ne!(random::Host::get_random_u64(&mut view).unwrap(), random::Host::get_random_u64(&mut view).unwrap());
        assert_ne!(insecure::Host::get_insecure_random_u64(&mut view).unwrap(), 0);
        for past in [
            random::Host::get_random_bytes(&mut view, 17),
            insecure::Host::get_insecure_random_bytes(&mut view, u64::MAX),
        ] {
            let past = past.unwrap_err();
            let stop = past.downcast_ref::<Stop>().expect("for the engine's verdict");
            assert!(matches!(stop, Stop::LimitExceeded { which: "random_bytes", limit: 16 }));
        }
    }
}
