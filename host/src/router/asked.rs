//! Whose calls an explanation is about.

use crate::access::{Action, Who};
use crate::error::{Error, Result};
use crate::id::PrincipalId;
use crate::identity::Scope;
use crate::snapshot::Caller;

/// Whose calls an explanation is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AskedFor {
    /// Those of whoever asks.
    #[default]
    Caller,
    /// Those of another key of the tenant.
    Key(PrincipalId),
    /// Those of any key of the tenant with this scope alone, of which no rule speaks by name: what a publisher wants to know
    /// of agents.
    Scope(Scope),
}

impl AskedFor {
    /// Who is asked about, where `caller` may.
    ///
    /// # Errors
    ///
    /// `denied`, or `not-found` for a key that there is not.
    pub(super) fn who(self, caller: &Caller) -> Result<Who<'_>> {
        match self {
            Self::Caller => Ok(Who::from(&*caller.principal)),
            Self::Key(id) if id == caller.principal.id => Ok(Who::from(&*caller.principal)),
            Self::Key(id) => {
                caller.may(Action::ReadPolicy)?;
                let known = caller.tenant.keyring.principals().find(|principal| principal.id == id);
                known.map(|known| Who::from(&**known)).ok_or_else(|| Error::not_found("key", id))
            }
            Self::Scope(scope) => {
                if !caller.principal.scopes.has(scope) {
                    caller.may(Action::ReadPackages)?;
                }
                let scopes = [scope].into_iter().collect();
                // Nobody has this id, and a key always has a name.
                Ok(Who { id: PrincipalId::new(), name: "", tenant: &caller.tenant.id, scopes })
            }
        }
    }

    /// The key's id and name in the answer.
    pub(super) fn named(self, who: &Who<'_>) -> (Option<PrincipalId>, String) {
        match self {
            Self::Scope(scope) => (None, format!("any with the scope {scope}")),
            _ => (Some(who.id), who.name.to_owned()),
        }
    }
}
