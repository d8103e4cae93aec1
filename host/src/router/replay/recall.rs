//! What a recorded call ran with: from the record, from the texts of the policies that were in force then, and from what
//! was kept of its payload.

use std::sync::Arc;

use crate::audit::entry::{CallDecided, CallEnded, DecidedLimits, Event, Mac};
use crate::capability::tape::Recording;
use crate::engine::Class;
use crate::error::{Code, Error, Result};
use crate::id::{CallId, Digest, TenantId};
use crate::policy::route::kinds;
use crate::policy::{self, Allowed, Ceiling, Decision, Policy, Subject};
use crate::router::{Router, arguments};
use crate::snapshot::{Caller, Resolved};
use crate::storage::{KeptPayload, PayloadKind, Piece};

use super::compare::{Verdict, by_chance};
use semver::Version;

/// A call as the record has it.
#[derive(Debug, Clone)]
pub struct Past {
    /// What was decided of it.
    pub decided: CallDecided,
    /// How it ended.
    pub ended: CallEnded,
}

/// What it runs with.
#[derive(Debug)]
pub(super) struct Recalled {
    pub(super) resolved: Resolved,
    pub(super) allowed: Allowed,
}

/// Why a call cannot be run again so, and of which component that is said, where there is one.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) component: Option<Digest>,
    pub(super) why: String,
}

/// The arguments, and what the host answered, where that was recorded.
pub(super) type Kept = (String, Option<Recording>);

impl Router {
    /// The call as the tenant's record has it.
    pub(super) async fn past(&self, caller: &Caller, call: CallId) -> Result<Past> {
        let entries = self.0.logs.reading(&caller.tenant.id, move |log| log.find_call(call)).await?;
        if entries.is_empty() {
            return Err(Error::not_found("call", call));
        }
        let (mut decided, mut ended) = (None, None);
        for entry in entries {
            match entry.event {
                Event::CallDecided(event) => decided = Some(event),
                Event::CallEnded(event) => ended = Some(event),
                _ => {}
            }
        }
        match (decided, ended) {
            (Some(decided), Some(ended)) => Ok(Past { decided, ended }),
            (Some(_), None) => {
                Err(Error::new(Code::Conflict, format!("the call {call} has not ended")).next("replay it once it has"))
            }
            (None, _) => Err(Error::new(Code::Conflict, format!("the call {call} was not let in, so it did not run"))
                .next("cofferdam audit call shows why")),
        }
    }

    /// What the call ran with, of this version of its package; or why it cannot be run so again.
    pub(super) async fn recall(
        &self,
        caller: &Caller,
        past: &Past,
        version: &Version,
    ) -> Result<Result<Recalled, Unknown>> {
        let (decided, package) = (&past.decided, &past.decided.tool.package);
        let found = caller.package(package).ok().and_then(|found| found.versions.get(version).cloned());
        let component = found.as_ref().map(|found| *found.component());
        let unknown = |why: String| Ok(Err(Unknown { component, why }));
        if let Some(code) = by_chance(past.ended.outcome) {
            return unknown(format!("it ended as {code}, which does not follow from what it ran with"));
        }
        if let Some(parent) = decided.parent {
            let why = format!("the call {parent} made it, and what it ran with follows from that one: replay that");
            return unknown(why);
        }
        let engines = Class::ALL.map(|class| self.0.engine.compatibility(class));
        if !engines.contains(&decided.engine.as_str()) {
            return unknown(format!(
                "it ran on another engine, {}: a host of that version can replay it",
                decided.engine
            ));
        }
        let Some(found) = found else { return unknown(format!("there is no version {version} of {package}")) };
        let Some(tool) = found.tools.get(&decided.tool.definition).cloned() else {
            return unknown(format!("version {version} of {package} has no tool {}", decided.tool.definition));
        };
        let is_same = *version == decided.version;
        if is_same && *found.component() != decided.component {
            return unknown(format!("version {version} of {package} is another component than it was"));
        }
        if found.admission.inspection.class == Class::Async {
            let what =
                "it is a component of WASI 0.3, in which several things go on at once: in which order is not recorded";
            return unknown(what.to_owned());
        }
        let tenant = &caller.tenant.id;
        let Some(policy) = self.text_of(tenant, &decided.policy, Policy::default().digest()).await? else {
            return unknown(format!("the text of its policy, {}, is not kept", decided.policy));
        };
        let builtin = Ceiling::builtin();
        let Some(ceiling) = self.text_of(&TenantId::platform(), &decided.ceiling, builtin.digest()).await? else {
            return unknown(format!("the text of its ceiling, {}, is not kept", decided.ceiling));
        };
        let policy = policy.map_or_else(|| Ok(Policy::default()), |text| Policy::parse(&text));
        let ceiling = ceiling.map_or_else(|| Ok(builtin), |text| Ceiling::parse(&text));
        let (Ok(policy), Ok(ceiling)) = (policy, ceiling) else {
            return unknown("this host does not read the policy that was in force".to_owned());
        };
        let subject = Subject { package, needs: &found.needs, limits: &found.limits };
        let allowed = match policy::decide(&ceiling, &policy, &subject) {
            Decision::Allowed(allowed) if !is_same || DecidedLimits::from(&*allowed.limits) == decided.limits => {
                allowed
            }
            Decision::Allowed(_) => return unknown("this host gives it other limits than it had".to_owned()),
            Decision::Denied(denied) => return unknown(format!("it would not be let in: {}", denied.reason)),
        };
        // The choice of a route can go without some of it.
        let without = decided.route.as_ref().map(|route| kinds(route.without())).unwrap_or_default();
        let allowed = if without.is_empty() { allowed } else { allowed.without(&without) };
        let resolved = Resolved { package: package.clone(), version: found, tool };
        Ok(Ok(Recalled { resolved, allowed }))
    }

