//! The tenant's prompt templates (`cofferdam:tool/prompt`): texts that are policy and not code, with parameters in braces.
//!
//! ```
//! use cofferdam_sdk::{fakes, prompt};
//!
//! fakes::prompt::set("short", "In a word: {text}");
//!
//! assert_eq!(prompt::render("short", [("text", "It rains.")])?, "In a word: It rains.");
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

/// The prompt `name` with these parameters: every one that it names, and no others.
///
/// # Errors
///
/// [`Error::denied`] without a grant for it, whether or not there is one; [`Error::failed`] where the parameters are not
/// those that it names.
pub fn render<K: Into<String>, V: Into<String>>(
    name: &str,
    parameters: impl IntoIterator<Item = (K, V)>,
) -> Result<String, Error> {
    host::render(name, parameters.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, fakes};

    #[test]
    fn a_prompt_is_what_the_test_set_with_its_parameters() {
        assert_eq!(render("short", [("a", "b")]).unwrap_err().kind(), ErrorKind::Denied);
        fakes::prompt::set("short", "{a} {{x}} {a} {b}");
        assert_eq!(render("short", [("a", "{b}"), ("b", "2")]).unwrap(), "{b} {x} {b} 2");
        assert_eq!(render("short", [("a", "1")]).unwrap_err().kind(), ErrorKind::Failed);
        assert_eq!(render("short", [("a", "1"), ("b", "2"), ("c", "3")]).unwrap_err().kind(), ErrorKind::Failed);
        fakes::reset();
        render("short", [("a", "1"), ("b", "2")]).unwrap_err();
    }
}
