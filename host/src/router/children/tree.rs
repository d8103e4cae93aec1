//! The calls below a call as a reply shows them, bounded: the record has all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use semver::Version;

use super::Spent;
use crate::audit::entry::Outcome;
use crate::capability::call::{Place, UsedBelow};
use crate::engine::Usage;
use crate::error::Code;
use crate::id::{CallId, ToolName};
use crate::router::record::Below;

/// Calls of one tree that a reply shows.
const NODES_MAX: u64 = 256;

/// Calls below a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallTree {
    /// Those that it made, in the order in which they ended.
    pub calls: Vec<CallNode>,
    /// How many more it made that there is no room to show.
    pub left_out: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallNode {
    /// Its id, where it was let in.
    pub call: Option<CallId>,
    /// The tool.
    pub tool: ToolName,
    /// The version that ran, where one did.
    pub version: Option<Version>,
    /// How it ended.
    pub outcome: Outcome,
    /// Units of fuel that it used itself.
    pub fuel: u64,
    /// From its start to its end, in microseconds.
    pub duration_us: u64,
    /// Those below it.
    pub below: CallTree,
}

/// Where calls below one are gathered as they end.
#[derive(Debug)]
pub(in crate::router) struct Branch {
    tree: Mutex<CallTree>,
    /// How many more the whole tree may show.
    room: Arc<AtomicU64>,
}

impl Default for Branch {
    fn default() -> Self {
        Self { tree: Mutex::default(), room: Arc::new(AtomicU64::new(NODES_MAX)) }
    }
}

impl Branch {
    /// Of a call below the one that this is of.
    pub(super) fn below(&self) -> Self {
        Self { tree: Mutex::default(), room: Arc::clone(&self.room) }
    }

    fn put(&self, node: CallNode) {
        let has_room = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1)).is_ok();
        let mut tree = self.tree.lock();
        if has_room { tree.calls.push(node) } else { tree.left_out += 1 }
    }

    /// What was gathered.
    pub(in crate::router) fn take(&self) -> CallTree {
        std::mem::take(&mut *self.tree.lock())
    }
}

/// A call's place below another: given up once it is known how it ended, and at the latest when it is dropped.
pub(in crate::router) struct Member {
    branch: Arc<Branch>,
    /// Given back last.
    place: Option<Place>,
    node: Option<CallNode>,
    spent: Spent,
}

impl Member {
    pub(super) fn new(branch: Arc<Branch>, place: Place, tool: ToolName, spent: Spent) -> Self {
        let node = CallNode {
            call: None,
            tool,
            version: None,
            outcome: Outcome::Failed(Code::Cancelled),
            fuel: 0,
            duration_us: 0,
            below: CallTree::default(),
        };
        Self { branch, place: Some(place), node: Some(node), spent }
    }

    pub(super) fn named(mut self, call: CallId, tool: ToolName, version: Version) -> Self {
        if let Some(node) = &mut self.node {
            (node.call, node.tool, node.version) = (Some(call), tool, Some(version));
        }
        self
    }

    /// It was not let in.
    pub(super) fn refused(mut self, code: Code) {
        if let Some(node) = &mut self.node {
            node.outcome = Outcome::Failed(code);
        }
    }

    /// It ended so, with those below it.
    pub(in crate::router) fn ended(mut self, outcome: Outcome, usage: Usage, busy: Duration, below: &Below) {
        if let Some(node) = &mut self.node {
            let duration_us = u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX);
            (node.outcome, node.fuel, node.duration_us) = (outcome, usage.fuel, duration_us);
            node.below = below.tree.clone();
        }
        let fuel = usage.fuel.saturating_add(below.used.fuel);
        self.spent.put(fuel);
        if let Some(place) = &self.place {
            place.used(UsedBelow { fuel, busy: busy + below.used.busy });
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            self.branch.put(node);
        }
        // Whoever waits for it finds everything above done.
        drop(self.place.take());
    }
}
