//! Answers that calls had, kept for a while to stand in where there is no room for the same call again. In memory alone:
//! by tenant first, so that nothing of one is ever looked for in another's, and bounded for each and for all.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, RwLock};

use crate::audit::entry::Mac;
use crate::engine::output::ToolOutput;
use crate::id::{CallId, Digest, TenantId, ToolName};
use crate::policy::GrantKind;

/// What answers of all tenants may take, in bytes: past it, new ones are not kept.
const HELD_MAX: u64 = 256 << 20;
/// What an answer takes beside its contents, in bytes, and what each of its contents does.
const ANSWER_BYTES: u64 = 512;
const CONTENT_BYTES: u64 = 128;
/// Answers of one tenant that stand in within a second: each is an entry in the record, which is waited for, while refusals are
/// counted. Otherwise what a budget has no room for would cost as much as anybody likes.
const PER_SECOND_MAX: u32 = 100;

/// What makes two calls of a tenant the same: what would run, under which rules, on what. Who may have an answer is decided anew
/// before one is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerKey {
    /// The tool: what it is granted goes by its name.
    pub tool: ToolName,
    /// The component.
    pub component: Digest,
    /// The tenant's policy.
    pub policy: Digest,
    /// The platform's ceiling.
    pub ceiling: Digest,
    /// The kinds of grant that the call held: a choice of a route can go without some of those that the policy gives.
    pub held: Vec<GrantKind>,
    /// The arguments' keyed digest.
    pub arguments: Mac,
}

/// An answer.
#[derive(Clone)]
pub struct Answer {
    /// The call whose answer it is.
    pub call: CallId,
    /// When it was given.
    pub made: SystemTime,
    /// What it is.
    pub output: Arc<ToolOutput>,
}

impl fmt::Debug for Answer {
    /// Without what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("call", &self.call).field("made", &self.made).finish_non_exhaustive()
    }
}

/// How long a tenant's answers are kept, and how much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How long.
    pub time: Duration,
    /// All of a tenant's together, in bytes.
    pub bytes_max: u64,
}

/// The answers of all tenants.
#[derive(Debug, Default)]
pub struct Answers {
    tenants: RwLock<HashMap<TenantId, Arc<Mutex<OfTenant>>>>,
    held: AtomicU64,
}

#[derive(Debug, Default)]
struct OfTenant {
    kept: HashMap<AnswerKey, (u64, Answer)>,
    /// Oldest first.
    order: BTreeMap<u64, AnswerKey>,
    next: u64,
    bytes: u64,
    /// A second since 1970, and the answers that stood in within it.
    given: (u64, u32),
}

impl Answers {
    /// Keeps an answer in the place of the one before; older ones make room for it.
    pub fn keep(&self, tenant: &TenantId, key: AnswerKey, answer: Answer, keep: Keep) {
        let bytes = bytes(&answer.output);
        if bytes > keep.bytes_max {
            return;
        }
        let of_tenant = self.of(tenant);
        let mut answers = of_tenant.lock();
        let before = answers.bytes;
        answers.remove(&key);
        while answers.bytes + bytes > keep.bytes_max && answers.remove_oldest() {}
        self.held.fetch_sub(before - answers.bytes, Ordering::Relaxed);
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes > HELD_MAX {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        answers.insert(key, answer, bytes);
    }

    /// The answer of the same call, if it is no older than `time` and not too many stood in just now.
    pub fn get(&self, tenant: &TenantId, key: &AnswerKey, time: Duration, now: SystemTime) -> Option<Answer> {
        let of_tenant = self.tenants.read().get(tenant).cloned()?;
        let mut answers = of_tenant.lock();
        let (_, answer) = answers.kept.get(key)?;
        // A clock that was set back makes nothing younger than it is.
        let age = now.duration_since(answer.made).ok()?;
        let answer = (age < time).then(|| answer.clone())?;
        answers.may_give(now).then_some(answer)
    }

    /// Forgets all answers of a tenant.
    pub fn forget(&self, tenant: &TenantId) {
        let of_tenant = self.tenants.read().get(tenant).cloned();
        if let Some(of_tenant) = of_tenant {
            let mut answers = of_tenant.lock();
            let none = OfTenant { given: answers.given, ..OfTenant::default() };
            let taken = std::mem::replace(&mut *answers, none);
            self.held.fetch_sub(taken.bytes, Ordering::Relaxed);
        }
    }

    /// Forgets answers that are older than their tenant's policy lets them get; without a time, all of them.
    pub fn prune(&self, now: SystemTime, time: impl Fn(&TenantId) -> Option<Duration>) {
        let tenants: Vec<_> = self.tenants.read().iter().map(|(tenant, of)| (tenant.clone(), Arc::clone(of))).collect();
        for (tenant, of_tenant) in tenants {
            let Some(time) = time(&tenant) else {
                self.forget(&tenant);
                continue;
            };
            let mut answers = of_tenant.lock();
            let before = answers.bytes;
            let is_over = |answer: &Answer| now.duration_since(answer.made).is_ok_and(|age| age >= time);
            while answers.oldest().is_some_and(is_over) && answers.remove_oldest() {}
            self.held.fetch_sub(before - answers.bytes, Ordering::Relaxed);
        }
    }

    fn of(&self, tenant: &TenantId) -> Arc<Mutex<OfTenant>> {
        if let Some(answers) = self.tenants.read().get(tenant) {
            return Arc::clone(answers);
        }
        Arc::clone(self.tenants.write().entry(tenant.clone()).or_default())
    }
}

impl OfTenant {
    /// Whether one more may stand in within this second; if so, it is counted.
    fn may_give(&mut self, now: SystemTime) -> bool {
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.given.0 != second {
            self.given = (second, 0);
        }
        let may = self.given.1 < PER_SECOND_MAX;
        self.given.1 += u32::from(may);
        may
    }

    fn insert(&mut self, key: AnswerKey, answer: Answer, bytes: u64) {
        let number = self.next;
        self.next += 1;
        self.order.insert(number, key.clone());
        self.kept.insert(key, (number, answer));
        self.bytes += bytes;
    }

    fn remove(&mut self, key: &AnswerKey) {
        if let Some((number, answer)) = self.kept.remove(key) {
            self.order.remove(&number);
            self.bytes -= bytes(&answer.output);
        }
    }

    fn oldest(&self) -> Option<&Answer> {
        let (_, key) = self.order.first_key_value()?;
        self.kept.get(key).map(|(_, answer)| answer)
    }

    /// Whether there was one.
    fn remove_oldest(&mut self) -> bool {
        let oldest = self.order.first_key_value().map(|(_, key)| key.clone());
        oldest.as_ref().inspect(|key| self.remove(key)).is_some()
    }
}

/// What an answer takes.
fn bytes(output: &ToolOutput) -> u64 {
    ANSWER_BYTES + output.bytes() + CONTENT_BYTES * output.content.len() as u64
}

#[cfg(test)]
mod tests;
