//! The one gate between a guest and the world: effects wait for the decision, are counted, and denials are witnessed.
//!
//! An effect is whatever somebody outside of the call could notice: a request, a read or a write of what outlives the
//! call, a line that the agent is shown while the tool runs. None of it happens before the call's decision is durable.

mod witness;

pub use self::witness::{DeniedUse, Flow, FlowDenied, GuestEvent, ModelRequest, Witness};

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::uses::{UsedInCall, Uses};
use crate::error::{Error, Result};
use crate::labels::Brought;
use crate::money::Money;
use crate::policy::{Clock, GrantKind, LogLevel};
use crate::uses::CapabilityUse;

/// Denials of one call that are recorded; a guest that goes on trying is only counted. Bounds how much of the record
/// one call can fill.
pub const DENIALS_RECORDED_MAX: u64 = 64;

/// What a call did to the world, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EffectUsage {
    /// Requests that left for the network.
    pub http_requests: u64,
    /// Bytes of request bodies.
    pub http_sent_bytes: u64,
    /// Bytes of response bodies.
    pub http_received_bytes: u64,
    /// Operations on buckets.
    pub kv_operations: u64,
    /// Bytes written to files.
    pub files_bytes_written: u64,
    /// Bytes of log lines that were kept.
    pub log_bytes: u64,
    /// Requests to models.
    pub model_requests: u64,
    /// Tokens of them.
    pub model_input_tokens: u64,
    /// Tokens of their answers.
    pub model_output_tokens: u64,
    /// What they cost.
    pub model_cost: Money,
    /// Uses that were denied, recorded or not.
    pub denials: u64,
}

/// The gate of one call: shared by its capabilities and by whoever settles the call afterwards.
pub struct Effects {
    witness: Arc<dyn Witness>,
    /// Where the tenant's policy has rules of flow.
    flow: Option<Arc<dyn Flow>>,
    /// The first use that those were against.
    flow_denied: OnceLock<FlowDenied>,
    decided: AtomicBool,
    http_requests: AtomicU64,
    http_sent_bytes: AtomicU64,
    http_received_bytes: AtomicU64,
    kv_operations: AtomicU64,
    files_bytes_written: AtomicU64,
    log_bytes: AtomicU64,
    model_requests: AtomicU64,
    model_input_tokens: AtomicU64,
    model_output_tokens: AtomicU64,
    /// In billionths.
    model_cost: AtomicU64,
    denials: AtomicU64,
    uses: Uses,
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects").field("usage", &self.usage()).finish_non_exhaustive()
    }
}

impl Effects {
    /// The gate of a call that `witness` keeps the record of.
    pub fn new(witness: Arc<dyn Witness>) -> Self {
        Self {
            witness,
            flow: None,
            flow_denied: OnceLock::new(),
            decided: AtomicBool::new(false),
            http_requests: AtomicU64::new(0),
            http_sent_bytes: AtomicU64::new(0),
            http_received_bytes: AtomicU64::new(0),
            kv_operations: AtomicU64::new(0),
            files_bytes_written: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            model_requests: AtomicU64::new(0),
            model_input_tokens: AtomicU64::new(0),
            model_output_tokens: AtomicU64::new(0),
            model_cost: AtomicU64::new(0),
            denials: AtomicU64::new(0),
            uses: Uses::default(),
        }
    }

    /// The same, under rules of flow.
    #[must_use]
    pub fn under(self, flow: Option<Arc<dyn Flow>>) -> Self {
        Self { flow, ..self }
    }

    /// That the rules of flow let a use happen: asked before anything of it does, and once its session has the labels that
    /// it brings. A denial is recorded.
    ///
    /// # Errors
    ///
    /// Where they do not.
    pub(super) fn pass(&self, used: impl FnOnce() -> CapabilityUse) -> std::result::Result<(), Against> {
        let Some(flow) = &self.flow else { return Ok(()) };
        let used = used();
        flow.pass(&used).map_err(|denied| self.against(GrantKind::of(&used), used.to_string(), denied))
    }

    /// The same where the answer comes later: it brings nothing before [`Effects::answered`].
    pub(super) fn ask(&self, used: &CapabilityUse) -> std::result::Result<(), Against> {
        let Some(flow) = &self.flow else { return Ok(()) };
        flow.ask(used).map_err(|denied| self.against(GrantKind::of(used), used.to_string(), denied))
    }

    /// What was asked about is answered. Before the guest has anything of the answer, an error among it.
    pub(super) fn answered(&self, used: &CapabilityUse) {
        if let Some(flow) = &self.flow {
            flow.answered(used);
        }
    }

    /// The same for what is under way through `kind`, `doing` what.
    pub(super) fn go_on(&self, kind: GrantKind, doing: impl FnOnce() -> String) -> std::result::Result<(), Against> {
        let Some(flow) = &self.flow else { return Ok(()) };
        flow.go_on(kind).map_err(|denied| self.against(kind, doing(), denied))
    }

    fn against(&self, kind: GrantKind, action: String, denied: FlowDenied) -> Against {
        let brought: Vec<String> = denied.brought.iter().map(ToString::to_string).collect();
        let rule = format!("{}: {}", denied.rule, brought.join(", "));
        self.deny(DeniedUse { capability: kind.as_str(), action, rule, nearest: None });
        // Of several the first: what came after it follows from it.
        let _ = self.flow_denied.set(denied);
        Against
    }

