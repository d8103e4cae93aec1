//! What surrounds a running call: its decision before it, its outcome behind it, however it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio_util::task::TaskTracker;

use super::call::CallEvent;
use super::children::{CallTree, ChildPass, Kinship};
use super::payload::Keeper;
use super::watch::Watcher;
use crate::admission::Pass;
use crate::admission::budget::{self, Reservation};
use crate::audit::entry::{CallDecided, CallEnded, CapabilityDenied, Mac, ModelConsidered, ModelRequested, Outcome};
use crate::audit::{Audit, Event, Position};
use crate::capability::call::UsedBelow;
use crate::capability::effects::{DeniedUse, EffectUsage, Effects, Flow, GuestEvent, ModelRequest, Witness};
use crate::engine::output::ToolOutput;
use crate::engine::{Meter, MeterHold, Usage};
use crate::error::{Code, Result};
use crate::id::{CallId, PrincipalId, TenantId};
use crate::snapshot::{Caller, DigestKey};

/// How long the store of a call that was given up may take to go: a guest gives way after each slice of fuel.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// A call whose decision is in the journal and whose outcome is not yet. Dropped before its end, the call was given up:
/// its outcome is recorded as `cancelled` once its store is gone and its usage is known.
pub(super) struct Record {
    entries: Arc<Entries>,
    effects: Arc<Effects>,
    meter: Arc<Meter>,
    started: Instant,
    tasks: TaskTracker,
    /// What the call holds until its outcome.
    held: Option<Held>,
    kinship: Kinship,
    /// What keeps the call's payload, until it has.
    keeper: Option<Box<Keeper>>,
}

/// What a call holds until its outcome is in the record: room on the host, and in the budgets.
pub(super) struct Held {
    pub(super) room: Room,
    pub(super) reservation: Reservation,
}

/// Room that a call holds.
pub(super) enum Room {
    /// Its own.
    Own(Pass),
    /// Of a call that another call made.
    Child { _pass: ChildPass },
}

/// What was below a call.
pub(super) struct Below {
    /// How many calls it made, with those that these made.
    pub(super) calls: u64,
    /// What they used.
    pub(super) used: UsedBelow,
    /// As many of them as are shown.
    pub(super) tree: CallTree,
}

impl Below {
    fn of(kinship: &Kinship) -> Self {
        let (calls, used) = kinship.below();
        let tree = kinship.branch.as_ref().map(|branch| branch.take()).unwrap_or_default();
        Self { calls, used, tree }
    }
}

/// The call's place in the record, shared with its capabilities.
struct Entries {
    audit: Audit,
    tenant: TenantId,
    principal: PrincipalId,
    call: CallId,
    /// Whether a tool made it.
    is_child: bool,
    decided: Position,
    /// Keys the digests of what goes to models and comes back.
    digest_key: DigestKey,
    watcher: Option<Watcher>,
}

impl Record {
    /// Puts the decision into the journal. It is durable once [`Record::durable`] says so.
    #[expect(clippy::too_many_arguments, reason = "it surrounds all of a call")]
    pub(super) fn begin(
        audit: &Audit,
        tasks: &TaskTracker,
        caller: &Caller,
        decided: CallDecided,
        watcher: Option<Watcher>,
        (held, kinship): (Held, Kinship),
        keeper: Option<Box<Keeper>>,
        flow: Option<Arc<dyn Flow>>,
    ) -> Result<Self> {
        let (tenant, principal, call) = (caller.tenant.id.clone(), caller.principal.id, decided.call);
        let is_child = decided.parent.is_some();
        let position = audit.append(&tenant, Some(principal), &decided.into())?;
        let (audit, digest_key) = (audit.clone(), caller.tenant.digest_key.clone());
        let entries =
            Arc::new(Entries { audit, tenant, principal, call, is_child, decided: position, digest_key, watcher });
        let effects = Arc::new(Effects::new(Arc::clone(&entries) as Arc<dyn Witness>).under(flow));
        let meter = Arc::new(Meter::default());
        Ok(Self {
            entries,
            effects,
            meter,
            started: Instant::now(),
            tasks: tasks.clone(),
            held: Some(held),
            kinship,
            keeper,
        })
    }

    pub(super) fn effects(&self) -> &Arc<Effects> {
        &self.effects
    }

    /// For the call, which is waited for from then on.
    pub(super) fn meter(&self) -> MeterHold {
        self.meter.hold()
    }

    /// Waits until every call that it made is in the record. Its store has to be gone.
    pub(super) async fn alone(&self) {
        self.kinship.alone().await;
    }

    /// Waits until the decision is on disk.
    pub(super) async fn durable(&self) -> Result<()> {
        self.entries.decided().await
    }

