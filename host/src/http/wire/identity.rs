//! Tenants, principals and their keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Secret, Time};
use crate::id::{PrincipalId, TenantId};
pub use crate::identity::Scope;

/// Who is asking, as the host sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The tenant that the key belongs to.
    pub tenant: TenantId,
    /// The principal whose key it is.
    pub principal: Principal,
}

/// A principal: a credential within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Principal {
    /// Its id, which stands in the record.
    pub id: PrincipalId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created: Time,
}

/// A tenant to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// Its name: 1 to 40 lower-case letters, digits and single hyphens.
    pub name: TenantId,
}

/// Whether a tenant's keys are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    /// They are.
    Active,
    /// They are refused.
    Suspended,
}

/// A tenant, as the platform's operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its name.
    pub name: TenantId,
    /// Whether its keys are taken.
    pub state: TenantState,
    /// When it was created.
    pub created: Time,
}

/// All tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenants {
    /// By name.
    pub tenants: Vec<Tenant>,
}

/// A tenant that was created, with the key of its first operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantCreated {
    /// The tenant.
    pub tenant: Tenant,
    /// Its first key, named `operator`.
    pub key: NewKey,
}

/// Why a tenant is suspended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendTenant {
    /// For the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A key to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What to call it; no other live key of the tenant has this name.
    pub name: String,
    /// What it may be used for; at least one.
    pub scopes: Vec<Scope>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// The principal whose key it is.
    pub id: PrincipalId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created: Time,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
}

/// The tenant's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// In the order of their creation.
    pub keys: Vec<Key>,
}

/// A key with its secret, which is shown here and never again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewKey {
    /// The principal whose key it is.
    pub id: PrincipalId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was created.
    pub created: Time,
    /// What goes into `Authorization: Bearer …`.
    pub key: Secret,
}
