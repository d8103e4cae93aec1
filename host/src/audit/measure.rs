//! Measures the journal: durable entries with many waiters, beside what the same disk does with a sync for each entry
//! and with none. The workspace's benchmarks call it; the figures mean something in a release build only.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::entry::{CallEnded, Event, Outcome};
use super::{Audit, Settings};
use crate::error::{Error, Result};
use crate::id::{CallId, TenantId};

/// How fast it went.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Entries appended.
    pub entries: u64,
    /// In how long.
    pub elapsed: Duration,
    /// From an append to its acknowledgement, the median.
    pub p50: Duration,
    /// The same, one in a hundred is slower.
    pub p99: Duration,
}

impl Measured {
    fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or_default();
        Self { entries: latencies.len() as u64, elapsed, p50: at(50), p99: at(99) }
    }

    /// Entries in a second.
    pub fn per_second(&self) -> f64 {
        self.entries as f64 / self.elapsed.as_secs_f64()
    }
}

/// An entry as the end of a call writes it: the commonest one.
fn event() -> Event {
    CallEnded {
        duration_us: 310,
        fuel: 12_000,
        kv_operations: 1,
        memory_bytes: 1 << 20,
        result_bytes: 44,
        uses: Some(Vec::new()),
        ..CallEnded::of(CallId::new(), Outcome::Ok)
    }
    .into()
}

/// `waiters` tasks over `tenants` tenants, each appending an entry and waiting until it is durable, `each` times.
/// The journal is made in `dir`, which must be empty.
pub async fn durable(dir: &Path, waiters: usize, tenants: usize, each: usize) -> Result<Measured> {
    let (audit, _) = Audit::open(dir, Settings::default())?;
    let started = Instant::now();
    let tasks = (0..waiters).map(|waiter| {
        let audit = audit.clone();
        tokio::spawn(async move {
            let tenant: TenantId = format!("tenant-{}", waiter % tenants.max(1)).parse()?;
            let event = event();
            let mut latencies = Vec::with_capacity(each);
            for _ in 0..each {
                let started = Instant::now();
                let position = audit.append(&tenant, None, &event)?;
                audit.durable(position).await?;
                latencies.push(started.elapsed());
            }
            Ok::<_, Error>(latencies)
        })
    });
    let mut latencies = Vec::with_capacity(waiters * each);
    for task in futures::future::join_all(tasks).await {
        latencies.extend(task.map_err(Error::internal)??);
    }
    let elapsed = started.elapsed();
    audit.close()?;
    Ok(Measured::new(latencies, elapsed))
}

/// `entries` entries appended by one thread that waits for none of them, until all are durable.
pub async fn unwaited(dir: &Path, entries: usize) -> Result<Measured> {
    let (audit, _) = Audit::open(dir, Settings::default())?;
    let tenant: TenantId = "tenant".parse()?;
    let event = event();
    let started = Instant::now();
    let mut latencies = Vec::with_capacity(entries);
    let mut last = audit.position();
    for _ in 0..entries {
        let started = Instant::now();
        last = audit.append(&tenant, None, &event)?;
        latencies.push(started.elapsed());
    }
    audit.durable(last).await?;
    let elapsed = started.elapsed();
    audit.close()?;
    Ok(Measured::new(latencies, elapsed))
}

/// The same bytes written to a plain file, one write for each entry, with a sync for each or with none: what the disk
/// and the system calls cost by themselves.
pub fn plain(dir: &Path, entries: usize, sync: bool) -> io::Result<Measured> {
    let line = serde_json::to_vec(&super::Entry {
        event: event(),
        index: 1_000,
        principal: None,
        tenant: TenantId::platform(),
        time: std::time::SystemTime::now(),
    })?;
    let mut file = File::create(dir.join("plain"))?;
    let mut latencies = Vec::with_capacity(entries);
    let all = Instant::now();
    for _ in 0..entries {
        let started = Instant::now();
        file.write_all(&line)?;
        if sync {
            file.sync_data()?;
        }
        latencies.push(started.elapsed());
    }
    Ok(Measured::new(latencies, all.elapsed()))
}
