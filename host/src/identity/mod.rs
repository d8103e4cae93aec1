//! A key in, a principal and its tenant out. Why a key was refused is never said.

mod key;
mod keyring;
mod scope;

use std::sync::Arc;
use std::time::SystemTime;

pub use self::key::{Key, KeyHash, KeyText};
pub use self::keyring::Keyring;
pub use self::scope::{Scope, Scopes};

use crate::error::{Code, Error};
use crate::id::{PrincipalId, TenantId};

/// Who is asking: a key of a tenant, with what it may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its id, which is in every entry that it causes.
    pub id: PrincipalId,
    /// Whose it is. Nothing else in a request names a tenant.
    pub tenant: TenantId,
    /// What its owner calls it.
    pub name: Arc<str>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was created.
    pub created: SystemTime,
}

/// A request without a key, or with one that is not valid: one answer for all reasons.
pub fn unauthenticated() -> Error {
    Error::new(Code::Unauthenticated, "this needs a valid key")
        .next("send `Authorization: Bearer <key>`; an operator of your tenant can create or rotate keys")
}
