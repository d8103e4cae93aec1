//! A call without the front door and without the record: what a fresh store, an instance and a call of a no-op cost,
//! with both allocators, and whether two threads do twice as much as one.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use cofferdam::capability::Services;
use cofferdam::capability::effects::{Effects, Witness};
use cofferdam::capability::model::ModelSetting;
use cofferdam::engine::{Allocator, Engine, EngineSettings, Loaded, Meter, Run};
use cofferdam::id::{CallId, TenantId};
use cofferdam::limits::CallLimits;
use cofferdam::policy::Grants;
use cofferdam::registry::{Registry, RegistrySettings};
use cofferdam::storage::{Blobs, DataFolder};
use cofferdam_tests::{guest, program};
use futures::future::BoxFuture;
use hdrhistogram::Histogram;

use super::Options;
use super::report::{Report, Target};

/// Nobody keeps a record: what the record costs shows in the measurement over HTTP.
struct Unrecorded;

impl Witness for Unrecorded {
    fn decided(&self) -> BoxFuture<'_, cofferdam::Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// Adds the rows of calls within the process.
pub(crate) fn engine(options: &Options, report: &mut Report) {
    for (allocator, name) in [(Allocator::Pooling, "pooling"), (Allocator::OnDemand, "on demand")] {
        let one = format!("in-process call, {name}, 1 thread");
        let two = format!("in-process call, {name}, 2 threads");
        let single = measure(allocator, 1, options.rounds());
        let double = measure(allocator, 2, options.rounds());
        report.figure(&format!("{one}, p99"), single.p99(), "µs");
        report.figure(&format!("{one}, rate"), single.rate, "calls/s");
        report.figure(&format!("{two}, rate"), double.rate, "calls/s");
        if allocator == Allocator::Pooling {
            report.target(&format!("{one}, p50"), single.p50(), "µs", Target::AtMost(8.0), &[]);
            let beside = [one.as_str(), two.as_str()];
            report.target("2 threads over 1", double.rate / single.rate, "×", Target::AtLeast(1.9), &beside);
        } else {
            report.figure(&format!("{one}, p50"), single.p50(), "µs");
        }
    }
}

struct Measured {
    rate: f64,
    latencies: Histogram<u64>,
}

impl Measured {
    fn p50(&self) -> f64 {
        self.latencies.value_at_quantile(0.5) as f64 / 1_000.0
    }

    fn p99(&self) -> f64 {
        self.latencies.value_at_quantile(0.99) as f64 / 1_000.0
    }
}

/// Each thread calls on its own, as front-door workers do for quick tools.
fn measure(allocator: Allocator, threads: usize, rounds: usize) -> Measured {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tenant: TenantId = "bench".parse().unwrap();
    let (engine, loaded) = runtime.block_on(async {
        let settings = EngineSettings { allocator, live_calls_max: 64, ..EngineSettings::default() };
        let engine = Engine::new(&settings, Services::default()).unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let mut settings = RegistrySettings::default();
        settings.compiling.program = Some(program());
        let registry = Registry::open(&data, engine.clone(), Blobs::open(&data).unwrap(), settings).unwrap();
        let upload = futures::stream::iter([Ok(guest("noop"))]);
        let admission = registry.admit(&tenant, registry.stage(&tenant, upload, None).await.unwrap()).await.unwrap();
        let loaded = registry.load(&tenant, &admission.digest).await.unwrap();
        (engine, loaded)
    });
    let started = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (engine, loaded, tenant) = (engine.clone(), Arc::clone(&loaded), tenant.clone());
            let runtime = runtime.handle().clone();
            std::thread::spawn(move || {
                let mut latencies = Histogram::new(3).unwrap();
                for _ in 0..rounds {
                    let started = Instant::now();
                    runtime.block_on(call(&engine, &loaded, &tenant));
                    latencies.record(started.elapsed().as_nanos() as u64).unwrap();
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Histogram::new(3).unwrap();
    for worker in workers {
        latencies.add(worker.join().unwrap()).unwrap();
    }
    Measured { rate: (threads * rounds) as f64 / started.elapsed().as_secs_f64(), latencies }
}

async fn call(engine: &Engine, loaded: &Arc<Loaded>, tenant: &TenantId) {
    let run = Run {
        call: CallId::new(),
        tenant: tenant.clone(),
        limits: Arc::new(CallLimits::default()),
        grants: Arc::new(Grants::none()),
        definition: "noop".parse().unwrap(),
        arguments: "{}".to_owned(),
        frozen_time: SystemTime::now(),
        effects: Arc::new(Effects::new(Arc::new(Unrecorded))),
        weight: 1,
        meter: Arc::new(Meter::default()).hold(),
        secrets: Arc::default(),
        models: ModelSetting::default(),
        tape: None,
        family: None,
    };
    engine.run(loaded, run).await.result.unwrap();
}
