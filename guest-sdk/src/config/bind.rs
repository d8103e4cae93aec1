//! `wasi:config/store` 0.2.0-rc.1.

use crate::bindings::wasi::config::store;
use crate::error::Error;

pub(crate) fn get(key: &str) -> Result<Option<String>, Error> {
    store::get(key).map_err(fault)
}

pub(crate) fn get_all() -> Result<Vec<(String, String)>, Error> {
    store::get_all().map_err(fault)
}

fn fault(error: store::Error) -> Error {
    match error {
        store::Error::Upstream(text) | store::Error::Io(text) => Error::unavailable(text).about("settings"),
    }
}
