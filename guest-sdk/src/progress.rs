//! Progress of a running call, shown to the agent that waits for it (`cofferdam:tool/progress`). Needs no grant; past the
//! call's limit `progress_reports` further ones are dropped.
//!
//! ```
//! use cofferdam_sdk::{fakes, progress};
//!
//! progress::report(1.0, 4.0, "fetched the index");
//! progress::report(2.0, None, "following links");
//!
//! assert_eq!(fakes::progress::reports()[0].total, Some(4.0));
//! ```

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

/// Says that `done` of `total` is done, in any unit, and what is going on. `total` is `None` where it is not known.
pub fn report(done: f64, total: impl Into<Option<f64>>, message: impl AsRef<str>) {
    host::report(done, total.into(), message.as_ref());
}
