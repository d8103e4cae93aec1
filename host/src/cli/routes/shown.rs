//! Routes as programs read them: what `--json` prints.

use serde::Serialize;

use crate::id::{Digest, RouteName, ToolRequest};
use crate::policy;
use crate::routed::Level;

/// A route of the policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Route {
    /// What it is called by, behind `routes/`.
    pub(super) name: RouteName,
    /// What it chooses from, in order.
    pub(super) choices: Vec<RouteChoice>,
    /// What is done when the choice that got a call fails: `next` or `none`.
    pub(super) fallback: String,
}

/// One of a route's choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RouteChoice {
    /// The tool.
    pub(super) tool: ToolRequest,
    /// Kinds of grant that it runs without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) without: Vec<String>,
    /// The part of all keys whose calls it takes, in millionths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) share_ppm: Option<u32>,
    /// What it takes, in words; empty for every call.
    pub(super) takes: String,
    /// What a call costs beside the others'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<Level>,
}

/// Every route of the policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Routes {
    /// In the order of the policy.
    pub(super) routes: Vec<Route>,
}

/// A route after its shares were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RouteShifted {
    /// Of the policy in force now.
    pub(super) digest: Digest,
    /// Whether that is another one than before.
    pub(super) changed: bool,
    /// The route.
    pub(super) route: Route,
}

impl From<&policy::route::Route> for Route {
    fn from(route: &policy::route::Route) -> Self {
        let choices = route.choices.iter().map(|choice| RouteChoice {
            tool: choice.tool.clone(),
            without: choice.without_words(),
            share_ppm: choice.conditions.share_ppm,
            takes: choice.conditions.to_string(),
            cost: choice.cost,
        });
        Self { name: route.name.clone(), choices: choices.collect(), fallback: route.fallback.as_str().to_owned() }
    }
}
