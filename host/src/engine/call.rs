//! One call: a fresh store, an instance, a function, and a verdict on how it ended.

use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::Store;

use super::kinds::{self, Entry};
use super::limiter::Limiter;
use super::memory::Held;
use super::output::{RawDefinition, ToolOutput};
use super::settings::SLICE_FUEL;
use super::state::State;
use super::verdict;
use super::{Ended, Loaded, Run, Usage, deadline};
use crate::capability::{CallCapabilities, Services};
use crate::error::{Code, Error, Result};
use crate::limits::CallLimits;

/// What a call has used so far, for whoever outlives it: a call that is given up has no one to return its usage to.
#[derive(Debug, Default)]
pub struct Meter {
    fuel: AtomicU64,
    memory_bytes: AtomicU64,
    is_held: AtomicBool,
    busy_ns: AtomicU64,
    waited_ns: AtomicU64,
    waits: AtomicU64,
    settled: tokio::sync::Notify,
}

/// Held by a call for as long as it may still use something.
#[derive(Debug)]
pub struct MeterHold(Arc<Meter>);

impl MeterHold {
    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.0
    }
}

impl Drop for MeterHold {
    fn drop(&mut self) {
        self.0.settled.notify_one();
    }
}

impl Meter {
    /// For the one call that is metered.
    pub fn hold(self: &Arc<Self>) -> MeterHold {
        self.is_held.store(true, Ordering::Release);
        MeterHold(Arc::clone(self))
    }

    /// Fuel used, once the call's store is gone.
    pub fn fuel(&self) -> u64 {
        self.fuel.load(Ordering::Acquire)
    }

