//! A recorded call, run again: with what the record says of it, in a store without a world, and compared with how it
//! ended.
//!
//! `recall.rs` finds what the call ran with, `compare.rs` says what came of it. A replay has no effects: what its guest
//! asks of the host is answered from what was kept of the call, or not at all. What it holds, policy decides, anew, from
//! the texts that were in force then.

mod compare;
mod recall;

pub use self::recall::Past;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use futures::future::BoxFuture;
use semver::Version;

use self::compare::{Ran, Verdict, compare};
use self::recall::{Recalled, Unknown};
use super::{Router, digest};
use crate::access::Action;
use crate::audit::entry::{CallReplayed, Outcome, ReplayOutcome};
use crate::capability::effects::{Effects, Witness};
use crate::capability::model::ModelSetting;
use crate::capability::tape::Tape;
use crate::engine::{Meter, Run};
use crate::error::{Error, Result};
use crate::id::{CallId, Digest, ToolName};
use crate::policy::Priority;
use crate::snapshot::Caller;

/// What is asked for beside the call.
#[derive(Debug, Clone, Default)]
pub struct ReplayRequest {
    /// The arguments, as JSON text, where those that were kept are not to be used.
    pub arguments: Option<String>,
    /// Another version of the package, to see whether it would have done the same.
    pub version: Option<Version>,
}

/// What came of a replay.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The call.
    pub call: CallId,
    /// Its tool.
    pub tool: ToolName,
    /// The version that was to run again.
    pub version: Version,
    /// The component that was to; absent where there is no such version.
    pub component: Option<Digest>,
    /// Whether it did the same.
    pub outcome: ReplayOutcome,
    /// The first difference, or why nothing can be said. Nothing of a payload is in it.
    pub difference: Option<String>,
    /// Units of fuel that it used; absent where nothing ran.
    pub fuel: Option<u64>,
}

impl Router {
    /// Runs a call again and compares. Goes on to its end when whoever asked leaves: that it was done is recorded.
    ///
    /// # Errors
    ///
    /// `denied` without the scope auditor; `not-found` for a call that the tenant did not make, and where its arguments
    /// are neither kept nor given; `conflict` for one that has not ended or did not run.
    pub async fn replay(&self, caller: &Caller, call: CallId, request: ReplayRequest) -> Result<Replayed> {
        caller.may(Action::Replay)?;
        let past = self.past(caller, call).await?;
        self.replay_past(caller, past, request).await
    }

    /// The same for whoever has read the call in the tenant's record already, as it is done for many at once.
    ///
    /// # Errors
    ///
    /// As for [`Router::replay`].
    pub async fn replay_past(&self, caller: &Caller, past: Past, request: ReplayRequest) -> Result<Replayed> {
        caller.may(Action::Replay)?;
        self.ready()?;
        let (this, caller) = (self.clone(), self.0.snapshot.again(caller)?);
        let work = async move {
            let replayed = this.again(&caller, &past, request).await?;
            let event = CallReplayed {
                call: replayed.call,
                component: replayed.component,
                difference: replayed.difference.clone(),
                fuel: replayed.fuel,
                outcome: replayed.outcome,
            };
            let audit = &this.0.audit;
            audit.durable(audit.append(&caller.tenant.id, Some(caller.principal.id), &event.into())?).await?;
            Ok(replayed)
        };
        self.0.tasks.spawn(Box::pin(work)).await.map_err(Error::internal)?
    }

    async fn again(&self, caller: &Caller, past: &Past, request: ReplayRequest) -> Result<Replayed> {
        let decided = &past.decided;
        let version = request.version.as_ref().unwrap_or(&decided.version).clone();
        let found = match self.recall(caller, past, &version).await? {
            Ok(recalled) => {
                let (component, verdict, fuel) = self.run_again(caller, past, recalled, request.arguments).await?;
                (Some(component), verdict, fuel)
            }
            Err(Unknown { component, why }) => (component, Verdict::unknown(why), None),
        };
        let (component, Verdict { outcome, difference }, fuel) = found;
        Ok(Replayed { call: decided.call, tool: decided.tool.clone(), version, component, outcome, difference, fuel })
    }

    async fn run_again(
        &self,
        caller: &Caller,
        past: &Past,
        recalled: Recalled,
        arguments: Option<String>,
    ) -> Result<(Digest, Verdict, Option<u64>)> {
        let Recalled { resolved, allowed } = recalled;
        let (inner, decided, version) = (&self.0, &past.decided, &resolved.version);
        let component = *version.component();
        let (arguments, recording) = match self.kept(caller, past, &resolved, arguments).await? {
            Ok(kept) => kept,
            Err(verdict) => return Ok((component, verdict, None)),
        };
        let asked = self.asked(caller, &resolved.name(), Priority::Low);
        let mut pass = inner.admission.enter(&asked).await?;
        let loaded = inner.registry.load(&version.owner, &component).await?;
        let tape = Tape::replaying(recording);
        let meter = Arc::new(Meter::default());
        let run = Run {
            call: decided.call,
            tenant: caller.tenant.id.clone(),
            limits: Arc::clone(&allowed.limits),
            grants: Arc::clone(&allowed.grants),
            definition: resolved.tool.definition.name.clone(),
            arguments,
            // Where the clock was not frozen, what it showed is on the tape.
            frozen_time: decided.frozen_time.unwrap_or(UNIX_EPOCH),
            effects: Arc::new(Effects::new(Arc::new(Nobody))),
            weight: asked.plan.weight,
            meter: meter.hold(),
            // It sends nothing.
            secrets: Arc::default(),
            models: ModelSetting::default(),
            tape: Some(Arc::clone(&tape)),
            family: None,
        };
        let ended = inner.engine.run(&loaded, run).await;
        tape.settle().await;
        pass.spent(meter.busy(), meter.delay());
        let result = match ended.result {
            Ok(output) => self.checked_output(&caller.tenant.id, &resolved.tool, output).await,
            Err(error) => Err(error),
        };
        let (outcome, result) = match &result {
            Ok(output) => (Outcome::Ok, Some(digest::output(&caller.tenant.digest_key, output).0)),
            Err(error) => (Outcome::Failed(error.code()), None),
        };
        let fuel = ended.usage.fuel;
        let ran = Ran { outcome, result, fuel, is_same_component: component == decided.component };
        Ok((component, compare(&past.ended, &ran, &tape), Some(fuel)))
    }
}

/// Nobody keeps a record of what a replay is denied, or watches it.
struct Nobody;

impl Witness for Nobody {
    fn decided(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
