//! Sessions: what they have touched, and taking that away.

use super::tenants::bounded_message;
use super::{Control, finish};
use crate::access::Action;
use crate::audit::entry::SessionCleared;
use crate::error::{Code, Error, Result};
use crate::id::{PrincipalId, SessionId};
use crate::sessions::Shown;
use crate::snapshot::Caller;

impl Control {
    /// Sessions of the tenant with labels; to a key that may not read all, its own.
    pub fn sessions(&self, caller: &Caller) -> Vec<Shown> {
        let mut sessions = self.0.sessions.labelled(&caller.tenant.id);
        if caller.may(Action::ReadSessions).is_err() {
            sessions.retain(|shown| shown.principal == caller.principal.id);
        }
        sessions
    }

    /// Takes a session's labels away: somebody has looked at what its calls did, and lets it go on. Calls that run keep what
    /// they brought themselves, and bring it again when they end.
    ///
    /// # Errors
    ///
    /// `denied` unless the key may clear sessions, and for a session of its own; `not-found` for one of no key of the tenant's;
    /// `invalid-request` for a reason that is too long.
    pub async fn clear_session(
        &self,
        caller: &Caller,
        principal: PrincipalId,
        session: SessionId,
        reason: String,
    ) -> Result<()> {
        let may = |caller: &Caller| caller.may(Action::ClearSession);
        may(caller)?;
        bounded_message("the reason", &reason)?;
        if principal == caller.principal.id {
            return Err(Error::new(Code::Denied, "a session is not cleared by the key whose it is")
                .next("have another operator look at what its calls did")
                .fact("rule", "sessions: another key clears"));
        }
        let (this, caller) = (self.clone(), caller.clone());
        finish(async move {
            let (mut turn, caller) = this.turn_for(&caller, may).await?;
            let (tenant, by) = (caller.tenant.id.clone(), caller.principal.id);
            let key = (principal, session.clone());
            let labelled = this.0.sessions.labelled(&tenant);
            if !labelled.iter().any(|shown| shown.principal == key.0 && shown.session == key.1) {
                // There is nothing to take away.
                let known = caller.tenant.keyring.principals().any(|known| known.id == principal);
                return if known { Ok(()) } else { Err(Error::not_found("key", principal)) };
            }
            turn.record(&tenant, Some(by), |change| SessionCleared { change, principal, reason, session }).await?;
            turn.commit(&tenant).await?;
            this.0.sessions.clear(&tenant, &key);
            Ok(())
        })
        .await
    }
}
