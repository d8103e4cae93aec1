//! Calls as the record has them: each put together from its entries, as they come.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use semver::Version;

use crate::access::Moment;
use crate::audit::Entry;
use crate::audit::entry::{CallDecided, CallEnded, CallRefused, DecidedAccess, DecidedLimits, Event};
use crate::error::{Code, Result};
use crate::id::{CallId, Digest, PrincipalId, ToolName};
use crate::labels::{self, Labels};
use crate::routed::{DecidedRoute, Level};
use crate::uses::CapabilityUse;

/// How far clocks are taken to step back within a span.
const CLOCK_STEP: Duration = Duration::from_secs(60);
/// How long behind a span the ends of its calls are looked for: no call lasts longer.
const CALL_SPAN: Duration = Duration::from_secs(2 * 3_600);

/// Calls that were decided upon from `since` on and before `until`.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The first moment.
    pub since: SystemTime,
    /// The first moment behind it.
    pub until: SystemTime,
}

/// How much is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Entries within the span.
    pub entries_max: u64,
    /// Time that it may take.
    pub time_max: Duration,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Entries of the span.
    pub entries: u64,
    /// The time of the first entry that was not looked at, where a bound ended it: a second before it at most.
    pub cut: Option<SystemTime>,
}

/// A call that was decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub call: CallId,
    /// Who made it.
    pub principal: Option<PrincipalId>,
    /// When it was decided upon.
    pub time: SystemTime,
    /// The tool.
    pub tool: ToolName,
    /// What the decision followed from; absent where the record does not say.
    pub inputs: Option<Inputs>,
    /// What was decided.
    pub decided: Decided,
    /// How it ended; absent where it was denied, or has not ended as far as the record was looked at.
    pub ended: Option<Ended>,
    /// Uses that it was denied while it ran.
    pub denials: u64,
    /// How much it could bring about, as it was decided; absent where it was denied, or an earlier host wrote the entry.
    pub risk: Option<Level>,
    /// Whether somebody had approved it.
    pub approved: bool,
    /// What was decided of its route, where it is the call of one.
    pub route: Option<Box<DecidedRoute>>,
    /// Another call made it: what it held and its limits follow from that one's.
    pub is_child: bool,
}

/// What a decision follows from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Inputs {
    /// The version of the package.
    pub version: Version,
    /// The ceiling, by its digest.
    pub ceiling: Digest,
    /// The policy, by its digest.
    pub policy: Digest,
    /// What access rules followed from; absent where an earlier host wrote the entry, which asked scopes alone.
    pub access: Option<AccessInputs>,
    /// The labels that the call's session had.
    pub labels: Labels,
}

/// What access rules follow from, beside the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessInputs {
    /// The platform's, by their digest.
    pub platform: Digest,
    /// The tenant's, by their digest.
    pub tenant: Digest,
    /// The moment that they saw.
    pub moment: Moment,
    /// Who had recalled the component, where that decided.
    pub recalled: Option<RecalledBy>,
    /// Whether it was that the version waited for an operator.
    pub awaits: bool,
}

/// Who recalled a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecalledBy {
    /// The platform, for everyone.
    Platform,
    /// The tenant, for itself.
    Tenant,
}

impl RecalledBy {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Tenant => "tenant",
        }
    }
}

/// What was decided, as far as the record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It could run.
    Allowed {
        /// By this rule.
        rule: String,
        /// Under these limits.
        limits: DecidedLimits,
        /// By these access rules; none where they were not asked.
        by: Vec<String>,
    },
    /// It could not.
    Denied {
        /// By this rule.
        rule: String,
    },
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Units of fuel that it used.
    pub fuel: u64,
    /// The most memory that it held, in bytes.
    pub memory_bytes: u64,
    /// From its start to its end, in microseconds.
    pub duration_us: u64,
    /// What it used; absent where nobody knows, or the list had no room for all of it.
    pub uses: Option<Vec<CapabilityUse>>,
}

