//! `wasi:config/store` 0.2.0-rc.1.

use wasmtime::component::{HasData, Linker};

use super::ConfigCall;
use crate::capability::bindings::wasi::config::store;

/// The call's share of the host as `wasi:config` wants it.
#[derive(Debug)]
pub struct ConfigView<'a> {
    /// The call's settings.
    pub call: &'a mut ConfigCall,
}

struct HasConfig;

impl HasData for HasConfig {
    type Data<'a> = ConfigView<'a>;
}

/// Links the interface.
///
/// # Errors
///
/// Where it is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ConfigView<'_>,
) -> wasmtime::Result<()> {
    store::add_to_linker::<T, HasConfig>(linker, get)
}

impl store::Host for ConfigView<'_> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.call.get(&key).map(str::to_owned)))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(self.call.all().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }
}
