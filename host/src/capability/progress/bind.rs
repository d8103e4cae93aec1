//! `cofferdam:tool/progress` 1.0.

use wasmtime::component::{HasData, Linker};

use super::ProgressCall;
use crate::capability::bindings::cofferdam::tool::progress;

/// The call's share of the host as `cofferdam:tool/progress` wants it.
#[derive(Debug)]
pub struct ProgressView<'a> {
    /// The call's reports.
    pub call: &'a mut ProgressCall,
}

struct HasProgress;

impl HasData for HasProgress {
    type Data<'a> = ProgressView<'a>;
}

/// Links the interface.
///
/// # Errors
///
/// Where it is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ProgressView<'_>,
) -> wasmtime::Result<()> {
    progress::add_to_linker::<T, HasProgress>(linker, get)
}

impl progress::Host for ProgressView<'_> {
    async fn report(&mut self, done: f64, total: Option<f64>, message: String) -> wasmtime::Result<()> {
        Ok(self.call.report(done, total, message).await?)
    }
}
