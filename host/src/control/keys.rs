//! Keys: created, rotated and revoked by the tenant's operators. A key's text is shown once and kept nowhere.

use std::sync::Arc;
use std::time::SystemTime;

use super::turn::Turn;
use super::{Control, bounds, finish};
use crate::access::{Action, Moment, Who};
use crate::audit::entry::{KeyCreated, KeyRevoked, KeyRotated};
use crate::error::{Code, Error, Result};
use crate::id::{PrincipalId, TenantId};
use crate::identity::{Key, KeyText, Principal, Scope, Scopes};
use crate::snapshot::Caller;
use crate::storage::PrincipalRow;

/// A key as its tenant sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its id: the principal's.
    pub id: PrincipalId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was created.
    pub created: SystemTime,
    /// When it was revoked.
    pub revoked: Option<SystemTime>,
}

/// A key with its text, for the one answer that shows it.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key.
    pub view: KeyView,
    /// Its text.
    pub text: KeyText,
}

impl Control {
    /// Creates a key of the caller's tenant.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator, `invalid-request` for a name or scopes that cannot be, `conflict` for a
    /// name that a valid key has, or when there are as many as may be.
    pub async fn create_key(&self, caller: &Caller, name: &str, scopes: Scopes) -> Result<NewKey> {
        caller.may(Action::ChangeKeys)?;
        check_name(name)?;
        if scopes.is_empty() {
            return Err(Error::new(Code::InvalidRequest, "a key needs at least one scope")
                .next("give one or more of agent, publisher, operator, auditor"));
        }
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let (row, key) = new_key(&tenant, name, scopes)?;
        let caller = caller.clone();
        finish(async move {
            let (mut turn, _) = this.turn_for(&caller, |caller| caller.may(Action::ChangeKeys)).await?;
            let kept = this.0.store.principals(&tenant).await?;
            let valid = kept.iter().filter(|row| row.revoked.is_none());
            if valid.clone().count() >= bounds::KEYS_MAX {
                let maximum = bounds::KEYS_MAX;
                return Err(Error::new(Code::Conflict, format!("the tenant has {maximum} keys, as many as it may"))
                    .next("revoke some that are not used")
                    .fact("maximum", maximum));
            }
            if valid.into_iter().any(|other| other.name == row.name) {
                return Err(Error::new(Code::Conflict, format!("there is a key named {:?}", row.name))
                    .next("choose another name, or rotate or revoke that one"));
            }
            turn.change.insert_principal(&row).await?;
            let (name, scopes) = (row.name.clone(), scopes.iter().map(|scope| scope.to_string()).collect());
            turn.record(&tenant, Some(by), |change| KeyCreated { change, key: row.id, name, scopes }).await?;
            turn.commit(&tenant).await?;
            Ok(key)
        })
        .await
    }

    /// The tenant's keys, revoked ones too, oldest first.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator or auditor.
    pub async fn keys(&self, caller: &Caller) -> Result<Vec<KeyView>> {
        caller.may(Action::ReadKeys)?;
        self.0.store.principals(&caller.tenant.id).await?.into_iter().map(view).collect()
    }

