//! Random bytes: from the call's id where policy grants nothing more, so that the call can be run again to the same
//! bytes; from the operating system with the grant `secure`.
//!
//! The three interfaces of `wasi:random` have a stream each: how much a guest takes of one does not shift the others.
//! A seeded stream can be computed by whoever knows the call's id. That is its purpose: it is for programs that need
//! some number, not for keys.

mod bind;
mod bind3;

pub use self::bind::{RandomView, add_to_linker};
pub use self::bind3::add_to_linker as add_to_linker_3;

use std::sync::Arc;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::effects::{Effects, Stop};
use super::tape::{Line, ask_now, question};
use crate::error::Error;
use crate::id::CallId;
use crate::limits::CallLimits;
use crate::policy::{Grant, Random};

/// Which of the interfaces asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// `wasi:random/random`.
    Random,
    /// `wasi:random/insecure`.
    Insecure,
    /// `wasi:random/insecure-seed`.
    InsecureSeed,
}

impl Use {
    /// Part of the key of its stream. The version changes when the same id would give other bytes.
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::Random => b"cofferdam/1 random",
            Self::Insecure => b"cofferdam/1 insecure random",
            Self::InsecureSeed => b"cofferdam/1 insecure seed",
        }
    }
}

/// Why no bytes were given.
#[derive(Debug, thiserror::Error)]
pub enum RandomFault {
    /// The call ends here.
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The operating system gave none.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// One call's random bytes. Nothing is computed before the first are asked for.
#[derive(Debug)]
pub struct RandomCall {
    source: Random,
    call: CallId,
    bytes_max: u64,
    streams: [Option<Box<ChaCha12Rng>>; 3],
    effects: Arc<Effects>,
    line: Option<Line>,
}

impl RandomCall {
    /// What `grant` says, for the call `call`.
    pub fn new(grant: &Grant<Random>, limits: &CallLimits, call: CallId, effects: Arc<Effects>) -> Self {
        Self { source: **grant, call, bytes_max: limits.random_bytes, streams: [None, None, None], effects, line: None }
    }

    /// The same, with what it gives on the call's tape. What is seeded follows from the call's id.
    #[must_use]
    pub(super) fn on(self, line: Option<&Line>) -> Self {
        Self { line: line.filter(|_| self.source == Random::Secure).cloned(), ..self }
    }

    /// `count` bytes.
    ///
    /// # Errors
    ///
    /// More than `random_bytes` at once: the interface has no error, so the call ends.
    pub fn bytes(&mut self, wanted: Use, count: u64) -> Result<Vec<u8>, RandomFault> {
        let count = usize::try_from(count).ok().filter(|count| *count as u64 <= self.bytes_max);
        let count = count.ok_or(Stop::LimitExceeded { which: "random_bytes", limit: self.bytes_max })?;
        let mut bytes = vec![0; count];
        self.fill(wanted, &mut bytes)?;
        Ok(bytes)
    }

    /// Eight bytes, as a number.
    ///
    /// # Errors
    ///
    /// When the operating system gives none.
    pub fn number(&mut self, wanted: Use) -> Result<u64, RandomFault> {
        let mut bytes = [0; 8];
        self.fill(wanted, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Sixteen bytes, as two numbers.
    ///
    /// # Errors
    ///
    /// When the operating system gives none.
    pub fn seed(&mut self) -> Result<(u64, u64), RandomFault> {
        Ok((self.number(Use::InsecureSeed)?, self.number(Use::InsecureSeed)?))
    }

    fn fill(&mut self, wanted: Use, bytes: &mut [u8]) -> Result<(), RandomFault> {
        match self.source {
            Random::Secure => {
                self.effects.used_random();
                let question = question(self.line.as_ref(), "random.bytes", &(wanted as u8, bytes.len()));
                let given = ask_now(question, || {
                    let mut given = vec![0; bytes.len()];
                    getrandom::fill(&mut given).map(|()| given).map_err(|error| error.to_string())
                })?;
                let given = given.map_err(|error| Error::internal(format_args!("no random bytes: {error}")))?;
                // As many as were asked for: the question says how many.
                bytes.iter_mut().zip(given).for_each(|(byte, given)| *byte = given);
                Ok(())
            }
            Random::Seeded => {
                let key = Sha256::new().chain_update(wanted.domain()).chain_update(self.call.as_bytes());
                let stream = &mut self.streams[wanted as usize];
                stream.get_or_insert_with(|| Box::new(ChaCha12Rng::from_seed(key.finalize().into()))).fill_bytes(bytes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::effects::tests::recorded;
    use crate::uses::CapabilityUse;

    fn call(source: Random, id: &str) -> RandomCall {
        let limits = CallLimits { random_bytes: 64, ..CallLimits::default() };
        RandomCall::new(&Grant::for_test(source), &limits, id.parse().unwrap(), recorded().1)
    }

    const ONE: &str = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77";
    const OTHER: &str = "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a78";

    #[test]
    fn the_same_call_gives_the_same_bytes_whatever_else_was_asked_for() {
        let (mut first, mut again) = (call(Random::Seeded, ONE), call(Random::Seeded, ONE));
        again.bytes(Use::Insecure, 33).unwrap();
        again.seed().unwrap();
        let bytes = first.bytes(Use::Random, 40).unwrap();
        assert_eq!(bytes, again.bytes(Use::Random, 40).unwrap());
        assert_ne!(bytes, first.bytes(Use::Random, 40).unwrap(), "a stream goes on");
        assert_ne!(bytes, call(Random::Seeded, OTHER).bytes(Use::Random, 40).unwrap());
        assert_ne!(bytes, call(Random::Seeded, ONE).bytes(Use::Insecure, 40).unwrap());
    }

    /// What is recorded has to give the same bytes in years: these may only change with the domains' version.
    #[test]
    fn the_bytes_of_an_id_never_change() {
        let bytes = call(Random::Seeded, ONE).bytes(Use::Random, 8).unwrap();
        expect_test::expect![["efc91ec8647f4d94"]].assert_eq(&crate::id::hex(&bytes));
    }

    #[test]
    fn secure_bytes_do_not_follow_from_the_id() {
        let mut secure = call(Random::Secure, ONE);
        let bytes = secure.bytes(Use::Random, 32).unwrap();
        assert_ne!(bytes, call(Random::Secure, ONE).bytes(Use::Random, 32).unwrap());
        assert_ne!(bytes, call(Random::Seeded, ONE).bytes(Use::Random, 32).unwrap());
        assert_ne!(secure.seed().unwrap(), call(Random::Secure, ONE).seed().unwrap());
        assert_eq!(secure.effects.uses().uses, [CapabilityUse::Random {}]);
        let mut seeded = call(Random::Seeded, ONE);
        seeded.seed().unwrap();
        assert_eq!(seeded.effects.uses().uses, []);
    }

    #[test]
    fn as_much_as_the_limit_and_not_one_more() {
        for source in [Random::Seeded, Random::Secure] {
            assert_eq!(call(source, ONE).bytes(Use::Random, 64).unwrap().len(), 64);
            for more in [65, u64::MAX] {
                let stopped = call(source, ONE).bytes(Use::Insecure, more).unwrap_err();
                let limit = Stop::LimitExceeded { which: "random_bytes", limit: 64 };
                assert!(matches!(stopped, RandomFault::Stop(_)) && stopped.to_string() == limit.to_string());
            }
        }
    }
}
