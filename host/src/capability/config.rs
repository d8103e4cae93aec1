//! Settings that policy gives to a tool: read, never written, part of the decision.

mod bind;

pub use self::bind::{ConfigView, add_to_linker};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::effects::Effects;
use crate::policy::Grant;
use crate::uses::CapabilityUse;

/// One call's settings.
#[derive(Debug, Clone)]
pub struct ConfigCall {
    settings: Arc<BTreeMap<String, String>>,
    effects: Arc<Effects>,
}

impl ConfigCall {
    /// What `grant` gives.
    pub fn new(grant: &Grant<Arc<BTreeMap<String, String>>>, effects: Arc<Effects>) -> Self {
        Self { settings: Arc::clone(grant), effects }
    }

    /// The value of `key`. What policy does not give is not there, whether or not there is such a setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (key, value) = self.settings.get_key_value(key)?;
        self.used(key);
        Some(value)
    }

    /// All of them, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(key, value)| {
            self.used(key);
            (key.as_str(), value.as_str())
        })
    }

    fn used(&self, key: &str) {
        let same = |used: &CapabilityUse| matches!(used, CapabilityUse::Config { key: known } if known == key);
        self.effects.used(same, || CapabilityUse::Config { key: key.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::effects::tests::recorded;

    #[test]
    fn a_tool_sees_what_it_was_given_and_nothing_else() {
        let given = [("unit", "metric"), ("a", "b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let (_, effects) = recorded();
        let config = ConfigCall::new(&Grant::for_test(Arc::new(given.into())), Arc::clone(&effects));
        let used = || effects.uses().uses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        assert_eq!(config.get("PATH"), None);
        assert_eq!(used(), "", "what is not there is not used");
        assert_eq!(config.get("unit"), Some("metric"));
        assert_eq!(used(), "read setting \"unit\"");
        assert_eq!(config.all().collect::<Vec<_>>(), [("a", "b"), ("unit", "metric")]);
        assert_eq!(used(), "read setting \"a\", read setting \"unit\"");
    }
}
