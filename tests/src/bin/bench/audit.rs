//! The record: how fast entries become durable, beside what the disk does by itself, and what it adds to a call.

use cofferdam::audit::measure::{self, Measured};
use cofferdam_tests::{Options as HostOptions, Server, guest};

use super::machine::{CORES, pin};
use super::report::{Report, Target, median};
use super::{Options, load};

/// Who waits for entries at once, and over how many tenants.
const WAITERS: [usize; 3] = [1, 32, 256];
const TENANTS: usize = 100;
/// Where a sync costs nothing: memory.
const MEMORY: &str = "/dev/shm";

/// Adds the rows.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    // As in a host: the journal's thread and those that append share the machine.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let each = if options.quick { 200 } else { 4_000 };
    let folder = || tempfile::tempdir().unwrap();

    let synced = measure::plain(folder().path(), each.min(4_000), true).unwrap();
    let unsynced = measure::plain(folder().path(), 50 * each, false).unwrap();
    let name = "a file, a sync for each entry";
    row(report, name, &synced);
    row(report, "a file, no sync", &unsynced);
    for waiters in WAITERS {
        let durable = runtime.block_on(measure::durable(folder().path(), waiters, TENANTS, each)).unwrap();
        let title = format!("durable entries, {waiters} waiting");
        row(report, &title, &durable);
        if waiters == WAITERS[2] {
            report.target(
                &format!("{title}, rate"),
                durable.per_second(),
                "entries/s",
                Target::AtLeast(1_500.0),
                &[name],
            );
            let ratio = durable.per_second() / synced.per_second();
            report.target(&format!("{title}, over a sync for each"), ratio, "×", Target::AtLeast(10.0), &[name]);
        }
    }
    let unwaited = runtime.block_on(measure::unwaited(folder().path(), 50 * each)).unwrap();
    row(report, "entries appended by one who does not wait", &unwaited);
    calls(options, report, &runtime);
}

fn row(report: &mut Report, name: &str, measured: &Measured) {
    report.figure(&format!("{name}, rate"), measured.per_second(), "entries/s");
    report.figure(&format!("{name}, p50"), measured.p50.as_nanos() as f64 / 1e3, "µs");
    report.figure(&format!("{name}, p99"), measured.p99.as_nanos() as f64 / 1e3, "µs");
}

/// A no-op call over HTTP on this disk, beside the same where a sync costs nothing.
fn calls(options: &Options, report: &mut Report, runtime: &tokio::runtime::Runtime) {
    const BODY: &str = r#"{"tool":"noop.noop","arguments":{}}"#;
    pin(std::process::id(), CORES[1]);
    let memory = tempfile::tempdir_in(MEMORY).unwrap();
    let hosts =
        [HostOptions::default(), HostOptions { data: Some(memory.path().to_owned()), ..HostOptions::default() }];
    let hosts = hosts.map(|options| {
        runtime.block_on(async {
            let server = Server::start(options).await;
            let tenant = server.tenant("bench").await;
            tenant.push("noop", guest("noop")).await;
            pin(server.pid(), CORES[0]);
            (server, tenant.agent.key().to_owned())
        })
    });
    for connections in [1, 32] {
        let rate = |(server, key): &(Server, String)| {
            load::run(load::address(server), Some(key), BODY, connections, options.duration() / 3).rate
        };
        let (mut ratios, mut disk, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            disk.push(rate(&hosts[0]));
            memory.push(rate(&hosts[1]));
            ratios.push(disk[disk.len() - 1] / memory[memory.len() - 1]);
        }
        report.figure(&format!("no-op calls, record on disk, {connections} connections"), median(disk), "calls/s");
        report.figure(&format!("no-op calls, record in memory, {connections} connections"), median(memory), "calls/s");
        report.figure(&format!("of the one over the other, {connections} connections"), median(ratios), "×");
    }
    for (mut server, _) in hosts {
        server.kill();
    }
}
