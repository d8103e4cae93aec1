//! What sessions have touched, as a fold over the journal.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{IDLE_MAX, SESSIONS_MAX};
use crate::audit::entry::{Entry, Event, Outcome};
use crate::error::Code;
use crate::id::{CallId, PrincipalId, SessionId, TenantId};
use crate::labels::{Brought, Label};

/// Sessions with labels, and calls in sessions that have not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionBook {
    tenants: BTreeMap<TenantId, Vec<Row>>,
    open: BTreeMap<CallId, SessionId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    principal: PrincipalId,
    session: SessionId,
    brought: Vec<Brought>,
    /// When a call of it last ended, in seconds since 1970.
    named: u64,
}

impl SessionBook {
    /// Takes in the next entry of the journal.
    pub fn fold(&mut self, entry: &Entry) {
        match &entry.event {
            Event::CallDecided(decided) => {
                if let Some(session) = &decided.session {
                    self.open.insert(decided.call, session.clone());
                }
            }
            Event::CallEnded(ended) => {
                let Some(session) = self.open.remove(&ended.call) else { return };
                let Some(principal) = entry.principal else { return };
                match &ended.labels {
                    Some(brought) => self.add(entry, principal, session, brought),
                    // What it had read when the host stopped, and shown already, nobody knows.
                    None if ended.outcome == Outcome::Failed(Code::Interrupted) => {
                        let by = || "the host stopped in the middle of it".to_owned();
                        let all = Label::ALL.map(|label| Brought { by: by(), call: ended.call, label });
                        self.add(entry, principal, session, &all);
                    }
                    // The policy had no rule of flow: nothing asked for labels.
                    None => self.add(entry, principal, session, &[]),
                }
            }
            Event::CallAnswered(answered) => {
                if let (Some(session), Some(principal)) = (&answered.session, entry.principal) {
                    self.add(entry, principal, session.clone(), &answered.labels);
                }
            }
            Event::SessionCleared(cleared) => {
                if let Some(rows) = self.tenants.get_mut(&entry.tenant) {
                    rows.retain(|row| !(row.principal == cleared.principal && row.session == cleared.session));
                }
            }
            _ => {}
        }
    }

    /// A call of the session ended that brought this, which can be nothing: what the session has it keeps for as long as it
    /// is named.
    fn add(&mut self, entry: &Entry, principal: PrincipalId, session: SessionId, brought: &[Brought]) {
        let named = since_1970(entry.time);
        let rows = self.tenants.get_mut(&entry.tenant);
        let known = |row: &&mut Row| row.principal == principal && row.session == session;
        if let Some(row) = rows.and_then(|rows| rows.iter_mut().find(known)) {
            row.named = named;
            super::add(&mut row.brought, brought);
        } else if !brought.is_empty() {
            let mut row = Row { principal, session, brought: Vec::new(), named };
            super::add(&mut row.brought, brought);
            self.tenants.entry(entry.tenant.clone()).or_default().push(row);
        }
    }

    /// Forgets sessions that no call named for long.
    pub fn prune(&mut self, now: SystemTime) {
        let oldest = since_1970(now).saturating_sub(IDLE_MAX.as_secs());
        self.tenants.retain(|_, rows| {
            rows.retain(|row| row.named >= oldest);
            // Never many more: new ones are refused then.
            rows.sort_by_key(|row| std::cmp::Reverse(row.named));
            rows.truncate(2 * SESSIONS_MAX);
            !rows.is_empty()
        });
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&TenantId, PrincipalId, &SessionId, &[Brought], u64)> {
        self.tenants.iter().flat_map(|(tenant, rows)| {
            rows.iter().map(move |row| (tenant, row.principal, &row.session, row.brought.as_slice(), row.named))
        })
    }
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
