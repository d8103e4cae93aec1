//! What a call really used, held against another policy: would it be granted again?

use super::answer::find;
use super::uses::Use;
use crate::policy::decide::Subject;
use crate::policy::grant::{Access, GrantKind, Random};
use crate::policy::http::Coverage;
use crate::policy::weigh::{Weighed, weigh};
use crate::policy::{Ceiling, Policy, words};
use crate::uses::{CapabilityUse, Touch};

/// A use that a policy would not grant, or perhaps not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The rule that decides.
    pub rule: String,
    /// Whether it is certain. Of a request the record has only the pattern that its path matched: a rule that covers a
    /// part of that pattern may cover the request or not.
    pub certain: bool,
}

/// Why calls of `subject` that start would not be granted `used`; nothing where they would.
pub fn lost(ceiling: &Ceiling, policy: &Policy, subject: &Subject<'_>, used: &CapabilityUse) -> Option<Lost> {
    let weighed = weigh(ceiling, policy, subject);
    let grants = &weighed.grants;
    let granted = match used {
        CapabilityUse::Http { .. } => return request(used, &weighed),
        CapabilityUse::Kv { access, bucket } => {
            grants.kv.iter().any(|grant| grant.bucket == *bucket && grant.access >= needed(*access))
        }
        CapabilityUse::Files { access, mount, volume } => {
            let held = |grant: &crate::policy::FilesGrant| grant.volume == *volume && grant.mount == *mount;
            grants.files.iter().any(|grant| held(grant) && grant.access >= needed(*access))
        }
        CapabilityUse::Clock { shows } => *grants.clock >= *shows,
        CapabilityUse::Random {} => *grants.random == Random::Secure,
        CapabilityUse::Log { level } => grants.log.as_ref().is_some_and(|least| **least <= *level),
        CapabilityUse::Config { key } => grants.config.contains_key(key),
        CapabilityUse::Model { route, .. } => {
            grants.model.as_ref().is_some_and(|grant| grant.routes.contains_key(route))
        }
        CapabilityUse::Prompt { name } => grants.prompt.contains_key(name),
        CapabilityUse::Call { package } => grants.call.as_ref().is_some_and(|grant| grant.decide(package).is_ok()),
        CapabilityUse::Secret { host, name, .. } => grants.http.as_ref().is_some_and(|grant| grant.sends(name, host)),
    };
    (!granted).then(|| Lost { rule: rule(used, &weighed), certain: true })
}

/// What policy calls what was done.
const fn needed(touch: Touch) -> Access {
    match touch {
        Touch::Read => Access::ReadOnly,
        Touch::Write => Access::ReadWrite,
    }
}

/// The rule by which `used` is not granted.
fn rule(used: &CapabilityUse, weighed: &Weighed<'_>) -> String {
    let package = weighed.layers.subject.package;
    let (kind, asked) = match used {
        CapabilityUse::Kv { access, bucket } => {
            (GrantKind::Kv, Use::Kv { bucket: bucket.clone(), access: needed(*access) })
        }
        CapabilityUse::Files { access, mount, volume } => {
            let (volume, path) = (Some(volume.clone()), Some(mount.clone()));
            (GrantKind::Files, Use::Files { volume, path, access: needed(*access) })
        }
        CapabilityUse::Clock { .. } => (GrantKind::Clock, Use::Clock {}),
        CapabilityUse::Random {} => (GrantKind::Random, Use::Random {}),
        CapabilityUse::Log { .. } => (GrantKind::Log, Use::Log {}),
        CapabilityUse::Config { .. } => (GrantKind::Config, Use::Config {}),
        CapabilityUse::Model { route, .. } => (GrantKind::Model, Use::Model { route: route.clone() }),
        CapabilityUse::Prompt { name } => (GrantKind::Prompt, Use::Prompt { name: name.clone() }),
        CapabilityUse::Call { package } => (GrantKind::Call, Use::Call { package: package.clone() }),
        CapabilityUse::Http { host, method, port, scheme, .. } => {
            let url = format!("{scheme}://{host}:{port}/");
            (GrantKind::Http, Use::Http { method: method.clone(), url })
        }
        CapabilityUse::Secret { host, name, .. } => {
            return format!("default: no http rule of the policy sends secret \"{name}\" to {host}");
        }
    };
    let found = find(&asked, weighed);
    if !found.allowed {
        return found.rule;
    }
    // Something of the kind is held, and it is less than what was used.
    let given = weighed.given.iter().find(|given| given.kind == kind);
    match used {
        CapabilityUse::Files { mount, volume, .. } => {
            format!("default: no [[grant]] gives volume {volume:?} at {mount} to {package}")
        }
        CapabilityUse::Config { key } => format!("default: no [[grant]] gives setting {key:?} to {package}"),
        _ => {
            given.map(|given| format!("{}: {}", words::rules(given.by.iter().cloned()), given.what)).unwrap_or_default()
        }
    }
}

fn request(used: &CapabilityUse, weighed: &Weighed<'_>) -> Option<Lost> {
    let CapabilityUse::Http { host, method, path, port, scheme } = used else { return None };
    let Some(grant) = &weighed.grants.http else {
        return Some(Lost { rule: rule(used, weighed), certain: true });
    };
    let [tenant, ceiling] = grant.covers(*scheme, host, *port, method, path);
    let (of, coverage) = if tenant <= ceiling { ("policy", tenant) } else { ("platform's ceiling", ceiling) };
    match coverage {
        Coverage::All => None,
        Coverage::Some => {
            Some(Lost { rule: format!("default: http rules of the {of} cover a part of these paths"), certain: false })
        }
        Coverage::None => Some(Lost { rule: format!("default: no http rule of the {of} allows it"), certain: true }),
    }
}
