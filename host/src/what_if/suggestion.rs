//! The smallest grant that covers what calls of a package really used, with what it rests on and what was not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::{self, Bounds, Decided, Looked, Recorded, Span};
use crate::audit::Entry;
use crate::error::{Code, Error, Result};
use crate::id::{PackageRef, ToolName};
use crate::policy::{self, Decision, GrantKind, Grants, Policy, Smallest};
use crate::snapshot::{Caller, PackageVersion, decide};
use crate::uses::CapabilityUse;

/// Different uses that are told and covered; a policy has room for about as many.
const USES_MAX: usize = 1_000;
/// What they take in words, in bytes: half of what a policy's text may.
const USES_BYTES_MAX: usize = Policy::TEXT_BYTES_MAX / 2;
/// What a use takes in a policy beside its words.
const USE_BYTES: usize = 60;
/// Things that a note names.
const NAMED_MAX: usize = 5;

/// A grant for a package, and what it rests on. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suggestion {
    /// The package: rules are for whole packages.
    pub package: PackageRef,
    /// Lines for a policy, TOML; a policy by themselves, too.
    pub text: String,
    /// Calls that it rests on: those of the span that were let in, and whose uses are all recorded.
    pub calls: u64,
    /// Calls by tool; one that was not called is there with none.
    pub tools: Vec<CallsOf>,
    /// What was used, and by how many calls.
    pub uses: Vec<UseCount>,
    /// The most that one call took.
    pub most: Most,
    /// Calls that were let in and are not covered, because nobody knows what they used: running now, ended by a crash,
    /// or with more uses than an entry has room for.
    pub uses_unknown: u64,
    /// Uses that calls were denied while they ran. They are not covered.
    pub denials: u64,
    /// What was not seen, and what to mind.
    pub notes: Vec<String>,
}

/// Calls of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallsOf {
    /// The tool.
    pub tool: ToolName,
    /// Its calls.
    pub calls: u64,
}

/// A use, and how many calls made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UseCount {
    /// The use.
    #[serde(rename = "use")]
    pub used: CapabilityUse,
    /// Calls with it.
    pub calls: u64,
}

/// The most that one call took: for whoever chooses limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Most {
    /// Units of fuel.
    pub fuel: u64,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// From its start to its end, in microseconds.
    pub duration_us: u64,
}

/// Finds the grant for `package`, which the tenant of `caller` can see.
///
/// # Errors
///
/// `not-found` without such a package; `conflict` where no policy could hold the grant; when the record cannot be read.
pub fn suggest(
    caller: &Caller,
    package: &PackageRef,
    entries: impl Iterator<Item = Result<Entry>>,
    (span, bounds): (Span, Bounds),
) -> Result<(Suggestion, Looked)> {
    let known = caller.package(package)?;
    let mut seen = Seen::default();
    let looked = history::calls(entries, span, bounds, |recorded| {
        if recorded.tool.package == *package {
            seen.take(recorded);
        }
        Ok(())
    })?;
    // Calls of the present version are to be let in as well.
    let versions: Vec<&Arc<PackageVersion>> =
        known.versions.values().filter(|one| seen.versions.contains(&one.version)).chain(known.current()).collect();
    let present = known.current().map(|version| {
        let ceiling = &caller.platform.ceiling;
        decide(ceiling, &caller.tenant.policy, package, version)
    });
    let present = match &present {
        Some(Decision::Allowed(allowed)) => Some(&*allowed.grants),
        _ => None,
    };
    Ok((seen.suggestion(caller, package, &versions, present)?, looked))
}

/// What the calls were like.
#[derive(Default)]
struct Seen {
    calls: u64,
    tools: BTreeMap<ToolName, u64>,
    versions: BTreeSet<Version>,
    uses: BTreeMap<CapabilityUse, u64>,
    uses_bytes: usize,
    uses_left_out: u64,
    most: Most,
    unknown: u64,
    denials: u64,
}

impl Seen {
    fn take(&mut self, recorded: Recorded) {
        let Recorded { tool, inputs, decided: Decided::Allowed { .. }, ended, denials, .. } = recorded else { return };
        self.denials += denials;
        self.versions.extend(inputs.map(|inputs| inputs.version));
        let Some(ended) = ended else { return self.unknown += 1 };
        self.most.fuel = self.most.fuel.max(ended.fuel);
        self.most.memory_bytes = self.most.memory_bytes.max(ended.memory_bytes);
        self.most.duration_us = self.most.duration_us.max(ended.duration_us);
        let Some(uses) = ended.uses else { return self.unknown += 1 };
        self.calls += 1;
        *self.tools.entry(tool).or_default() += 1;
        for used in uses {
            if let Some(calls) = self.uses.get_mut(&used) {
                *calls += 1;
                continue;
            }
            let bytes = self.uses_bytes + used.to_string().len() + USE_BYTES;
            if self.uses.len() < USES_MAX && bytes <= USES_BYTES_MAX {
                self.uses_bytes = bytes;
                self.uses.insert(used, 1);
            } else {
                self.uses_left_out += 1;
            }
        }
    }

