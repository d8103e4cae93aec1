//! Which calls wait for somebody's word, and for how long. Pure.

use std::time::Duration;

use super::pattern::Pattern;
use super::rows::{At, File, Source};
use super::{Ceiling, Policy};
use crate::id::PackageRef;
use crate::routed::Level;

/// How long one waits for a decision, and then for its use, where neither file says.
const TIME_DEFAULT: Duration = Duration::from_secs(3_600);

/// `[approval]` of either file.
#[derive(Debug, Clone, Default)]
pub(super) struct ApprovalRules {
    pub(super) line: Option<usize>,
    /// From which risk on; absent: none does for its risk.
    pub(super) from_risk: Option<At<Level>>,
    /// Packages whose calls wait whatever their risk.
    pub(super) tools: Vec<At<Pattern>>,
    /// Packages whose calls do not wait for their risk.
    pub(super) except: Vec<Pattern>,
    pub(super) time: Option<At<Duration>>,
}

impl ApprovalRules {
    /// The rule that wants a call approved.
    fn wants(&self, file: File, package: &PackageRef, risk: Level) -> Option<String> {
        let named = |line, what| Some(Source { file, line, what }.to_string());
        if let Some(at) = self.tools.iter().find(|at| at.value.matches(package)) {
            return named(at.line, format!("approval.tools \"{}\"", at.value));
        }
        let at = self.from_risk.as_ref().filter(|at| risk >= at.value)?;
        let excepted = self.except.iter().any(|pattern| pattern.matches(package));
        if excepted { None } else { named(at.line, format!("approval.from_risk = \"{}\"", at.value)) }
    }

    /// What it says, in words; nothing where it wants nothing.
    pub(super) fn words(&self) -> Vec<String> {
        let list = |patterns: &mut dyn Iterator<Item = &Pattern>| {
            patterns.map(ToString::to_string).collect::<Vec<_>>().join(" and ")
        };
        let mut words = Vec::new();
        if let Some(at) = &self.from_risk {
            let but = match self.except.is_empty() {
                true => String::new(),
                false => format!(", but of {}", list(&mut self.except.iter())),
            };
            words.push(format!("calls from risk {} on wait for approval{but}", at.value));
        }
        if !self.tools.is_empty() {
            words.push(format!("calls of {} wait for approval", list(&mut self.tools.iter().map(|at| &at.value))));
        }
        words
    }
}

/// The rules that want a call of `package` approved which could bring about so much, the ceiling's first; none: it does not
/// wait.
pub fn approval(ceiling: &Ceiling, policy: &Policy, package: &PackageRef, risk: Level) -> Vec<String> {
    let (platform, tenant) = (&ceiling.rules().host.approval, &policy.rules().approval);
    let platform = platform.wants(ceiling.file, package, risk);
    platform.into_iter().chain(tenant.wants(File::Policy, package, risk)).collect()
}

/// How long an approval waits for a decision, and a call that is approved for being made: the shorter of what both files say.
pub fn approval_time(ceiling: &Ceiling, policy: &Policy) -> Duration {
    let (platform, tenant) = (&ceiling.rules().host.approval, &policy.rules().approval);
    let stated = [platform, tenant].into_iter().filter_map(|rules| rules.time.as_ref()).map(|at| at.value).min();
    stated.unwrap_or(TIME_DEFAULT)
}
