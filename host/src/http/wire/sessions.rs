//! Sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;
use crate::id::{PrincipalId, SessionId};
use crate::labels::Brought;

/// Sessions that have labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// By key and name.
    pub sessions: Vec<Session>,
}

/// A session, and what it has touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The key whose it is.
    pub principal: PrincipalId,
    /// Its name.
    pub session: SessionId,
    /// Its labels, each by the call that brought it.
    pub labels: Vec<Brought>,
    /// When a call last named it.
    pub named: Time,
}

/// A session whose labels are to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearSession {
    /// The key whose it is.
    pub principal: PrincipalId,
    /// Its name.
    pub session: SessionId,
    /// Why it may go on, for the record.
    pub reason: String,
}