    /// The text of this digest; nothing where it is the one that needs no text; `None` where it is not kept.
    async fn text_of(&self, tenant: &TenantId, digest: &Digest, own: Digest) -> Result<Option<Option<String>>> {
        if *digest == own {
            return Ok(Some(None));
        }
        Ok(self.0.store.policy_text(tenant, digest).await?.map(Some))
    }

    /// The arguments that it ran with, as they are given or were kept, checked against the record; or what is to be said
    /// where they are not.
    pub(super) async fn kept(
        &self,
        caller: &Caller,
        past: &Past,
        resolved: &Resolved,
        given: Option<String>,
    ) -> Result<Result<Kept, Verdict>> {
        let (tenant, call) = (&caller.tenant, past.decided.call);
        let kept = self.0.payloads.read(&tenant.id, call).await?;
        let piece = |kind| kept.as_ref().and_then(|kept: &KeptPayload| kept.pieces.get(&kind));
        let text = match (&given, piece(PayloadKind::Arguments)) {
            (Some(given), _) => given.clone(),
            (None, Some(Piece::Whole(bytes))) => String::from_utf8(bytes.clone()).map_err(Error::internal)?,
            (None, Some(Piece::Altered)) => return Ok(Err(Verdict::unknown(altered("arguments")))),
            (None, Some(Piece::Missing) | None) => return Err(self.not_kept(&tenant.id, call).await?),
        };
        let arguments = arguments::parse(&resolved.tool.definition.name, &text)?;
        let text = arguments.to_string();
        let was: Mac = past.decided.arguments;
        let is = tenant.digest_key.digest([text.as_bytes()]);
        if is != was {
            return Ok(Err(Verdict::differs("the arguments' digest", was, is)));
        }
        // The call's own version took them; another one may not.
        let (definition, spelt) = (Arc::clone(&resolved.tool), text.clone());
        let check = move |effort| arguments::check(&definition, &spelt, effort);
        if self.0.checks.apart(&tenant.id, check).await.is_err() {
            return Ok(Err(Verdict::differs("the outcome", past.ended.outcome, Code::InvalidArguments)));
        }
        let recording = match piece(PayloadKind::Recording) {
            Some(Piece::Whole(bytes)) => match Recording::from_bytes(bytes) {
                Ok(recording) => Some(recording),
                Err(_) => {
                    return Ok(Err(Verdict::unknown("its host answers were recorded by another version of this host")));
                }
            },
            Some(Piece::Altered) => return Ok(Err(Verdict::unknown(altered("host answers")))),
            Some(Piece::Missing) => return Ok(Err(Verdict::unknown("there was no room to keep its host answers"))),
            None => None,
        };
        if let Some(why) = recording.as_ref().and_then(Recording::spoilt) {
            return Ok(Err(Verdict::unknown(why)));
        }
        Ok(Ok((text, recording)))
    }

    async fn not_kept(&self, tenant: &TenantId, call: CallId) -> Result<Error> {
        let what = match self.0.payloads.erased(tenant, call).await? {
            Some(at) => {
                format!("the payload of the call {call} was erased at {}", humantime::format_rfc3339_seconds(at))
            }
            None => format!("the arguments of the call {call} are not kept"),
        };
        Ok(Error::new(Code::NotFound, what).next("give the arguments yourself: they are checked against the record"))
    }
}

fn altered(what: &str) -> String {
    format!(
        "the {what} that lie there are not what this host kept of the call: they were altered, or put there from another one"
    )
}
