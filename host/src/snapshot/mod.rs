//! What the hot path reads: one immutable value for the platform and one for each tenant, each swapped whole.
//!
//! A call loads both once and sees one version of everything to its end. A change rebuilds its tenant's value alone;
//! nothing is locked while a value is built, read or swapped.

mod ask;
mod build;
mod decide;
mod package;
mod refused;
mod tenant;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::ask::{Admitted, CallDecision, Laws};
pub use self::build::{build_tenant, principal};
pub use self::decide::{Resolved, decide};
pub use self::package::{Package, PackageVersion, Packages, ToolDefinition, Tools};
pub use self::refused::{Awaiting, Recall, Refused};
pub use self::tenant::{DigestKey, Recalls, Tenant};

use crate::access::Rules;
use crate::error::Result;
use crate::id::TenantId;
use crate::identity::{Key, KeyHash, Principal, unauthenticated};
use crate::policy::Ceiling;
use crate::storage::SealedSecrets;

/// The platform's side of every decision.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Grows with each change: what was decided under an earlier one is decided again.
    pub generation: u64,
    /// What holds for every tenant.
    pub ceiling: Arc<Ceiling>,
    /// What nobody may do, whatever tenants say.
    pub access: Rules,
    /// The vetted packages.
    pub catalogue: Arc<Packages>,
    /// Components that it recalled, for everyone.
    pub recalls: Arc<Recalls>,
    /// Its own tenant's secrets, sealed: keys of what the host asks on its behalf.
    pub secrets: Arc<SealedSecrets>,
}

impl Platform {
    /// The same, changed: what was decided under the one before is decided again.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> Arc<Self> {
        let mut next = self.clone();
        next.generation += 1;
        change(&mut next);
        Arc::new(next)
    }

    /// What the platform's own tenant has is everyone's.
    fn take(&mut self, own: &Tenant) {
        self.catalogue = Arc::clone(&own.packages);
        self.recalls = Arc::clone(&own.recalls);
        self.secrets = Arc::clone(&own.secrets);
    }
}

/// Who is asking, with everything that the answer depends on, as it was when the request came.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The principal.
    pub principal: Arc<Principal>,
    /// Its tenant.
    pub tenant: Arc<Tenant>,
    /// The platform.
    pub platform: Arc<Platform>,
    /// By which the same key is found again.
    pub key: KeyHash,
}

/// The present values.
#[derive(Debug)]
pub struct Snapshot {
    platform: ArcSwap<Platform>,
    /// The outer map is swapped when a tenant is added, an inner value when that tenant changes.
    tenants: ArcSwap<HashMap<TenantId, Arc<ArcSwap<Tenant>>>>,
}

impl Snapshot {
    /// With no tenant yet.
    pub fn new(ceiling: Ceiling, access: Rules) -> Self {
        let platform = Platform {
            generation: 0,
            ceiling: Arc::new(ceiling),
            access,
            catalogue: Arc::default(),
            recalls: Arc::default(),
            secrets: Arc::default(),
        };
        Self { platform: ArcSwap::from_pointee(platform), tenants: ArcSwap::default() }
    }

    /// Who presents `key`, the text behind `Bearer`.
    ///
    /// # Errors
    ///
    /// `unauthenticated`: the same whether it is malformed, of no tenant, unknown, revoked or of a suspended tenant.
    /// The tenant that it names comes with it where there is one, for that tenant's record.
    pub fn authenticate(&self, key: &str) -> Result<Caller, (crate::Error, Option<TenantId>)> {
        let key = Key::parse(key).ok_or_else(|| (unauthenticated(), None))?;
        let tenant = self.tenant(&key.tenant).ok_or_else(|| (unauthenticated(), None))?;
        self.presents(tenant, key.hash).ok_or_else(|| (unauthenticated(), Some(key.tenant)))
    }

    /// Who asked before, by the same key, as things are now.
    ///
    /// # Errors
    ///
    /// `unauthenticated` where the key was revoked or rotated since then, or its tenant suspended.
    pub fn again(&self, caller: &Caller) -> Result<Caller> {
        let tenant = self.tenant(&caller.tenant.id);
        tenant.and_then(|tenant| self.presents(tenant, caller.key)).ok_or_else(unauthenticated)
    }

    fn presents(&self, tenant: Arc<Tenant>, key: KeyHash) -> Option<Caller> {
        let principal = Arc::clone(tenant.keyring.find(&key).filter(|_| !tenant.suspended)?);
        Some(Caller { principal, tenant, platform: self.platform.load_full(), key })
    }

    /// A tenant as it is now.
    pub fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.load().get(id).map(|slot| slot.load_full())
    }

    /// The platform as it is now.
    pub fn platform(&self) -> Arc<Platform> {
        self.platform.load_full()
    }

    /// Every tenant there is, in no order.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.tenants.load().values().map(|slot| slot.load_full()).collect()
    }

    /// Puts a tenant's value in the place of the one before. What the platform publishes is the catalogue: its own value
    /// changes both. Callers take turns.
    pub(crate) fn swap_tenant(&self, tenant: Tenant) {
        if tenant.id.is_platform() {
            self.platform.store(self.platform().changed(|platform| platform.take(&tenant)));
        }
        let tenants = self.tenants.load();
        match tenants.get(&tenant.id) {
            Some(slot) => slot.store(Arc::new(tenant)),
            None => {
                let mut more = HashMap::clone(&tenants);
                more.insert(tenant.id.clone(), Arc::new(ArcSwap::from_pointee(tenant)));
                self.tenants.store(Arc::new(more));
            }
        }
    }

    /// Puts a ceiling in the place of the one before. Callers take turns.
    pub(crate) fn swap_ceiling(&self, ceiling: Ceiling) {
        self.platform.store(self.platform().changed(|platform| platform.ceiling = Arc::new(ceiling)));
    }

    /// The same for the platform's access rules.
    pub(crate) fn swap_access(&self, access: Rules) {
        self.platform.store(self.platform().changed(|platform| platform.access = access));
    }

    /// Puts all tenants in place at once: at the start, when adding them one by one would copy the map for each.
    pub(crate) fn fill(&self, tenants: Vec<Tenant>) {
        let slots = tenants.into_iter().map(|tenant| {
            if tenant.id.is_platform() {
                self.platform.store(self.platform().changed(|platform| platform.take(&tenant)));
            }
            (tenant.id.clone(), Arc::new(ArcSwap::from_pointee(tenant)))
        });
        self.tenants.store(Arc::new(slots.collect()));
    }
}