    /// Linear memory held, once the call's store is gone, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Acquire)
    }

    /// What processors spent on it so far.
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed))
    }

    /// How long its slices waited for a guest thread, on average; nothing where none had to.
    pub fn delay(&self) -> Option<Duration> {
        let waits = self.waits.load(Ordering::Relaxed);
        self.waited_ns.load(Ordering::Relaxed).checked_div(waits).map(Duration::from_nanos)
    }

    /// A slice of it ran.
    pub(super) fn ran(&self, slice: Duration) {
        self.busy_ns.fetch_add(nanoseconds(slice), Ordering::Relaxed);
    }

    /// A slice of it waited for a guest thread.
    pub(super) fn waited(&self, delay: Duration) {
        self.waited_ns.fetch_add(nanoseconds(delay), Ordering::Relaxed);
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the call is gone, and its store, where it came to have one. For one waiter.
    pub async fn settled(&self) {
        if self.is_held.load(Ordering::Acquire) {
            self.settled.notified().await;
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A resource has a handle in each component that it is lent to; a stream or a future has two ends and a state.
const HANDLES_PER_RESOURCE: usize = 4;

/// A store that reads its meter when it goes, however it goes: at the end, at the deadline, or dropped half-way because
/// the caller left.
struct Metered {
    store: Store<State>,
    fuel_max: u64,
    meter: Arc<Meter>,
}

impl Metered {
    fn new(engine: &wasmtime::Engine, state: State, limits: &CallLimits, meter: Arc<Meter>) -> Result<Self> {
        let mut store = Store::try_new(engine, state).map_err(Error::internal)?;
        store.limiter(|state| &mut state.limiter);
        store.set_fuel(limits.fuel).map_err(Error::internal)?;
        store.fuel_async_yield_interval(Some(SLICE_FUEL)).map_err(Error::internal)?;
        store.set_hostcall_fuel(usize::try_from(limits.hostcall_bytes).unwrap_or(usize::MAX));
        // Without a word from here a guest could make a hundred thousand of one and a million of the other.
        let handles = usize::try_from(limits.resources).unwrap_or(usize::MAX).saturating_mul(HANDLES_PER_RESOURCE);
        store.set_max_component_handles(handles);
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(handles);
        }
        Ok(Self { store, fuel_max: limits.fuel, meter })
    }

    fn usage(&self, duration: Duration) -> Usage {
        let left = self.store.get_fuel().unwrap_or(0);
        let lent = self.store.data().capabilities.lent();
        Usage {
            fuel: self.fuel_max.saturating_sub(left).saturating_sub(lent),
            memory_bytes: self.store.data().limiter.memory_bytes(),
            duration,
        }
    }
}

impl Metered {
    /// What the guest gave, or why it gave nothing: `None` is the deadline.
    fn judge<T>(&self, answer: Option<wasmtime::Result<T>>, limits: &CallLimits, usage: &Usage) -> Result<T> {
        match answer {
            Some(Ok(given)) => Ok(given),
            Some(Err(error)) => Err(verdict::broke_down(&error, limits, usage, self.store.data().limiter.refused())),
            None => Err(verdict::deadline(limits)),
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let usage = self.usage(Duration::ZERO);
        self.meter.fuel.store(usage.fuel, Ordering::Release);
        self.meter.memory_bytes.store(usage.memory_bytes, Ordering::Release);
    }
}

impl Deref for Metered {
    type Target = Store<State>;

    fn deref(&self) -> &Store<State> {
        &self.store
    }
}

impl DerefMut for Metered {
    fn deref_mut(&mut self) -> &mut Store<State> {
        &mut self.store
    }
}

/// A fresh store for `run`, with what it holds and its counters.
fn enter(loaded: &Loaded, services: &Services, held: Held, run: &Run, started: Instant) -> Result<Metered> {
    let capabilities = CallCapabilities::new(
        services,
        &run.grants,
        &run.limits,
        &run.tenant,
        run.call,
        run.frozen_time,
        Arc::clone(&run.effects),
        &run.secrets,
        &run.models,
        run.tape.as_ref(),
        run.family.clone(),
        started + run.limits.deadline,
    );
    let kin = run.family.as_ref().map(|family| Arc::clone(&family.kin));
    let state = State { capabilities, limiter: Limiter::new(&run.limits, held, kin) };
    Metered::new(loaded.engine(), state, &run.limits, Arc::clone(&run.meter.0))
}

/// Runs one definition. Never returns an error of its own: whatever happens is how the call ended. The store goes before
/// `run` does, and with it the hold of its meter.
pub(super) async fn run(loaded: Arc<Loaded>, services: Services, held: Held, run: Run) -> Ended {
    let started = Instant::now();
    let mut store = match enter(&loaded, &services, held, &run, started) {
        Ok(store) => store,
        Err(error) => return Ended { result: Err(error), usage: Usage::default() },
    };
    let answer = {
        let work = pin!(loaded.entry.call(&mut store, &run));
        deadline::until(started + run.limits.deadline, work).await
    };
    let usage = store.usage(started.elapsed());
    let result = match store.judge(answer, &run.limits, &usage) {
        Ok(Ok(output)) => bounded(output, &run.limits),
        Ok(Err(error)) | Err(error) => Err(error),
    };
    Ended { result, usage }
}

/// Asks the component what it defines.
pub(super) async fn describe(
    loaded: Arc<Loaded>,
    services: Services,
    held: Held,
    run: Run,
) -> Result<Vec<RawDefinition>> {
    let started = Instant::now();
    let mut store = enter(&loaded, &services, held, &run, started)?;
    let Entry::Native(native) = &loaded.entry else {
        return Err(Error::internal("only a native component describes itself"));
    };
    let answer = {
        let work = pin!(kinds::describe(native, &mut store));
        deadline::until(started + run.limits.deadline, work).await
    };
    let usage = store.usage(started.elapsed());
    store.judge(answer, &run.limits, &usage)
}

/// The answer, unless it is larger than it may be.
fn bounded(output: ToolOutput, limits: &CallLimits) -> Result<ToolOutput> {
    let bytes = output.bytes();
    if bytes > limits.result_bytes {
        return Err(Error::new(
            Code::LimitExceeded,
            format!("the result has {bytes} bytes, more than the limit of {}", limits.result_bytes),
        )
        .next("ask the tool for less at a time, or raise limits.result_bytes in the policy")
        .fact("limit", "result_bytes")
        .fact("maximum", limits.result_bytes)
        .fact("used", bytes));
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_never_came_to_a_store_is_settled_when_it_goes() {
        let meter = Arc::new(Meter::default());
        // It was not begun: there is nothing to wait for.
        meter.settled().await;
        let hold = meter.hold();
        {
            let mut settled = pin!(meter.settled());
            assert!(futures::poll!(&mut settled).is_pending());
            drop(hold);
            settled.await;
        }
        let late = Arc::new(Meter::default());
        drop(late.hold());
        late.settled().await;
    }
}
