//! The keys of one tenant that are valid now.

use std::collections::HashMap;
use std::sync::Arc;

use super::{KeyHash, Principal};

/// Principals by the hash of their key.
#[derive(Debug, Clone, Default)]
pub struct Keyring(HashMap<KeyHash, Arc<Principal>>);

impl Keyring {
    /// The principal whose key has this hash.
    pub fn find(&self, hash: &KeyHash) -> Option<&Arc<Principal>> {
        // Where the map looks follows from a hash that nobody can choose, and its seed; what it finds is compared in
        // constant time.
        self.0.get_key_value(hash).filter(|(kept, _)| kept.is(hash)).map(|(_, principal)| principal)
    }

    /// Every principal, in no order.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.0.values()
    }
}

impl FromIterator<(KeyHash, Arc<Principal>)> for Keyring {
    fn from_iter<I: IntoIterator<Item = (KeyHash, Arc<Principal>)>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}
