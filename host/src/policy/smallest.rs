//! The smallest grant that covers given uses, written as a policy writes it.

mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::grant::{Access, GrantKind, Grants, SCRATCH};
use crate::id::{PackageRef, SecretName};
use crate::uses::{CapabilityUse, Clock, LogLevel, Scheme, Touch};

/// Buckets, volumes or settings that one `[[grant]]` may name; what is more goes into another.
const ENTRIES_MAX: usize = 100;
/// What is granted so that calls start, by its name.
const UNUSED: &str = "unused";

/// Lines for a policy, and what they leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Smallest {
    /// One or more `[[grant]]`, TOML; empty where nothing has to be granted. Routes to models and prompts are the policy's
    /// own; what stands for one that is required and not used comes with the text.
    pub text: String,
    /// Kinds that the package requires and did not use: granted so that calls start, and of no use for anything.
    pub formal: Vec<GrantKind>,
    /// Uses that no rule can be written for, or that contradict others of an earlier policy.
    pub impossible: Vec<CapabilityUse>,
    /// Settings whose values are not known any more: written as empty texts.
    pub valueless: Vec<String>,
}

/// Writes what `package` has to be granted for `uses`, and for the kinds that it requires. Quotas and values of settings
/// are taken from what it holds at `present`.
pub fn smallest<'a>(
    package: &PackageRef,
    uses: impl IntoIterator<Item = &'a CapabilityUse>,
    required: &BTreeSet<GrantKind>,
    present: Option<&Grants>,
) -> Smallest {
    let mut writer = Writer { present, ..Writer::default() };
    // What is held now first: of two places of a volume that is the one to keep.
    let (held, others): (Vec<_>, Vec<_>) = uses.into_iter().partition(|used| writer.is_at_its_place(used));
    for used in held.into_iter().chain(others) {
        writer.take(used);
    }
    for kind in required {
        writer.require(*kind);
    }
    writer.write(package)
}

/// What is to be granted, kind by kind.
#[derive(Default)]
struct Writer<'a> {
    present: Option<&'a Grants>,
    buckets: BTreeMap<String, Access>,
    /// By their place.
    volumes: BTreeMap<String, (String, Access)>,
    requests: BTreeMap<Where, BTreeSet<String>>,
    /// What requests to a host left with, as a policy writes it.
    credentials: BTreeMap<(Scheme, String), String>,
    clock: Option<Clock>,
    random: bool,
    log: Option<LogLevel>,
    settings: BTreeMap<String, String>,
    /// Whether `config` is to be there even if it is empty.
    config: bool,
    calls: BTreeSet<PackageRef>,
    /// Routes to models, and prompts: each that was used and the policy has.
    models: BTreeSet<String>,
    prompts: BTreeSet<String>,
    done: Smallest,
}

/// What a request was to, but for its method.
type Where = (Scheme, String, u16, String);

