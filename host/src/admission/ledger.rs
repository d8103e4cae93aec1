//! The fold over the journal that reports and budgets come from: exact after a crash, because it has no other source. It
//! goes on from where it has come to: from a request, or from the last start.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::budget::{Account, Hold, Spender, used};
use super::usage::{UsageBook, UsageKey, day_of};
use crate::amounts::{Amount, Amounts};
use crate::approvals::ApprovalBook;
use crate::audit::entry::{CallDecided, CallEnded, Entry, Event, Outcome, Reserved};
use crate::audit::{Audit, Position};
use crate::error::{Code, Error, Result};
use crate::id::{CallId, TenantId, ToolName};
use crate::sessions::SessionBook;

/// What came of the journal, and the place in it up to which that holds everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    folded: Folded,
    position: Position,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Folded {
    rows: UsageBook,
    /// Calls that were decided and have not ended.
    open: BTreeMap<CallId, Open>,
    #[serde(default)]
    sessions: SessionBook,
    #[serde(default)]
    approvals: ApprovalBook,
    #[serde(default)]
    accounts: BTreeMap<TenantId, Account>,
}

/// What is kept of it; an earlier host kept sessions beside the rest, or none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Beside { usage: Folded, sessions: SessionBook },
    All(Folded),
}

/// What of a decision its outcome is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "KeptOpen")]
struct Open {
    tool: ToolName,
    /// The call that made it.
    parent: Option<CallId>,
    #[serde(flatten)]
    hold: Hold,
}

/// What a host kept of a call before there were budgets: its tool alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeptOpen {
    Tool(ToolName),
    All {
        tool: ToolName,
        #[serde(default)]
        parent: Option<CallId>,
        #[serde(flatten)]
        hold: Hold,
    },
}

impl From<KeptOpen> for Open {
    fn from(kept: KeptOpen) -> Self {
        match kept {
            KeptOpen::Tool(tool) => Self { tool, parent: None, hold: Hold::new(nothing(UNIX_EPOCH)) },
            KeptOpen::All { tool, parent, hold } => Self { tool, parent, hold },
        }
    }
}

const fn nothing(at: SystemTime) -> Reserved {
    Reserved { amounts: Amounts::NONE, at }
}

impl Ledger {
    /// What [`Ledger::kept`] gave at `position`.
    ///
    /// # Errors
    ///
    /// `internal` when `json` is none.
    pub fn load(position: u64, json: &str) -> Result<Self> {
        let folded = match serde_json::from_str(json).map_err(Error::internal)? {
            Kept::Beside { usage, sessions } => Folded { sessions, ..usage },
            Kept::All(folded) => folded,
        };
        Ok(Self { folded, position: Position(position) })
    }

    /// The position, and what was folded as JSON, to be kept.
    ///
    /// # Errors
    ///
    /// `internal`, never for what was folded.
    pub fn kept(&self) -> Result<(u64, String)> {
        Ok((self.position.0, serde_json::to_string(&self.folded).map_err(Error::internal)?))
    }

    /// Takes in everything that is durable by now, and forgets what is no longer kept. Reads files: not on an async
    /// thread.
    ///
    /// # Errors
    ///
    /// `audit-unavailable` when the journal cannot be read. What was taken in before that stays.
    pub fn catch_up(&mut self, audit: &Audit) -> Result<()> {
        let (folded, position) = (&mut self.folded, &mut self.position);
        audit.fold(*position, |here, entry| {
            folded.take_in(&entry);
            *position = here;
            Ok(())
        })?;
        self.folded.prune(SystemTime::now());
        Ok(())
    }

    /// What sessions have touched.
    pub fn sessions(&self) -> &SessionBook {
        &self.folded.sessions
    }

    /// Which calls wait for somebody's word.
    pub fn approvals(&self) -> &ApprovalBook {
        &self.folded.approvals
    }

    /// What was used, for reports.
    pub fn book(&self) -> &UsageBook {
        &self.folded.rows
    }

    /// What was used of budgets.
    pub fn accounts(&self) -> &BTreeMap<TenantId, Account> {
        &self.folded.accounts
    }
}

impl Folded {
    /// Takes in the next entry of the journal.
    fn take_in(&mut self, entry: &Entry) {
        self.sessions.fold(entry);
        self.approvals.fold(entry);
        match &entry.event {
            Event::CallDecided(decided) => {
                let CallDecided { call, parent, reserved, tool, .. } = decided;
                let reserved = reserved.unwrap_or(nothing(entry.time));
                let hold = {
                    let above = self.above(*parent).map(|open| (&open.tool.package, &open.hold));
                    Hold::below(&tool.package, reserved, &above)
                };
                self.open.insert(*call, Open { tool: tool.clone(), parent: *parent, hold });
            }
            Event::CallEnded(ended) => {
                let Some(open) = self.open.remove(&ended.call) else { return };
                self.charge(entry, &open, ended);
                let (tenant, principal, day) = (entry.tenant.clone(), entry.principal, day_of(entry.time));
                self.rows.add(UsageKey { tenant, day, tool: open.tool, principal }, ended);
            }
            _ => {}
        }
    }

    /// The calls above one that `parent` made, from that one upwards.
    fn above(&self, parent: Option<CallId>) -> impl Iterator<Item = &Open> + Clone {
        let open = |call: Option<CallId>| call.and_then(|call| self.open.get(&call));
        std::iter::successors(open(parent), move |below| open(below.parent))
    }

    /// What a crash interrupted is charged all that is kept for it: nobody knows how far it came.
    fn charge(&mut self, entry: &Entry, open: &Open, ended: &CallEnded) {
        let package = &open.tool.package;
        let spender = Spender { principal: entry.principal, package: package.clone() };
        let account = self.accounts.entry(entry.tenant.clone()).or_default();
        if ended.outcome == Outcome::Failed(Code::Interrupted) {
            account.charge(&spender, open.hold.kept());
            return;
        }
        let used = used(ended, open.parent.is_some());
        account.charge(&spender, open.hold.charges(&used));
        let mut above = open.parent;
        while let Some(over) = above.and_then(|call| self.open.get_mut(&call)) {
            over.hold.used_below(&over.tool.package, (package, &open.hold), used[Amount::Fuel]);
            above = over.parent;
        }
    }

    fn prune(&mut self, now: SystemTime) {
        self.rows.prune(now);
        self.sessions.prune(now);
        self.approvals.prune(now);
        self.accounts.retain(|_, account| account.prune(now));
    }
}

#[cfg(test)]
mod tests;
