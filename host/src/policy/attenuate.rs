//! What a call holds that another call makes: what was decided of it, and of that what its caller holds, kind by kind.
//!
//! A further layer below the three of a decision, and like those it only takes away.

use std::sync::Arc;

use super::call::Passing;
use super::decide::{Allowed, Denied, Subject};
use super::grant::{FilesGrant, Grant, GrantKind, Grants, KvGrant, SCRATCH};
use crate::limits::CallLimits;

/// What a call holds that makes another.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Its grants.
    pub grants: Arc<Grants>,
    /// Its limits.
    pub limits: Arc<CallLimits>,
}

impl Allowed {
    /// The same for a call of `subject` that is made by one which holds `above`.
    ///
    /// # Errors
    ///
    /// When there is nothing left of something that the package requires.
    pub fn under(&self, subject: &Subject<'_>, above: &Holding, passing: Passing) -> Result<Self, Denied> {
        let (grants, limits) = match passing {
            Passing::Own => (Arc::clone(&self.grants), shared(&self.limits, &above.limits)),
            Passing::Caller => (Arc::new(self.grants.under(&above.grants)), self.limits.min(&above.limits)),
        };
        let child_depth = limits.child_depth.min(above.limits.child_depth.saturating_sub(1));
        let limits = Arc::new(CallLimits { child_depth, ..limits });
        match subject.needs.required.iter().find(|kind| !grants.holds(**kind)) {
            Some(kind) => Err(missing(subject, *kind)),
            None => Ok(Self { rule: self.rule.clone(), grants, limits, withheld: self.withheld.clone() }),
        }
    }
}

fn missing(subject: &Subject<'_>, kind: GrantKind) -> Denied {
    let package = subject.package;
    Denied {
        reason: format!("{package} requires {kind}, which the call that makes this one does not hold"),
        rule: format!("default: a call holds no more {kind} than the call that makes it"),
        nearest: None,
        remedy: format!(
            "grant the same {kind} to the package that calls it, or let {package} hold its own: \
             call = [{{ tool = \"{package}\", grants = \"own\" }}]"
        ),
    }
}

/// The limits that a call shares with those above it, the tighter of each; the others are its own.
fn shared(own: &CallLimits, above: &CallLimits) -> CallLimits {
    let tighter = own.min(above);
    CallLimits {
        fuel: tighter.fuel,
        deadline: tighter.deadline,
        memory_bytes: tighter.memory_bytes,
        child_calls: tighter.child_calls,
        child_depth: tighter.child_depth,
        child_parallel: tighter.child_parallel,
        ..own.clone()
    }
}

impl Grants {
    /// What both have.
    fn under(&self, above: &Self) -> Self {
        let kv = self.kv.iter().filter_map(|grant| {
            let other = above.kv.iter().find(|other| other.bucket == grant.bucket)?;
            Some(Grant::new(KvGrant {
                bucket: grant.bucket.clone(),
                access: grant.access.min(other.access),
                bytes_max: grant.bytes_max.min(other.bytes_max),
                keys_max: grant.keys_max.min(other.keys_max),
            }))
        });
        let prompts = self.prompt.iter().filter(|(name, _)| above.prompt.contains_key(*name));
        let config = self.config.iter().filter(|(key, value)| above.config.get(*key) == Some(value));
        Self {
            kv: kv.collect(),
            files: self.files.iter().filter_map(|grant| volume(grant, &above.files)).collect(),
            http: self.http.as_ref().zip(above.http.as_ref()).map(|(own, above)| Grant::new(own.within(above))),
            clock: Grant::new((*self.clock).min(*above.clock)),
            random: Grant::new((*self.random).min(*above.random)),
            // More is kept from the less severe level on.
            log: self.log.as_ref().zip(above.log.as_ref()).map(|(own, above)| Grant::new((**own).max(**above))),
            config: Grant::new(Arc::new(config.map(|(key, value)| (key.clone(), value.clone())).collect())),
            call: self.call.as_ref().zip(above.call.as_ref()).map(|(own, above)| Grant::new(own.within(above))),
            model: self
                .model
                .as_ref()
                .zip(above.model.as_ref())
                .map(|(own, above)| Grant::new(Arc::new(own.within(above)))),
            prompt: Grant::new(Arc::new(prompts.map(|(name, text)| (name.clone(), Arc::clone(text))).collect())),
        }
    }
}

/// A volume that both have, each where it finds it; a folder of the call's own where both may have one.
fn volume(grant: &FilesGrant, above: &[Grant<FilesGrant>]) -> Option<Grant<FilesGrant>> {
    let same = above.iter().filter(|other| other.volume == grant.volume);
    // Of folders of its own the caller can have several: the most of what one of them may hold.
    let other =
        if grant.volume == SCRATCH { same.max_by_key(|other| other.bytes_max) } else { same.into_iter().next() }?;
    Some(Grant::new(FilesGrant {
        volume: grant.volume.clone(),
        mount: grant.mount.clone(),
        access: grant.access.min(other.access),
        bytes_max: grant.bytes_max.min(other.bytes_max),
        files_max: grant.files_max.min(other.files_max),
    }))
}