    /// The first use that rules of flow were against.
    pub fn flow_denied(&self) -> Option<&FlowDenied> {
        self.flow_denied.get()
    }

    /// The labels that the call brought to its session; absent where nothing asks for them.
    pub fn brought(&self) -> Option<Vec<Brought>> {
        self.flow.as_ref().map(|flow| flow.brought())
    }

    /// Awaited before any effect: comes back once the decision is durable. Costs one load after the first time.
    ///
    /// # Errors
    ///
    /// What the witness says of a record that cannot be written: then the effect may not happen.
    pub async fn before_effect(&self) -> Result<()> {
        if self.is_decided() {
            return Ok(());
        }
        self.witness.decided().await?;
        // Pairs with the load: whoever sees it also sees whatever the witness did before it said yes.
        self.decided.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether [`Effects::before_effect`] has come back once, for code that cannot wait.
    pub fn is_decided(&self) -> bool {
        self.decided.load(Ordering::Acquire)
    }

    /// Has a denial recorded, up to [`DENIALS_RECORDED_MAX`].
    pub fn deny(&self, denied: DeniedUse) {
        if self.denials.fetch_add(1, Ordering::Relaxed) < DENIALS_RECORDED_MAX {
            self.witness.denied(denied);
        }
    }

    /// A request to a model is over: counts what it came to, and has it recorded.
    pub(super) fn model_requested(&self, request: ModelRequest) {
        let [input, output] = request.tokens;
        for (counter, more) in [
            (&self.model_requests, 1),
            (&self.model_input_tokens, input),
            (&self.model_output_tokens, output),
            (&self.model_cost, request.cost.as_billionths()),
        ] {
            counter.fetch_add(more, Ordering::Relaxed);
        }
        self.witness.model_requested(request);
    }

    /// Shows `event` to whoever watches the call. An effect: only once [`Effects::before_effect`] has come back.
    pub(super) fn show(&self, event: GuestEvent) {
        debug_assert!(self.is_decided(), "an event before the decision");
        self.witness.event(event);
    }

    pub(super) fn add_http_request(&self) {
        self.http_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_http_sent_bytes(&self, bytes: u64) {
        self.http_sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_http_received_bytes(&self, bytes: u64) {
        self.http_received_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_kv_operations(&self, operations: u64) {
        self.kv_operations.fetch_add(operations, Ordering::Relaxed);
    }

    /// Counts bytes that are about to be written to files; not where the call would have written more than `most` then.
    pub(super) fn take_files_bytes(&self, bytes: u64, most: u64) -> bool {
        let more = |written: u64| written.checked_add(bytes).filter(|written| *written <= most);
        self.files_bytes_written.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Takes back what was counted and not written.
    pub(super) fn give_back_files_bytes(&self, bytes: u64) {
        self.files_bytes_written.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_log_bytes(&self, bytes: u64) {
        self.log_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A granted use happens: `made`, unless one of those noted `is` the same. Behind the gate, where there is one.
    pub(super) fn used(&self, is: impl Fn(&CapabilityUse) -> bool, made: impl FnOnce() -> CapabilityUse) {
        self.uses.note(is, made);
    }

    /// A granted use begins that can turn out to be denied: [`Effects::settle_use`] says so, or that it was not. Until
    /// then, and where nobody comes to say it, it counts.
    pub(super) fn using(&self, used: &CapabilityUse) {
        self.uses.begin(used);
    }

    /// Whether what began was granted after all.
    pub(super) fn settle_use(&self, used: &CapabilityUse, granted: bool) {
        self.uses.settle(used, granted);
    }

    /// The guest sees a clock that moves.
    pub(super) fn used_clock(&self, shows: Clock) {
        self.uses.note_clock(shows);
    }

    /// The guest gets random bytes that cannot be foreseen.
    pub(super) fn used_random(&self) {
        self.uses.note_random();
    }

    /// A line of this level is kept.
    pub(super) fn used_log(&self, level: LogLevel) {
        self.uses.note_log(level);
    }

    /// What was used so far of what was granted.
    pub fn uses(&self) -> UsedInCall {
        self.uses.all()
    }

    /// What was done so far.
    pub fn usage(&self) -> EffectUsage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EffectUsage {
            http_requests: read(&self.http_requests),
            http_sent_bytes: read(&self.http_sent_bytes),
            http_received_bytes: read(&self.http_received_bytes),
            kv_operations: read(&self.kv_operations),
            files_bytes_written: read(&self.files_bytes_written),
            log_bytes: read(&self.log_bytes),
            model_requests: read(&self.model_requests),
            model_input_tokens: read(&self.model_input_tokens),
            model_output_tokens: read(&self.model_output_tokens),
            model_cost: Money::billionths(read(&self.model_cost)),
            denials: read(&self.denials),
        }
    }
}

/// The rules of flow are against it, and that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Against;

/// Why a capability stopped the call: the error of the trap where the interface has no error of its own for it.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The call went past one of its limits.
    #[error("limit {which} exceeded: {limit}")]
    LimitExceeded {
        /// The limit, by its name in the policy.
        which: &'static str,
        /// What it is.
        limit: u64,
    },
    /// The record cannot be written, so the effect may not happen.
    #[error("audit unavailable: {0}")]
    AuditUnavailable(Error),
    /// A replay asked for what the tape does not say.
    #[error("the replay does not go on")]
    Replay,
}

#[cfg(test)]
pub(super) mod tests;
