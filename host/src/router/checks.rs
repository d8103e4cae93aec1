//! Where values are held to tools' schemas. What is small is checked on the spot, on the worker that serves the request;
//! what is not is checked apart, at most one value of a tenant at a time: a schema is a tenant's, and no fuel or deadline
//! stops what checks it.

use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::shares::Desk;

/// Steps that a check on the spot may take, each one schema held to one value: some hundred microseconds.
const SMALL_VISITS_MAX: u64 = 2_000;
/// The same of a check apart: some tenths of a second.
const LARGE_VISITS_MAX: u64 = 2_000_000;
/// A text that is read on the spot, in bytes.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// What a check may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    Small,
    Large,
}

/// A value that was not found to be good.
#[derive(Debug)]
pub(super) enum Unchecked {
    /// It is not good.
    Fault(Error),
    /// It takes [`Effort::Large`].
    TooLarge,
}

impl From<Error> for Unchecked {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

impl Effort {
    /// Steps.
    pub(super) const fn visits_max(self) -> u64 {
        match self {
            Self::Small => SMALL_VISITS_MAX,
            Self::Large => LARGE_VISITS_MAX,
        }
    }

    /// That these were too few; `say` puts it into words where there are no more.
    pub(super) fn spent(self, say: impl FnOnce(u64) -> Error) -> Unchecked {
        match self {
            Self::Small => Unchecked::TooLarge,
            Self::Large => Unchecked::Fault(say(LARGE_VISITS_MAX)),
        }
    }
}

/// Deals out turns for checks apart.
#[derive(Debug)]
pub(super) struct Checks(Desk);

impl Default for Checks {
    /// As many turns as the machine has cores.
    fn default() -> Self {
        Self(Desk::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)))
    }
}

impl Checks {
    /// What `check` makes of a text of `bytes` bytes, if it can tell on the spot.
    pub(super) fn on_the_spot<T>(
        bytes: usize,
        check: impl FnOnce(Effort) -> Result<T, Unchecked>,
    ) -> Result<T, Unchecked> {
        if bytes > SMALL_BYTES_MAX { Err(Unchecked::TooLarge) } else { check(Effort::Small) }
    }

    /// What `check` makes of a value of `tenant`, once it is its turn. Dropping the future does not end a check that has
    /// begun, and its turn lasts as long as it does.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        check: impl FnOnce(Effort) -> Result<T, Unchecked> + Send + 'static,
    ) -> Result<T> {
        let checked = self.0.work(tenant, move || check(Effort::Large)).await?;
        checked.map_err(|unchecked| match unchecked {
            Unchecked::Fault(error) => error,
            Unchecked::TooLarge => Error::internal("a check apart has nowhere else to go"),
        })
    }
}

#[cfg(test)]
mod tests;
