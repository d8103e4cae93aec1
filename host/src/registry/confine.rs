//! Starting the compiling child and holding it to its time: what it may reach is the child's own walls' business, how
//! long it lives is the host's.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::oneshot;

use super::child::{Finding, Job, Layer, Probe, Report, Room, SUBCOMMAND, Task};
use super::inspect::{Inspection, Rejection};
use crate::engine::output::RawDefinition;
use crate::error::{Code, Error, Result};
use crate::id::TenantId;
use crate::shares::Bulkhead;

/// What compiling may take.
#[derive(Debug, Clone)]
pub struct CompileSettings {
    /// The program to start as the child; absent: the one that is running.
    pub program: Option<PathBuf>,
    /// Children at once for uploads, of which one tenant has one; what is beyond that waits. As many more may compile what is
    /// called and has no artefact any more: calls do not wait behind uploads.
    pub compiles_max: usize,
    /// How long an upload waits for its turn.
    pub wait_max: Duration,
    /// Wall time of one child.
    pub time_max: Duration,
    /// Processor time, memory and output of one child.
    pub room: Room,
}

impl Default for CompileSettings {
    /// Enough for an interpreter of 18 MB, several times over; wall time is more, as the child has what nobody else wants: beside
    /// guests that keep every processor busy, a few hundredths of one.
    fn default() -> Self {
        Self {
            program: None,
            compiles_max: 2,
            wait_max: Duration::from_secs(60),
            time_max: Duration::from_secs(300),
            room: Room { memory_bytes: 2 << 30, processor_seconds: 60, artefact_bytes: 256 << 20 },
        }
    }
}

/// What the child says on standard error, at most, in bytes: an inspection has names of a thousand imports at most.
const REPORT_BYTES_MAX: u64 = 2 << 20;
/// How long a child may take to end once it has reported.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// When to come again for whoever found no turn, in milliseconds: what is ahead compiles for seconds.
pub(super) const RETRY_MS: u64 = 5_000;

/// A component, inspected and compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) inspection: Inspection,
    /// Of a component that does not describe itself.
    pub(super) definitions: Vec<RawDefinition>,
    /// How many of the bytes that it wrote are the artefact.
    pub(super) artefact_bytes: u64,
    pub(super) layers: Vec<Layer>,
}

/// Why there is no artefact.
#[derive(Debug)]
pub(super) enum Failure {
    /// The component's fault.
    Rejected(Rejection),
    /// The host's fault, or a lack of room in it.
    Host(Error),
}

/// Compiles in children, a bounded number of them at once. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Compiler {
    settings: Arc<CompileSettings>,
    uploads: Bulkhead,
    calls: Bulkhead,
}

/// What a component is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Upload,
    Call,
}

impl Compiler {
    pub(super) fn new(settings: CompileSettings) -> Self {
        // Of each kind a tenant has one at a time.
        let turns = || Bulkhead::new(1, settings.compiles_max.max(1));
        let (uploads, calls) = (turns(), turns());
        Self { settings: Arc::new(settings), uploads, calls }
    }

    /// Inspects and compiles what `component` holds (from where it stands) into `artefact`, an empty file.
    pub(super) async fn compile(
        &self,
        tenant: &TenantId,
        what_for: For,
        component: File,
        component_bytes_max: u64,
        artefact: File,
    ) -> Result<Compiled, Failure> {
        let report =
            self.run((tenant, what_for), Task::Compile, component.into(), artefact.into(), component_bytes_max).await?;
        match report.finding {
            Finding::Compiled { inspection, definitions, artefact_bytes } => {
                Ok(Compiled { inspection, definitions, artefact_bytes, layers: report.layers })
            }
            Finding::Rejected(rejection) => Err(Failure::Rejected(rejection)),
            Finding::Failed(reason) => Err(failed(format!("the compiling child failed: {reason}"))),
            Finding::Probed(_) => Err(failed("the compiling child answered what was not asked")),
        }
    }

    async fn run(
        &self,
        (tenant, what_for): (&TenantId, For),
        task: Task,
        input: Stdio,
        output: Stdio,
        component_bytes_max: u64,
    ) -> Result<Report, Failure> {
        let turns = match what_for {
            For::Upload => &self.uploads,
            For::Call => &self.calls,
        };
        let turn = tokio::time::timeout(self.settings.wait_max, turns.enter(tenant)).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Failure::Host(
                Error::new(Code::Overloaded, "too many components are being compiled")
                    .next("try again later")
                    .fact("retry_after_ms", RETRY_MS),
            ));
        };
        let job = Job { task, room: self.settings.room, component_bytes_max, parent: std::process::id() };
        let settings = Arc::clone(&self.settings);
        let (answer, answered) = oneshot::channel();
        // A thread of its own, which lives as long as the child: the child is killed when the thread that started it
        // ends, and a runtime's threads come and go. It outlives a caller that leaves; its time is bounded.
        std::thread::Builder::new()
            .name("compile".to_owned())
            .spawn(move || {
                let _turn = turn;
                let _ = answer.send(supervise(&settings, &job, input, output));
            })
            .map_err(|error| failed(format!("no thread to compile in: {error}")))?;
        answered.await.unwrap_or_else(|_| Err(failed("the thread that supervised a compilation broke down")))
    }
}