impl Writer<'_> {
    /// Whether it is no use of a volume, or one of a volume where it is now.
    fn is_at_its_place(&self, used: &CapabilityUse) -> bool {
        let CapabilityUse::Files { mount: place, volume: name, .. } = used else { return true };
        let held = self.present.map(|grants| grants.files.as_slice()).unwrap_or_default();
        held.iter().any(|grant| grant.mount == *place && grant.volume == *name)
    }

    fn take(&mut self, used: &CapabilityUse) {
        match used {
            CapabilityUse::Clock { shows } => self.clock = self.clock.max(Some(*shows)),
            CapabilityUse::Random {} => self.random = true,
            CapabilityUse::Log { level } => {
                self.log = Some(self.log.map_or(*level, |least| least.min(*level)));
            }
            CapabilityUse::Config { key } => self.setting(key),
            CapabilityUse::Call { package } => _ = self.calls.insert(package.clone()),
            CapabilityUse::Kv { access, bucket } => {
                let wider = self.buckets.entry(bucket.clone()).or_insert(Access::ReadOnly);
                *wider = (*wider).max(access_for(*access));
            }
            CapabilityUse::Files { access, mount, volume } => {
                // A package has a volume at one place, and a place has one volume.
                // Scratch folders are as many as there are places for them.
                let other = |(place, (name, _)): (&String, &(String, Access))| {
                    (place == mount) != (name == volume) && !(name == SCRATCH && volume == SCRATCH)
                };
                if self.volumes.iter().any(other) {
                    self.done.impossible.push(used.clone());
                    return;
                }
                let (_, wider) = self.volumes.entry(mount.clone()).or_insert((volume.clone(), Access::ReadOnly));
                *wider = (*wider).max(access_for(*access));
            }
            CapabilityUse::Http { host, method, path, port, scheme } => {
                // A rule would take these words for patterns.
                if host.contains('*') || method.contains('*') {
                    self.done.impossible.push(used.clone());
                    return;
                }
                let place = (*scheme, host.clone(), *port, path.clone());
                self.requests.entry(place).or_default().insert(method.clone());
            }
            CapabilityUse::Secret { host, name, .. } => self.secret(used, host, name),
            CapabilityUse::Model { route, .. } => one_of(&mut self.models, route, used, &mut self.done),
            CapabilityUse::Prompt { name } => one_of(&mut self.prompts, name, used, &mut self.done),
        }
    }

    /// A secret goes where it goes now, as it goes now: how it went is in no record.
    fn secret(&mut self, used: &CapabilityUse, host: &str, name: &SecretName) {
        let held = self.present.and_then(|grants| grants.http.as_ref());
        match held.and_then(|grant| grant.sending(name, host)) {
            Some((scheme, credential)) => {
                self.credentials.insert((scheme, host.to_owned()), credential.to_string());
            }
            None => self.done.impossible.push(used.clone()),
        }
    }

    fn setting(&mut self, key: &str) {
        self.config = true;
        let value = self.present.and_then(|grants| grants.config.get(key)).cloned();
        if value.is_none() && !self.settings.contains_key(key) {
            self.done.valueless.push(key.to_owned());
        }
        self.settings.insert(key.to_owned(), value.unwrap_or_default());
    }

    /// Grants the least of a kind that a call does not start without, where nothing of it was used.
    fn require(&mut self, kind: GrantKind) {
        let missing = match kind {
            GrantKind::Http => self.requests.is_empty(),
            GrantKind::Kv => self.buckets.is_empty(),
            GrantKind::Files => self.volumes.is_empty(),
            GrantKind::Clock => self.clock.is_none(),
            GrantKind::Random => !self.random,
            GrantKind::Log => self.log.is_none(),
            GrantKind::Config => !self.config,
            GrantKind::Call => self.calls.is_empty(),
            GrantKind::Model => self.models.is_empty(),
            GrantKind::Prompt => self.prompts.is_empty(),
        };
        if !missing {
            return;
        }
        self.done.formal.push(kind);
        match kind {
            // No name is below `.invalid`, RFC 2606 says so.
            GrantKind::Http => {
                let place = (Scheme::Https, format!("{UNUSED}.invalid"), Scheme::Https.port(), "/".to_owned());
                self.requests.insert(place, BTreeSet::from(["GET".to_owned()]));
            }
            GrantKind::Kv => _ = self.buckets.insert(UNUSED.to_owned(), Access::ReadOnly),
            GrantKind::Files => {
                self.volumes.insert(format!("/{UNUSED}"), (UNUSED.to_owned(), Access::ReadOnly));
            }
            GrantKind::Clock => self.clock = Some(Clock::Coarse),
            GrantKind::Random => self.random = true,
            GrantKind::Log => self.log = Some(LogLevel::Critical),
            GrantKind::Config => self.config = true,
            // Of the tenant's own: there may be one of that name, which is then the tenant's to see to.
            GrantKind::Call => self.calls.extend(UNUSED.parse()),
            GrantKind::Model => _ = self.models.insert(UNUSED.to_owned()),
            GrantKind::Prompt => _ = self.prompts.insert(UNUSED.to_owned()),
        }
    }
}

/// Takes a name, of which one grant has as many as a list may have.
fn one_of(names: &mut BTreeSet<String>, name: &str, used: &CapabilityUse, done: &mut Smallest) {
    if names.contains(name) || names.len() < ENTRIES_MAX {
        names.insert(name.to_owned());
    } else {
        done.impossible.push(used.clone());
    }
}

const fn access_for(touch: Touch) -> Access {
    match touch {
        Touch::Read => Access::ReadOnly,
        Touch::Write => Access::ReadWrite,
    }
}

#[cfg(test)]
mod tests;
