//! One tenant as calls see it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::RwLock;
use semver::Version;
use sha2::Sha256;

use super::ask::CallDecision;
use super::package::{PackageVersion, Packages};
use crate::access::{Moment, Rules};
use crate::audit::entry::Mac;
use crate::id::{Digest, PackageRef, PrincipalId, TenantId, ToolName};
use crate::identity::Keyring;
use crate::policy::{Decision, Policy};
use crate::storage::SealedSecrets;

/// Everything of one tenant that calls depend on. Immutable; a change makes a new one.
#[derive(Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Whether its keys are refused.
    pub suspended: bool,
    /// When it was created.
    pub created: SystemTime,
    /// Keys the digests of its arguments and results.
    pub digest_key: DigestKey,
    /// Its policy.
    pub policy: Arc<Policy>,
    /// From when on that is in force; absent before the first.
    pub policy_since: Option<SystemTime>,
    /// Its access rules.
    pub access: Rules,
    /// From when on those are in force; absent before the first.
    pub access_since: Option<SystemTime>,
    /// Its valid keys.
    pub keyring: Keyring,
    /// Its own packages.
    pub packages: Arc<Packages>,
    /// Its secrets, sealed.
    pub secrets: Arc<SealedSecrets>,
    /// Components that it recalled, with the reasons.
    pub recalls: Arc<Recalls>,
    /// What was decided under this very value, with the platform's generation that it was decided under.
    pub(super) decisions: Decisions,
    /// The same for calls: who, which tool, which version.
    pub(super) calls: Calls,
}

impl Tenant {
    /// Every version of its packages.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<PackageVersion>> {
        self.packages.values().flat_map(|package| package.versions.values())
    }

    /// The components that they run.
    pub fn components(&self) -> HashSet<Digest> {
        self.versions().map(|version| *version.component()).collect()
    }
}

/// Decisions on calls that are kept of one tenant; a full table is begun anew.
const CALLS_MAX: usize = 1_024;

/// What a decision on a call was made about.
type CallKey = (PrincipalId, ToolName, Version);

/// Decisions on calls, each with the platform's generation that it was made under. The moment that rules saw is in it.
#[derive(Debug, Default)]
pub(super) struct Calls(RwLock<HashMap<CallKey, (u64, Arc<CallDecision>)>>);

impl Calls {
    pub(super) fn get(&self, key: &CallKey, generation: u64, moment: Moment) -> Option<Arc<CallDecision>> {
        let calls = self.0.read();
        let found = calls.get(key).filter(|(under, decision)| *under == generation && decision.moment == moment);
        found.map(|(_, decision)| Arc::clone(decision))
    }

    /// Keeps a decision; one on a call that nobody makes only where that takes no other's place.
    pub(super) fn put(&self, key: CallKey, generation: u64, decision: &Arc<CallDecision>, is_call: bool) {
        let mut calls = self.0.write();
        if calls.len() >= CALLS_MAX && !calls.contains_key(&key) {
            if !is_call {
                return;
            }
            calls.clear();
        }
        calls.insert(key, (generation, Arc::clone(decision)));
    }
}

/// Components that are not to run any more, with the reasons.
pub type Recalls = BTreeMap<Digest, String>;

/// Decisions by version. They follow from the tenant's value and the platform's, so they are kept in the one and marked
/// with the other.
#[derive(Debug, Default)]
pub(super) struct Decisions(RwLock<HashMap<(PackageRef, Version), Decided>>);

/// A decision, and the platform's generation that it was made under.
type Decided = (u64, Arc<Decision>);

impl Decisions {
    pub(super) fn get(&self, key: &(PackageRef, Version), generation: u64) -> Option<Arc<Decision>> {
        let decisions = self.0.read();
        decisions.get(key).filter(|(under, _)| *under == generation).map(|(_, decision)| Arc::clone(decision))
    }

    pub(super) fn put(&self, key: (PackageRef, Version), generation: u64, decision: &Arc<Decision>) {
        self.0.write().insert(key, (generation, Arc::clone(decision)));
    }
}

/// Keys the digests of a tenant's arguments and results in its log.
#[derive(Clone)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    /// A key that was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The keyed digest of the pieces, one after the other.
    pub fn digest<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Mac {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for piece in pieces {
            mac.update(piece);
        }
        Mac::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(…)")
    }
}
