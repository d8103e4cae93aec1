//! Settings that policy gives to a tool: read, never written, part of the decision.

mod bind;

pub use self::bind::{ConfigView, add_to_linker};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::Grant;

/// One call's settings.
#[derive(Debug, Clone)]
pub struct ConfigCall(Arc<BTreeMap<String, String>>);

impl ConfigCall {
    /// What `grant` gives.
    pub fn new(grant: &Grant<Arc<BTreeMap<String, String>>>) -> Self {
        Self(Arc::clone(grant))
    }

    /// The value of `key`. What policy does not give is not there, whether or not there is such a setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All of them, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_sees_what_it_was_given_and_nothing_else() {
        let given = [("unit", "metric"), ("a", "b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let config = ConfigCall::new(&Grant::for_test(Arc::new(given.into())));
        assert_eq!(config.get("unit"), Some("metric"));
        assert_eq!(config.get("PATH"), None);
        assert_eq!(config.all().collect::<Vec<_>>(), [("a", "b"), ("unit", "metric")]);
    }
}
