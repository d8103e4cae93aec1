//! Listing: exactly the tools that a call by the same principal would be let in to, with what is derived of their risk.

use std::sync::Arc;

use semver::Version;

use super::Router;
use crate::error::{Code, Error, Result};
use crate::id::{CallTarget, ToolName};
use crate::policy::Risk;
use crate::snapshot::{Admitted, Caller, Resolved, ToolDefinition};

/// A tool that may be called.
#[derive(Debug, Clone)]
pub struct ListedTool {
    /// What it is called by: a tool's name, or a route's.
    pub name: CallTarget,
    /// Of a route, the tools that the caller may call by it, in the order of its choices; the rest here is the first
    /// one's.
    pub choices: Vec<ToolName>,
    /// The version that would run.
    pub version: Version,
    /// What it says of itself.
    pub tool: Arc<ToolDefinition>,
    /// What is derived of its risk.
    pub risk: Risk,
    /// What its publisher says of this version, where it is deprecated.
    pub deprecated: Option<String>,
}

/// Which part of a listing.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Tools behind this one, whether or not there still is such a tool; absent: from the first on.
    pub after: Option<ToolName>,
    /// Tools at most; absent: all.
    pub limit: Option<usize>,
}

/// A part of a listing.
#[derive(Debug, Clone)]
pub struct ListedTools {
    /// The tools; with the last of them the routes, whatever the limit.
    pub tools: Vec<ListedTool>,
    /// What to go on behind, where there are more.
    pub next: Option<ToolName>,
}

impl Router {
    /// The tools that `caller` may call, by name: the catalogue's, then the tenant's own, then routes in the order of
    /// the policy. Nothing for a key that may not call.
    pub fn tools(&self, caller: &Caller, part: &Part) -> ListedTools {
        let most = part.limit.unwrap_or(usize::MAX);
        // One more says whether there are more.
        let mut admitted = caller.tools(part.after.as_ref(), most.saturating_add(1));
        let more = admitted.len() > most;
        admitted.truncate(most);
        let next = admitted.last().filter(|_| more).map(|(resolved, _)| resolved.name());
        let tools = admitted.iter();
        let tools = tools.filter_map(|(resolved, decision)| Some(listed(resolved, decision.outcome.as_ref().ok()?)));
        let routes = if more { Vec::new() } else { self.listed_routes(caller) };
        ListedTools { tools: tools.chain(routes).collect(), next }
    }

    /// What `show` makes of them, not on a thread that serves: there can be thousands.
    ///
    /// # Errors
    ///
    /// `internal` when that panics.
    pub async fn list<T: Send + 'static>(
        &self,
        caller: &Caller,
        part: Part,
        show: impl FnOnce(ListedTools) -> T + Send + 'static,
    ) -> Result<T> {
        let (this, asking) = (self.clone(), caller.clone());
        self.0.desk.work(&caller.tenant.id, move || show(this.tools(&asking, &part))).await
    }

    /// One tool or route that `caller` may call.
    ///
    /// # Errors
    ///
    /// `not-found`, also for one that policy does not let be called: what is not listed is not here either.
    pub fn tool(&self, caller: &Caller, target: &CallTarget) -> Result<ListedTool> {
        caller.may_call_at_all()?;
        let listed = match target {
            CallTarget::Tool(request) => {
                let resolved = caller.resolve(request)?;
                caller.decide(&resolved).outcome.as_ref().ok().map(|admitted| listed(&resolved, admitted))
            }
            CallTarget::Route(name) => caller.route(name).and_then(|route| self.listed_route(caller, route)),
        };
        listed.ok_or_else(|| {
            Error::new(Code::NotFound, format!("there is no tool {:?}", target.to_string()))
                .next("GET /v1/tools lists what this key may call; POST /v1/explain says why not")
        })
    }
}

pub(super) fn listed(resolved: &Resolved, admitted: &Admitted) -> ListedTool {
    ListedTool {
        name: resolved.name().into(),
        choices: Vec::new(),
        version: resolved.version.version.clone(),
        tool: Arc::clone(&resolved.tool),
        risk: admitted.risk,
        deprecated: resolved.version.deprecated.clone(),
    }
}
