//! Settings that policy gives to a tool (`wasi:config`): texts by name, the same for every call under one policy.
//!
//! ```
//! use cofferdam_sdk::{config, fakes};
//!
//! fakes::config::set("greeting", "Moin");
//!
//! assert_eq!(config::get("greeting")?.as_deref(), Some("Moin"));
//! assert_eq!(config::get("farewell")?, None);
//! # Ok::<(), cofferdam_sdk::Error>(())
//! ```

#[cfg(target_family = "wasm")]
mod bind;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod fake;

#[cfg(target_family = "wasm")]
use self::bind as host;
#[cfg(not(target_family = "wasm"))]
use self::fake as host;

use crate::error::Error;

/// The setting `key`; absent where policy gives none of that name, or none at all.
///
/// # Errors
///
/// [`Error::unavailable`] where the host cannot say.
pub fn get(key: &str) -> Result<Option<String>, Error> {
    host::get(key)
}

/// Every setting, as names and values.
///
/// # Errors
///
/// As for [`get`].
pub fn get_all() -> Result<Vec<(String, String)>, Error> {
    host::get_all()
}

#[cfg(test)]
mod tests {
    use crate::{config, fakes};

    #[test]
    fn settings_are_what_the_test_set() {
        assert_eq!(config::get_all().unwrap(), []);
        fakes::config::set("b", "2");
        fakes::config::set("a", "1");
        assert_eq!(config::get_all().unwrap(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
        fakes::reset();
        assert_eq!(config::get("a").unwrap(), None);
    }
}