    fn suggestion(
        mut self,
        caller: &Caller,
        package: &PackageRef,
        versions: &[&Arc<PackageVersion>],
        present: Option<&Grants>,
    ) -> Result<Suggestion> {
        for tool in versions.last().into_iter().flat_map(|version| version.tools.keys()) {
            self.tools.entry(ToolName::new(package.clone(), tool.clone())).or_default();
        }
        let required: BTreeSet<GrantKind> =
            versions.iter().flat_map(|version| &version.needs.required).copied().collect();
        let smallest = policy::smallest(package, self.uses.keys(), &required, present);
        let text = headed(package, self.calls, &smallest);
        if text.len() > Policy::TEXT_BYTES_MAX {
            let most = Policy::TEXT_BYTES_MAX;
            return Err(Error::new(
                Code::Conflict,
                format!("a grant for {package} would be longer than a policy may be"),
            )
            .next("ask about a shorter time")
            .fact("maximum", most)
            .fact("used", text.len()));
        }
        let written = Policy::parse(&text)
            .map_err(|error| Error::internal(format_args!("a suggestion for {package} is no policy: {error}")))?;
        let mut notes = self.notes(&smallest, versions);
        // It names routes to models and prompts that the policy in force has.
        notes.extend(self.withheld(caller, package, versions, &written.beside(&caller.tenant.policy)));
        let elsewhere = caller.tenant.policy.rows_of(package);
        if !elsewhere.is_empty() {
            let rows = named(elsewhere);
            notes.push(format!("grants add up: what {rows} gives to {package} stays until it is taken out there"));
        }
        Ok(Suggestion {
            package: package.clone(),
            text,
            calls: self.calls,
            tools: self.tools.into_iter().map(|(tool, calls)| CallsOf { tool, calls }).collect(),
            uses: self.uses.into_iter().map(|(used, calls)| UseCount { used, calls }).collect(),
            most: self.most,
            uses_unknown: self.unknown,
            denials: self.denials,
            notes,
        })
    }

    /// What was not seen, and what the lines leave out.
    fn notes(&self, smallest: &Smallest, versions: &[&Arc<PackageVersion>]) -> Vec<String> {
        let mut notes = Vec::new();
        if self.calls == 0 {
            notes.push("there was no call to rest on in this time: choose an earlier one".to_owned());
        }
        let idle = self.tools.iter().filter(|(_, calls)| **calls == 0).map(|(tool, _)| tool.to_string());
        let idle: Vec<String> = idle.collect();
        if !idle.is_empty() && self.calls > 0 {
            notes.push(format!("not called in this time, so that what they would use is not seen: {}", named(idle)));
        }
        let used: BTreeSet<GrantKind> = self.uses.keys().map(GrantKind::of).collect();
        let declared = versions.iter().flat_map(|version| &version.needs.optional);
        let unused: BTreeSet<&str> = declared.filter(|kind| !used.contains(kind)).map(|kind| kind.as_str()).collect();
        if !unused.is_empty() {
            notes.push(format!("declared and not used: {}", unused.into_iter().collect::<Vec<_>>().join(", ")));
        }
        if !smallest.formal.is_empty() {
            let kinds: Vec<&str> = smallest.formal.iter().map(|kind| kind.as_str()).collect();
            let kinds = kinds.join(", ");
            notes.push(format!(
                "required and not used: {kinds}; what stands there for it lets calls start and is of no use"
            ));
        }
        if !smallest.impossible.is_empty() {
            let uses = named(smallest.impossible.iter().map(ToString::to_string).collect());
            notes.push(format!("no rule can be for these beside the others, so that they are not covered: {uses}"));
        }
        if !smallest.valueless.is_empty() {
            let keys = named(smallest.valueless.iter().map(|key| format!("{key:?}")).collect());
            notes.push(format!("the policy in force has no value for these settings; fill them in: {keys}"));
        }
        if self.uses_left_out > 0 {
            notes.push("more different things were used than a policy can name; the rest is not covered".to_owned());
        }
        if self.unknown > 0 {
            notes.push(format!("of {} calls the record does not have all that they used", self.unknown));
        }
        if self.denials > 0 {
            notes.push(format!("calls were denied {} uses while they ran; these are not covered", self.denials));
        }
        notes
    }

    /// What the present ceiling, or a version's own needs, would not give whatever the policy says.
    fn withheld(
        &self,
        caller: &Caller,
        package: &PackageRef,
        versions: &[&Arc<PackageVersion>],
        written: &Policy,
    ) -> Vec<String> {
        let ceiling = &caller.platform.ceiling;
        let mut notes = BTreeSet::new();
        for version in versions {
            let of = &version.version;
            if let Decision::Denied(denied) = decide(ceiling, written, package, version) {
                notes.insert(format!("calls of version {of} would be denied all the same: {}", denied.rule));
                continue;
            }
            let subject = version.subject(package);
            let lost =
                self.uses.keys().filter_map(|used| Some((used, policy::lost(ceiling, written, &subject, used)?)));
            notes.extend(
                lost.take(NAMED_MAX).map(|(used, lost)| format!("version {of} could not {used}: {}", lost.rule)),
            );
        }
        notes.into_iter().collect()
    }
}

/// The lines, under what they are.
fn headed(package: &PackageRef, calls: u64, smallest: &Smallest) -> String {
    let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
    match smallest.text.as_str() {
        "" => format!("# {package}: {calls} used nothing that has to be granted.\n"),
        text => format!("# {package}: the least that covers what {calls} used.\n{text}"),
    }
}

/// Of many the first few.
fn named(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}
