//! The machine: its cores, and its disk.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The server's core, and the generator's.
pub(crate) const CORES: [usize; 2] = [0, 1];

/// How long is waited for a core to have nothing to do.
const SETTLE_MAX: Duration = Duration::from_secs(20);
/// Of so much of the time it has to have nothing to do.
const SETTLED: f64 = 0.9;

/// Keeps all threads of a process, and those to come, to one core.
pub(crate) fn pin(process: u32, core: usize) {
    to_cores(process, &core.to_string());
}

/// Lets all threads of a process, and those to come, use both cores, whatever was measured before.
pub(crate) fn unpin(process: u32) {
    to_cores(process, &CORES.map(|core| core.to_string()).join(","));
}

fn to_cores(process: u32, cores: &str) {
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", cores, &process.to_string()]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "taskset cannot pin {process} to {cores}");
}

/// What a program is started by that gives way to everything else, at once: being nice, it would keep its turn.
pub(crate) const GIVING_WAY: [&str; 3] = ["chrt", "--idle", "0"];

/// Has this thread give way so.
pub(crate) fn give_way() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let set = Command::new("chrt").args(["--idle", "--pid", "0", &thread]).status();
    assert!(set.is_ok_and(|status| status.success()), "chrt cannot have {thread} give way");
}

/// Raises how many files this process, and what it starts, may open: connections are files.
pub(crate) fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is not to be had, connections that cannot be opened show in the figures.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Waits until a core has hardly anything to do: what came before is not to be measured. Gives whether it got there.
pub(crate) fn settle(core: usize) -> bool {
    let end = Instant::now() + SETTLE_MAX;
    while Instant::now() < end {
        let before = idle(core);
        std::thread::sleep(Duration::from_millis(300));
        let after = idle(core);
        if (after.0 - before.0) as f64 >= SETTLED * (after.1 - before.1) as f64 {
            return true;
        }
    }
    false
}

/// A core's time without work, and all its time, in ticks since the machine's start.
fn idle(core: usize) -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
    let ticks: Vec<u64> = line.split_whitespace().map(|ticks| ticks.parse().unwrap()).collect();
    // User, nice, system, idle, waiting for a disk, interrupts, software interrupts, stolen; then what was counted already.
    (ticks[3] + ticks[4], ticks[..8].iter().sum())
}

/// Nanoseconds of writing 512 bytes and syncing them: the floor of everything durable.
pub(crate) fn syncs(folder: &Path, rounds: usize) -> Histogram<u64> {
    let mut file = tempfile::tempfile_in(folder).unwrap();
    file.write_all(&vec![0; 512 * rounds]).unwrap();
    file.sync_all().unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut latencies = Histogram::new(3).unwrap();
    for _ in 0..rounds {
        let started = Instant::now();
        file.write_all(&[1; 512]).unwrap();
        file.sync_data().unwrap();
        latencies.record(started.elapsed().as_nanos() as u64).unwrap();
    }
    latencies
}
