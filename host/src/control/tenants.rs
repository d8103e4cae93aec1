//! Tenants: created, suspended and resumed by the platform's operators.

use std::time::SystemTime;

use super::keys::{NewKey, new_key};
use super::turn::Turn;
use super::{Control, bounds, finish, of_platform};
use crate::access::Action;
use crate::audit::entry::{KeyCreated, TenantCreated, TenantResumed, TenantSuspended};
use crate::error::{Code, Error, Result};
use crate::id::{PrincipalId, TenantId};
use crate::identity::{Scope, Scopes};
use crate::snapshot::{Caller, Tenant};
use crate::storage::TenantRow;

/// The name of the key that a tenant begins with.
const FIRST_KEY: &str = "operator";

/// A tenant as the platform sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantView {
    /// Its name.
    pub id: TenantId,
    /// Whether its keys are refused.
    pub suspended: bool,
    /// When it was created.
    pub created: SystemTime,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self { id: tenant.id.clone(), suspended: tenant.suspended, created: tenant.created }
    }
}

impl Control {
    /// Creates a tenant with a first key of scope operator, whose text is in the answer and nowhere else.
    ///
    /// # Errors
    ///
    /// `not-found` to other tenants, `denied` without the scope operator, `invalid-request` for a name that is kept
    /// back, `conflict` for one that is taken.
    pub async fn create_tenant(&self, caller: &Caller, id: TenantId) -> Result<(TenantView, NewKey)> {
        of_platform(caller, Action::ManageTenants)?;
        if id.is_reserved() {
            return Err(Error::new(Code::InvalidRequest, format!("the name {id} is the host's own"))
                .next("choose another name"));
        }
        let (this, caller) = (self.clone(), caller.clone());
        finish(async move {
            let may = |caller: &Caller| of_platform(caller, Action::ManageTenants);
            let (turn, caller) = this.turn_for(&caller, may).await?;
            let scopes = [Scope::Operator].into_iter().collect();
            this.add_tenant(turn, id, Some(caller.principal.id), scopes).await
        })
        .await
    }

    /// Creates the platform's own tenant, with a first key of every scope.
    pub(crate) async fn create_platform(&self) -> Result<NewKey> {
        let this = self.clone();
        finish(async move {
            let turn = this.turn().await?;
            let scopes = Scope::ALL.into_iter().collect();
            Ok(this.add_tenant(turn, TenantId::platform(), None, scopes).await?.1)
        })
        .await
    }

    async fn add_tenant(
        &self,
        mut turn: Turn,
        id: TenantId,
        by: Option<PrincipalId>,
        scopes: Scopes,
    ) -> Result<(TenantView, NewKey)> {
        if self.0.snapshot.tenant(&id).is_some() {
            return Err(Error::new(Code::Conflict, format!("there is a tenant {id}")).next("choose another name"));
        }
        let mut digest_key = [0; 32];
        getrandom::fill(&mut digest_key).map_err(Error::internal)?;
        let created = SystemTime::now();
        turn.change.insert_tenant(&TenantRow { id: id.clone(), suspended: false, digest_key, created }).await?;
        let (row, key) = new_key(&id, FIRST_KEY, scopes)?;
        turn.change.insert_principal(&row).await?;
        turn.record(&id, by, |change| TenantCreated { change }).await?;
        let (name, scopes) = (row.name.clone(), scopes.iter().map(|scope| scope.to_string()).collect());
        turn.record(&id, by, |change| KeyCreated { change, key: row.id, name, scopes }).await?;
        turn.commit(&id).await?;
        Ok((TenantView { id, suspended: false, created }, key))
    }

    /// Gives the platform's first key a new secret: its text was never shown.
    pub(crate) async fn renew_platform_key(&self) -> Result<NewKey> {
        let platform = self.0.snapshot.tenant(&TenantId::platform()).ok_or_else(|| Error::internal("no platform"))?;
        let first = platform
            .keyring
            .principals()
            .find(|principal| &*principal.name == FIRST_KEY)
            .ok_or_else(|| Error::internal("the platform's first key is gone"))?;
        let (this, tenant, id) = (self.clone(), platform.id.clone(), first.id);
        finish(async move { this.replace_secret(this.turn().await?, &tenant, id, None).await }).await
    }

    /// Every tenant, by name.
    ///
    /// # Errors
    ///
    /// `not-found` to other tenants, `denied` without the scope operator.
    pub fn tenants(&self, caller: &Caller) -> Result<Vec<TenantView>> {
        of_platform(caller, Action::ManageTenants)?;
        let mut tenants: Vec<_> = self.0.snapshot.tenants().iter().map(|tenant| TenantView::from(&**tenant)).collect();
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tenants)
    }

    /// One tenant.
    ///
    /// # Errors
    ///
    /// As for [`Control::tenants`]; `not-found` when there is none of this name.
    pub fn tenant(&self, caller: &Caller, id: &TenantId) -> Result<TenantView> {
        of_platform(caller, Action::ManageTenants)?;
        let tenant = self.0.snapshot.tenant(id).ok_or_else(|| Error::not_found("tenant", id))?;
        Ok(TenantView::from(&*tenant))
    }

    /// Refuses all keys of a tenant from now on. Calls that run go on to their end.
    ///
    /// # Errors
    ///
    /// As for [`Control::tenant`]; `conflict` for the platform itself.
    pub async fn suspend_tenant(&self, caller: &Caller, id: &TenantId, reason: Option<String>) -> Result<TenantView> {
        if let Some(reason) = &reason {
            bounded_message("the reason", reason)?;
        }
        self.set_suspended(caller, id, true, reason).await
    }

    /// Takes a tenant's keys again.
    ///
    /// # Errors
    ///
    /// As for [`Control::tenant`].
    pub async fn resume_tenant(&self, caller: &Caller, id: &TenantId) -> Result<TenantView> {
        self.set_suspended(caller, id, false, None).await
    }

    async fn set_suspended(
        &self,
        caller: &Caller,
        id: &TenantId,
        suspended: bool,
        reason: Option<String>,
    ) -> Result<TenantView> {
        self.tenant(caller, id)?;
        if id.is_platform() {
            return Err(Error::new(Code::Conflict, "the platform's own tenant cannot be suspended"));
        }
        let (this, caller, id, by) = (self.clone(), caller.clone(), id.clone(), caller.principal.id);
        finish(async move {
            let may = |caller: &Caller| of_platform(caller, Action::ManageTenants);
            let (mut turn, caller) = this.turn_for(&caller, may).await?;
            let now = this.tenant(&caller, &id)?;
            if now.suspended == suspended {
                return Ok(now);
            }
            turn.change.suspend_tenant(&id, suspended).await?;
            if suspended {
                turn.record(&id, Some(by), |change| TenantSuspended { change, reason }).await?;
            } else {
                turn.record(&id, Some(by), |change| TenantResumed { change }).await?;
            }
            turn.commit(&id).await?;
            Ok(TenantView { suspended, ..now })
        })
        .await
    }
}

/// A text that people write about something: not long, and nothing that is not seen.
pub(super) fn bounded_message(what: &str, text: &str) -> Result<()> {
    if text.len() > bounds::MESSAGE_BYTES_MAX || text.chars().any(char::is_control) {
        let maximum = bounds::MESSAGE_BYTES_MAX;
        return Err(Error::new(Code::InvalidRequest, format!("{what} has to be one line of at most {maximum} bytes")));
    }
    Ok(())
}