    /// Gives a key a new secret. The one before stops now.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `not-found` for a key that there is not or that is revoked.
    pub async fn rotate_key(&self, caller: &Caller, id: PrincipalId) -> Result<NewKey> {
        caller.may(Action::ChangeKeys)?;
        let (this, caller) = (self.clone(), caller.clone());
        finish(async move {
            let (turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::ChangeKeys)).await?;
            this.replace_secret(turn, &caller.tenant.id, id, Some(caller.principal.id)).await
        })
        .await
    }

    pub(super) async fn replace_secret(
        &self,
        mut turn: Turn,
        tenant: &TenantId,
        id: PrincipalId,
        by: Option<PrincipalId>,
    ) -> Result<NewKey> {
        let view = self.valid_key(tenant, id).await?;
        let (text, hash) = Key::generate(tenant)?;
        turn.change.rotate_principal(id, hash.as_bytes()).await?;
        turn.record(tenant, by, |change| KeyRotated { change, key: id }).await?;
        turn.commit(tenant).await?;
        Ok(NewKey { view, text })
    }

    /// Stops a key, now and for good.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `not-found` for a key that there is not or that is revoked; `conflict` for
    /// the last key of scope operator, without which nobody could make another, and for the last that the access rules
    /// ever let change them.
    pub async fn revoke_key(&self, caller: &Caller, id: PrincipalId) -> Result<()> {
        caller.may(Action::ChangeKeys)?;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let caller = caller.clone();
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::ChangeKeys)).await?;
            this.valid_key(&tenant, id).await?;
            let ask = move || keeps_an_operator(&caller, id);
            this.0.desk.work(&tenant, ask).await??;
            turn.change.revoke_principal(id).await?;
            turn.record(&tenant, Some(by), |change| KeyRevoked { change, key: id }).await?;
            turn.commit(&tenant).await
        })
        .await
    }

    async fn valid_key(&self, tenant: &TenantId, id: PrincipalId) -> Result<KeyView> {
        let kept = self.0.store.principals(tenant).await?;
        let row = kept.into_iter().find(|row| row.id == id && row.revoked.is_none());
        view(row.ok_or_else(|| Error::not_found("key", id))?)
    }
}

/// Keys that are asked about for every moment of the week: each takes some hundred answers.
const WEEKS_MAX: usize = 20;

/// That the tenant has an operator without the key `id`, and somebody who can change its access rules as far as they let
/// anybody.
fn keeps_an_operator(caller: &Caller, id: PrincipalId) -> Result<()> {
    let is_operator = |key: &&Arc<Principal>| key.scopes.has(Scope::Operator);
    let (going, others): (Vec<_>, Vec<_>) =
        caller.tenant.keyring.principals().filter(is_operator).partition(|key| key.id == id);
    let Some(going) = going.first() else { return Ok(()) };
    if others.is_empty() {
        return Err(Error::new(Code::Conflict, "this is the tenant's last key of scope operator")
            .next("create another one first, or rotate this one"));
    }
    let (rules, action, now) = (&caller.tenant.access, Action::ChangeAccess, Moment::of(SystemTime::now()));
    let can = |key: &&&Arc<Principal>| caller.could(&Who::from(&****key), rules, action, now).is_ok();
    let ever = |key: &&&Arc<Principal>| caller.could_ever(&Who::from(&****key), rules, action).is_ok();
    let others = others.iter();
    if !ever(&going) || others.clone().any(|key| can(&key)) || others.take(WEEKS_MAX).any(|key| ever(&key)) {
        return Ok(());
    }
    Err(Error::new(Code::Conflict, "this is the last key that the access rules let change them")
        .next("let another key change them first: `PUT /v1/policy/access`; or rotate this one"))
}

/// A new key of `tenant`, as it is kept and as it is shown.
pub(super) fn new_key(tenant: &TenantId, name: &str, scopes: Scopes) -> Result<(PrincipalRow, NewKey)> {
    let (text, hash) = Key::generate(tenant)?;
    let (id, created) = (PrincipalId::new(), SystemTime::now());
    let row = PrincipalRow {
        id,
        tenant: tenant.clone(),
        name: name.to_owned(),
        scopes: serde_json::to_string(&scopes).map_err(Error::internal)?,
        hash: *hash.as_bytes(),
        created,
        revoked: None,
    };
    let view = KeyView { id, name: name.to_owned(), scopes, created, revoked: None };
    Ok((row, NewKey { view, text }))
}

fn view(row: PrincipalRow) -> Result<KeyView> {
    let scopes = serde_json::from_str(&row.scopes).map_err(Error::internal)?;
    Ok(KeyView { id: row.id, name: row.name, scopes, created: row.created, revoked: row.revoked })
}

fn check_name(name: &str) -> Result<()> {
    let chars = name.chars().count();
    if chars == 0 || chars > bounds::KEY_NAME_CHARS_MAX || name.trim() != name || name.chars().any(char::is_control) {
        let maximum = bounds::KEY_NAME_CHARS_MAX;
        return Err(Error::new(
            Code::InvalidRequest,
            format!("a key's name has 1 to {maximum} characters, without spaces around them or control characters"),
        ));
    }
    Ok(())
}
