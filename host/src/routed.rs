//! What was decided of a call of a route: words that the record, answers and whoever decides again share.
//!
//! Parts of a whole are whole numbers of millionths (`_ppm`): an entry's bytes are hashed, and fractions have more than
//! one spelling.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Code;
use crate::id::{CallId, InvalidId, RouteName, ToolRequest};

/// The whole, in millionths.
pub const WHOLE_PPM: u32 = 1_000_000;

/// How much of something there is: of risk, of complexity, of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl Level {
    /// Every level, from the lowest up.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == text);
        found.ok_or_else(|| InvalidId::new("level", text, "\"low\", \"medium\" or \"high\""))
    }
}

/// What a caller says of a call before it is made. It can only make a call count as riskier or harder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Declared {
    /// How much it could bring about.
    pub risk: Option<Level>,
    /// How hard it is; absent: it is estimated from its arguments.
    pub complexity: Option<Level>,
}

/// What a decision followed from that is the same for every choice of the route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct RouteInputs {
    /// The scarcest budget that binds all calls of the key, such as `fuel_per_day`; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// What is left of that one, in millionths of it; the whole where there is none.
    pub budget_left_ppm: u32,
    /// How hard the call is: as declared, or estimated.
    pub complexity: Level,
    /// Where the key stands among all keys, in millionths: the same for every call of it.
    pub draw_ppm: u32,
    /// The arguments, in bytes, without the space between them.
    pub input_bytes: u64,
    /// How much of what it may have running at once the tenant has in use, in millionths, by twentieths.
    pub load_ppm: u32,
    /// What the call counts as at least: the higher of what is declared and the floor of either file.
    pub risk: Level,
}

/// What the breaker of a choice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It lets calls through.
    Closed,
    /// It lets one call through, to see how that ends.
    HalfOpen,
    /// It lets none through for a time: too many failed, or were slow.
    Open,
    /// It waits for how the one that it let through ends.
    Probing,
    /// Of a choice with a share it waits for how some calls end: as many are under way as would open it if all of them failed.
    Unproven,
}

/// Whether the key may call a choice's tool at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It may.
    Callable,
    /// Policy, access rules or a recall do not let it.
    Denied,
    /// There is no such tool, or no such version of it.
    NotFound,
}

/// What a decision followed from of one choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct ChoiceFacts {
    /// The budget that has no room for a call of it, such as `fuel_per_day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// The rule of flow by which the session may not have what the tool cannot do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// What its breaker said.
    pub health: Health,
    /// Kinds of grant that the choice goes without and the tool cannot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// What is derived of the tool's risk; absent where it may not be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Level>,
    /// Whether it may be called.
    pub standing: Standing,
    /// How an earlier attempt of the same call with it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    #[schema(value_type = Option<String>)]
    pub tried: Option<Code>,
    /// The version that would run; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    #[schema(value_type = Option<String>)]
    pub version: Option<Version>,
}

/// What was decided of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It takes the call.
    Taken,
    /// It could, were it not for one before it.
    StandingBy,
    /// It does not.
    Rejected,
}

impl Verdict {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::StandingBy => "standing-by",
            Self::Rejected => "rejected",
        }
    }
}

/// A choice and what was decided of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct DecidedChoice {
    /// What the policy says that it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Level>,
    /// What the verdict followed from.
    pub facts: ChoiceFacts,
    /// The tool, as the policy has it.
    pub tool: ToolRequest,
    /// What was decided.
    pub verdict: Verdict,
    /// The fact that decided, of one that is rejected, such as `risk high > max medium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Kinds of grant that the tool runs without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// What was decided of a call of a route. It follows from the policy that the entry names and from what is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct DecidedRoute {
    /// Which attempt it is, counted from one.
    pub attempt: u32,
    /// The choices, in the policy's order.
    pub choices: Vec<DecidedChoice>,
    /// The first attempt's call, of a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<CallId>,
    /// What it followed from.
    pub inputs: RouteInputs,
    /// The route.
    pub name: RouteName,
}

impl DecidedRoute {
    /// The choice that takes the call, by its place from zero.
    pub fn taken(&self) -> Option<usize> {
        self.choices.iter().position(|choice| choice.verdict == Verdict::Taken)
    }

    /// Kinds of grant that its tool runs without.
    pub fn without(&self) -> &[String] {
        self.taken().and_then(|place| self.choices.get(place)).map_or(&[], |choice| &choice.without)
    }
}

/// When a choice gets no calls for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// The part of the window's calls that have failed at which it opens, in millionths.
    pub failure_rate_ppm: u32,
    /// The part of the window's calls that were slow at which it opens, in millionths.
    pub slow_rate_ppm: u32,
    /// What slow is: a call that ran for as long or longer.
    pub slow: Duration,
    /// Calls that the window has to hold before anything is made of it.
    pub calls_min: u32,
    /// How far back calls count.
    pub window: Duration,
    /// How long it stays open before it lets one call through.
    pub open: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failure_rate_ppm: 500_000,
            slow_rate_ppm: 800_000,
            slow: Duration::from_secs(10),
            calls_min: 20,
            window: Duration::from_secs(60),
            open: Duration::from_secs(30),
        }
    }
}

/// Millionths as people read them: `12.5 %`.
pub fn percent(ppm: u32) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_whole_read_well() {
        let shown = [0, 1, 100_000, 125_000, 999_999, WHOLE_PPM].map(percent);
        assert_eq!(shown, ["0 %", "0.0001 %", "10 %", "12.5 %", "99.9999 %", "100 %"]);
    }
}