/// What came of trying the compiling child's walls on this machine, from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelfTest {
    /// Which walls stand.
    pub layers: Vec<Layer>,
    /// What was tried; all of it should have been refused.
    pub probes: Vec<Probe>,
}

impl SelfTest {
    /// Whether everything was refused.
    pub fn holds(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|probe| probe.refused)
    }
}

/// Starts a compiling child that tries its walls instead of compiling.
///
/// # Errors
///
/// When it cannot be started, or does not answer in time.
pub async fn self_test(settings: CompileSettings) -> Result<SelfTest> {
    let whom = (&TenantId::platform(), For::Call);
    match Compiler::new(settings).run(whom, Task::SelfTest, Stdio::null(), Stdio::null(), 0).await {
        Ok(Report { layers, finding: Finding::Probed(probes) }) => Ok(SelfTest { layers, probes }),
        Ok(report) => Err(Error::internal(format_args!("self test: {:?}", report.finding))),
        Err(failure) => Err(failure.into()),
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(rejection) => rejection.into(),
            Failure::Host(error) => error,
        }
    }
}

fn failed(detail: impl std::fmt::Display) -> Failure {
    Failure::Host(Error::internal(detail))
}

/// The child's whole life.
fn supervise(settings: &CompileSettings, job: &Job, input: Stdio, output: Stdio) -> Result<Report, Failure> {
    let deadline = Instant::now() + settings.time_max;
    let mut child = start(settings, job, input, output)?;
    let report = hear(&mut child, deadline);
    let Ok(report) = report else {
        stop(&mut child);
        return Err(Failure::Rejected(Rejection::because(format!(
            "compiling it takes longer than {}; make it smaller, or split its largest functions",
            humantime::format_duration(settings.time_max)
        ))));
    };
    let status = wait(&mut child, deadline.max(Instant::now() + ENDING_MAX)).map_err(failed)?;
    match serde_json::from_slice::<Report>(&report) {
        Ok(report) if status.success() || matches!(report.finding, Finding::Failed(_)) => Ok(report),
        _ => Err(broke_down(settings, status, &report)),
    }
}

fn start(settings: &CompileSettings, job: &Job, input: Stdio, output: Stdio) -> Result<Child, Failure> {
    let own = || std::env::current_exe();
    let program = settings.program.clone().map_or_else(own, Ok).map_err(|e| failed(format!("own program: {e}")))?;
    let job = serde_json::to_string(job).map_err(failed)?;
    let mut command = Command::new(program);
    // Descriptors of the host are closed on exec, all of them: the standard library opens them so.
    command.arg(SUBCOMMAND).arg(job).env_clear().current_dir(Path::new("/"));
    command.stdin(input).stdout(output).stderr(Stdio::piped()).process_group(0);
    command.spawn().map_err(|error| failed(format!("the compiling child cannot be started: {error}")))
}

/// Everything that the child says, up to its end.
fn hear(child: &mut Child, deadline: Instant) -> Result<Vec<u8>, RecvTimeoutError> {
    let Some(stderr) = child.stderr.take() else { return Ok(Vec::new()) };
    let (say, said) = mpsc::channel();
    std::thread::spawn(move || {
        let mut report = Vec::new();
        let _ = stderr.take(REPORT_BYTES_MAX).read_to_end(&mut report);
        let _ = say.send(report);
    });
    said.recv_timeout(deadline.saturating_duration_since(Instant::now()))
}

/// Waits until `deadline`, then kills. A child that has said everything ends at once, or is up to something.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<ExitStatus> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            stop(child);
            return child.wait();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Kills the child and whatever it may have started, and waits for its end.
fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The child ended without a report: in words for the author where the component is the likely cause.
fn broke_down(settings: &CompileSettings, status: ExitStatus, said: &[u8]) -> Failure {
    use std::os::unix::process::ExitStatusExt;

    let said = String::from_utf8_lossy(&said[..said.len().min(2_000)]).into_owned();
    tracing::warn!(%status, %said, "compiling child broke down");
    let room = settings.room;
    let out_of_memory = said.contains("memory allocation") || status.signal() == Some(libc::SIGKILL);
    Failure::Rejected(Rejection::because(match status.signal() {
        Some(libc::SIGXCPU) => format!("compiling it takes more than {} s of processor time", room.processor_seconds),
        Some(libc::SIGXFSZ) => format!("compiled, it has more than {} MiB", room.artefact_bytes >> 20),
        _ if out_of_memory => format!("compiling it takes more than {} MiB of memory", room.memory_bytes >> 20),
        _ => "the compiler broke down on it; build it with another version of your tools, or report it".to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// One tenant compiles one at a time; another's, and what is called, is compiled beside it.
    #[tokio::test]
    async fn hostile_one_tenants_uploads_do_not_take_every_turn_to_compile() {
        let compiler = Compiler::new(CompileSettings::default());
        let (acme, globex): (TenantId, TenantId) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let first = compiler.uploads.enter(&acme).now_or_never().unwrap();
        assert!(compiler.uploads.enter(&acme).now_or_never().is_none());
        let second = compiler.uploads.enter(&globex).now_or_never().unwrap();
        assert!(compiler.uploads.enter(&"third".parse().unwrap()).now_or_never().is_none());
        assert!(compiler.calls.enter(&acme).now_or_never().is_some());
        drop(first);
        assert!(compiler.uploads.enter(&acme).now_or_never().is_some());
        drop(second);
    }
}