    /// Keeps the call's payload, where its tenant has that done.
    pub(super) async fn keep(&mut self, result: Option<&ToolOutput>) -> Result<()> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let kept = keeper.keep(result).await;
        self.keeper = None;
        kept
    }

    /// Puts the outcome into the journal and waits until it is on disk: then, and only then, may anyone be told.
    pub(super) async fn end(
        mut self,
        usage: Usage,
        outcome: Outcome,
        result: Option<(Mac, u64)>,
    ) -> Result<(EffectUsage, Below)> {
        let effects = self.effects.usage();
        let below = Below::of(&self.kinship);
        // Taken here, so that dropping this future from here on does not record a second outcome.
        let held = self.held.take();
        let position = self.entries.ended(held, &self.meter, usage, &self.effects, &below, outcome, result)?;
        // Whoever made it waits until it is on disk, and not until it is told.
        if let Some(member) = self.kinship.member.take() {
            member.ended(outcome, usage, self.meter.busy(), &below);
        }
        self.entries.audit.durable(position).await?;
        Ok((effects, below))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let (entries, effects, meter) = (Arc::clone(&self.entries), Arc::clone(&self.effects), Arc::clone(&self.meter));
        let (started, keeper) = (self.started, self.keeper.take());
        let kinship = std::mem::replace(&mut self.kinship, Kinship::none());
        let end = move |mut kinship: Kinship| {
            let below = Below::of(&kinship);
            let usage = Usage { fuel: meter.fuel(), memory_bytes: meter.memory_bytes(), duration: started.elapsed() };
            let outcome = Outcome::Failed(Code::Cancelled);
            if let Err(error) = entries.ended(Some(held), &meter, usage, &effects, &below, outcome, None) {
                // The journal has failed and the host is ending: the next start closes this call as interrupted.
                tracing::error!(call = %entries.call, ?error, "the outcome of a call that was given up is not recorded");
            }
            if let Some(member) = kinship.member.take() {
                member.ended(outcome, usage, meter.busy(), &below);
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let meter = Arc::clone(&self.meter);
                let settle = async move {
                    // A guest thread drops the store at its next turn; what it used is known then.
                    let _ = tokio::time::timeout(SETTLE_MAX, meter.settled()).await;
                    // With it went every call that it had made; each settles in the same way.
                    let _ = tokio::time::timeout(SETTLE_MAX, kinship.alone()).await;
                    // Leaving is no way around having one's arguments kept.
                    if let Some(keeper) = keeper
                        && let Err(error) = keeper.keep(None).await
                    {
                        tracing::error!(?error, "the payload of a call that was given up is not kept");
                    }
                    end(kinship);
                };
                self.tasks.spawn_on(settle, &runtime);
            }
            Err(_) => end(kinship),
        }
    }
}

impl Entries {
    /// Puts the outcome into the journal, and settles what the call held with it.
    #[expect(clippy::too_many_arguments, reason = "an entry has as many members")]
    fn ended(
        &self,
        held: Option<Held>,
        meter: &Meter,
        usage: Usage,
        effects: &Effects,
        below: &Below,
        outcome: Outcome,
        result: Option<(Mac, u64)>,
    ) -> Result<Position> {
        let (done, used) = (effects.usage(), effects.uses());
        let ended = CallEnded {
            call: self.call,
            child_calls: below.calls,
            child_fuel: below.used.fuel,
            duration_us: u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX),
            files_bytes_written: done.files_bytes_written,
            fuel: usage.fuel,
            http_received_bytes: done.http_received_bytes,
            http_requests: done.http_requests,
            http_sent_bytes: done.http_sent_bytes,
            kv_operations: done.kv_operations,
            labels: effects.brought(),
            memory_bytes: usage.memory_bytes,
            model_cost: done.model_cost.as_billionths(),
            model_input_tokens: done.model_input_tokens,
            model_output_tokens: done.model_output_tokens,
            model_requests: done.model_requests,
            outcome,
            result: result.map(|(mac, _)| mac),
            result_bytes: result.map_or(0, |(_, bytes)| bytes),
            uses: Some(used.uses),
            uses_left_out: used.left_out,
        };
        let spent = budget::used(&ended, self.is_child);
        let position = self.audit.append(&self.tenant, Some(self.principal), &ended.into());
        if let Some(Held { room, reservation }) = held {
            reservation.settle(&spent);
            // Calls below it waited in no line: their time is its own.
            if let Room::Own(mut pass) = room {
                pass.spent(meter.busy() + below.used.busy, meter.delay());
            }
        }
        position
    }
}

impl Witness for Entries {
    fn decided(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.audit.durable(self.decided))
    }

    fn denied(&self, denied: DeniedUse) {
        let DeniedUse { capability, action, rule, nearest } = denied;
        let event =
            Event::from(CapabilityDenied { action, call: self.call, capability: capability.to_owned(), nearest, rule });
        if let Err(error) = self.audit.append(&self.tenant, Some(self.principal), &event) {
            // The outcome will not be recorded either, so the call's result is never seen.
            tracing::error!(call = %self.call, ?error, "a denied use is not recorded");
        }
    }

    fn model_requested(&self, request: ModelRequest) {
        let ModelRequest { route, facts, decision, attempts, outcome, tokens, cost, request, answer } = request;
        let considered = decision.considered.into_iter().map(|choice| ModelConsidered {
            model: choice.model,
            provider: choice.provider,
            reason: choice.reason,
            taken: choice.taken,
        });
        let keyed = |digest: [u8; 32]| self.digest_key.digest([digest.as_slice()]);
        let [input_tokens, output_tokens] = tokens;
        let event = Event::from(ModelRequested {
            answer: answer.map(keyed),
            attempts,
            budget_left_ppm: facts.budget_left_ppm,
            call: self.call,
            complexity: facts.complexity,
            considered: considered.collect(),
            cost,
            cost_left: facts.cost_left,
            downgrade: decision.downgrade,
            input_tokens,
            input_tokens_estimate: facts.input_tokens,
            input_tokens_max: facts.input_tokens_max,
            kind: facts.kind.as_str().to_owned(),
            outcome: outcome.to_owned(),
            output_tokens,
            output_tokens_max: facts.output_tokens_max,
            request: keyed(request),
            risk: facts.risk,
            route,
            tokens_left: facts.tokens_left,
        });
        if let Err(error) = self.audit.append(&self.tenant, Some(self.principal), &event) {
            // As with a denied use.
            tracing::error!(call = %self.call, ?error, "a request to a model is not recorded");
        }
    }

    fn event(&self, event: GuestEvent) {
        if let Some(watcher) = &self.watcher {
            watcher.show(CallEvent::Guest(event));
        }
    }
}
