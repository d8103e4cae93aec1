//! Secrets: set and removed by the tenant's operators, named to its operators and auditors, shown to nobody.

use std::time::SystemTime;

use super::{Control, bounds, finish};
use crate::access::Action;
use crate::audit::entry::{SecretRemoved, SecretSet};
use crate::error::{Code, Error, Result};
use crate::id::SecretName;
use crate::snapshot::Caller;
use crate::storage::{SecretRow, SecretValue};

/// A secret as its tenant sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretView {
    /// Its name.
    pub name: SecretName,
    /// Which value of that name it has, from 1.
    pub version: u64,
    /// When that was set.
    pub since: SystemTime,
}

impl Control {
    /// Sets a secret's value, from the next call on, in the place of the one before.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `too-large` or `invalid-request` for what cannot be a value; `conflict` when
    /// there are as many secrets as may be.
    pub async fn set_secret(&self, caller: &Caller, name: &SecretName, value: SecretValue) -> Result<SecretView> {
        caller.may(Action::ChangeSecrets)?;
        check_value(&value)?;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let (caller, name) = (caller.clone(), name.clone());
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::ChangeSecrets)).await?;
            let now = &caller.tenant;
            if !now.secrets.secrets.contains_key(&name) && now.secrets.secrets.len() >= bounds::SECRETS_MAX {
                let maximum = bounds::SECRETS_MAX;
                return Err(Error::new(Code::Conflict, format!("the tenant has {maximum} secrets, as many as it may"))
                    .next("remove some that are not used")
                    .fact("maximum", maximum));
            }
            let key = match &now.secrets.key {
                Some(key) => key.clone(),
                None => {
                    let key = this.0.vault.new_key(&tenant)?;
                    turn.change.insert_secret_key(&tenant, &key).await?;
                    key
                }
            };
            let version = this.0.store.secret_version(&tenant, &name).await? + 1;
            let sealed = this.0.vault.seal(&tenant, &key, &name, version, &value)?;
            drop(value);
            let row = SecretRow { name: name.clone(), version, since: SystemTime::now(), sealed };
            turn.change.put_secret(&tenant, &row).await?;
            let set = SecretView { name: name.clone(), version, since: row.since };
            turn.record(&tenant, Some(by), |change| SecretSet { change, name, version }).await?;
            turn.commit(&tenant).await?;
            this.forget_deleted().await;
            Ok(set)
        })
        .await
    }

    /// The tenant's secrets, by name; no values.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator or auditor.
    pub fn secrets(&self, caller: &Caller) -> Result<Vec<SecretView>> {
        caller.may(Action::ReadSecrets)?;
        let view = |(name, secret): (&SecretName, &crate::storage::SealedSecret)| SecretView {
            name: name.clone(),
            version: secret.version,
            since: secret.since,
        };
        Ok(caller.tenant.secrets.secrets.iter().map(view).collect())
    }

    /// Removes a secret, from the next call on, and for good: no copy of its value is kept.
    ///
    /// # Errors
    ///
    /// `denied` without the scope operator; `not-found` for one that there is not.
    pub async fn remove_secret(&self, caller: &Caller, name: &SecretName) -> Result<()> {
        caller.may(Action::ChangeSecrets)?;
        let (this, tenant, by) = (self.clone(), caller.tenant.id.clone(), caller.principal.id);
        let (caller, name) = (caller.clone(), name.clone());
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, |caller| caller.may(Action::ChangeSecrets)).await?;
            let secret = caller.tenant.secrets.secrets.get(&name).ok_or_else(|| Error::not_found("secret", &name))?;
            let version = secret.version;
            turn.change.remove_secret(&tenant, &name).await?;
            turn.record(&tenant, Some(by), |change| SecretRemoved { change, name, version }).await?;
            turn.commit(&tenant).await?;
            this.forget_deleted().await;
            Ok(())
        })
        .await
    }

    /// What was replaced or removed goes from the files too. The change stands whether it does or not.
    async fn forget_deleted(&self) {
        if let Err(error) = self.0.store.forget_deleted().await {
            tracing::warn!(?error, "what was replaced or removed stays in the files until the next such change");
        }
    }
}

/// What a value can be: something that fits into a header field as it is, and is long enough to be told from other text.
fn check_value(value: &SecretValue) -> Result<()> {
    let (bytes, least, most) = (value.expose(), SecretValue::BYTES_MIN, SecretValue::BYTES_MAX);
    if bytes.len() > most {
        return Err(Error::new(Code::TooLarge, format!("the secret has more than {most} bytes"))
            .fact("limit", "secret_bytes")
            .fact("maximum", most));
    }
    if bytes.len() < least {
        return Err(Error::new(Code::InvalidRequest, format!("the secret has fewer than {least} bytes"))
            .next("use one that cannot be guessed: some 32 random characters"));
    }
    let has_control = str::from_utf8(bytes).map_or(true, |text| text.chars().any(char::is_control));
    if has_control {
        return Err(Error::new(Code::InvalidRequest, "the secret is not UTF-8 text without control characters").next(
            "send it without the end of the line; what is not text can be sent in base64, where its host takes that",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_of_one_line_within_bounds_and_no_error_shows_it() {
        let check = |text: &str| {
            check_value(&SecretValue::new(text.as_bytes().to_vec())).map_err(|error| {
                assert!(text.is_empty() || !format!("{error:?}").contains(text), "{error:?}");
                error.code()
            })
        };
        assert_eq!(check(&"m".repeat(8)), Ok(()));
        assert_eq!(check(&"m".repeat(16 << 10)), Ok(()));
        assert_eq!(check("márrow and böne"), Ok(()));
        assert_eq!(check(&"m".repeat((16 << 10) + 1)), Err(Code::TooLarge));
        for bad in ["", "marrow7", "marrow-and-bone\n", "marrow\0and-bone", "marrow\r\nx: bone"] {
            assert_eq!(check(bad), Err(Code::InvalidRequest), "{bad:?}");
        }
        assert!(check_value(&SecretValue::new(vec![0xff; 20])).is_err());
    }
}