/// Gives each call of the span to `each`, once its end is known; in the end those that have none.
///
/// # Errors
///
/// When the record cannot be read, and what `each` says.
pub fn calls(
    entries: impl Iterator<Item = Result<Entry>>,
    span: Span,
    bounds: Bounds,
    mut each: impl FnMut(Recorded) -> Result<()>,
) -> Result<Looked> {
    let (end, behind) = (Instant::now() + bounds.time_max, span.until + CLOCK_STEP);
    let mut looked = Looked::default();
    let mut open: HashMap<CallId, Recorded> = HashMap::new();
    for entry in entries {
        let entry = entry?;
        if entry.time < span.since {
            if Instant::now() >= end {
                looked.cut = Some(entry.time);
                break;
            }
            continue;
        }
        if entry.time > behind && (open.is_empty() || entry.time > span.until + CALL_SPAN) {
            break;
        }
        if looked.entries >= bounds.entries_max || Instant::now() >= end {
            looked.cut = Some(entry.time);
            break;
        }
        looked.entries += 1;
        let (time, principal, within) = (entry.time, entry.principal, entry.time < span.until);
        match entry.event {
            Event::CallDecided(decided) if within => {
                open.insert(decided.call, Recorded::allowed(decided, time, principal));
            }
            Event::CallRefused(refused) if within => {
                if let Some(denied) = Recorded::denied(refused, time, principal) {
                    each(denied)?;
                }
            }
            Event::CapabilityDenied(denied) => {
                if let Some(call) = open.get_mut(&denied.call) {
                    call.denials += 1;
                }
            }
            Event::CallEnded(ended) => {
                if let Some(mut call) = open.remove(&ended.call) {
                    call.ended = Some(ended.into());
                    each(call)?;
                }
            }
            _ => {}
        }
    }
    let mut unended: Vec<Recorded> = open.into_values().collect();
    unended.sort_by_key(|call| call.call);
    unended.into_iter().try_for_each(each)?;
    Ok(looked)
}

impl Recorded {
    fn allowed(decided: CallDecided, time: SystemTime, principal: Option<PrincipalId>) -> Self {
        let CallDecided {
            access,
            approval,
            call,
            ceiling,
            labels,
            limits,
            parent,
            policy,
            risk,
            route,
            rule,
            tool,
            version,
            ..
        } = decided;
        let labels = labels::labels(&labels);
        let by = access.as_ref().map(|access| access.by.clone()).unwrap_or_default();
        let inputs = Some(Inputs { version, ceiling, policy, access: access.as_ref().and_then(access_inputs), labels });
        let decided = Decided::Allowed { rule, limits, by };
        let (route, approved, is_child) = (route.map(Box::new), approval.is_some(), parent.is_some());
        let ended = None;
        Self { call, principal, time, tool, inputs, decided, ended, denials: 0, risk, approved, route, is_child }
    }

    /// A call that policy denied; nothing for other refusals, which are no decisions, and for calls that no choice of a
    /// route took, which had no tool.
    fn denied(refused: CallRefused, time: SystemTime, principal: Option<PrincipalId>) -> Option<Self> {
        let CallRefused { access, call, ceiling, code, labels, parent, policy, rule, tool, version, .. } = refused;
        if code != Code::Denied {
            return None;
        }
        let access = access.as_ref().and_then(access_inputs);
        let labels = labels::labels(&labels);
        let inputs = (|| Some(Inputs { version: version?, ceiling: ceiling?, policy: policy?, access, labels }))();
        let decided = Decided::Denied { rule: rule? };
        let (call, tool, is_child) = (call?, tool?, parent.is_some());
        let (ended, risk, route) = (None, None, None);
        let approved = false;
        Some(Self { call, principal, time, tool, inputs, decided, ended, denials: 0, risk, approved, route, is_child })
    }
}

fn access_inputs(access: &DecidedAccess) -> Option<AccessInputs> {
    let DecidedAccess { awaits, hour, platform, recalled, tenant, weekday, .. } = access;
    let recalled = match recalled.as_deref() {
        None => None,
        Some("platform") => Some(RecalledBy::Platform),
        Some(_) => Some(RecalledBy::Tenant),
    };
    let moment = Moment::parse(weekday, *hour)?;
    Some(AccessInputs { platform: *platform, tenant: *tenant, moment, recalled, awaits: *awaits })
}

impl From<CallEnded> for Ended {
    fn from(ended: CallEnded) -> Self {
        let CallEnded { fuel, memory_bytes, duration_us, uses, uses_left_out, .. } = ended;
        Self { fuel, memory_bytes, duration_us, uses: uses.filter(|_| uses_left_out == 0) }
    }
}
