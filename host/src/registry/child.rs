//! The process in which uploads are inspected and compiled: this program, started again with a hidden argument. It
//! gives up everything that it does not need, reads one component from standard input, writes the artefact to standard
//! output and a report to standard error, and ends.

use std::io::{Read, Write};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

mod probe;
mod walls;

pub use self::probe::Probe;
pub use self::walls::{Layer, Room};

use super::inspect::{Inspection, Rejection, described, inspect};
use crate::engine::output::RawDefinition;

/// The argument that makes this program the compiling child.
pub(super) const SUBCOMMAND: &str = "compile-component";

/// What the child is to do; its second argument, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) room: Room,
    /// The most that it reads, in bytes.
    pub(super) component_bytes_max: u64,
    /// The process id of the host.
    pub(super) parent: u32,
}

/// What there is to do behind the walls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// Inspect the component and compile it.
    Compile,
    /// Try what must not succeed, and report what came of it.
    SelfTest,
}

/// What the child has to say; one line of JSON on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    /// Which walls stood.
    pub(super) layers: Vec<Layer>,
    pub(super) finding: Finding,
}

/// How the task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Finding {
    /// The artefact is on standard output, whole. Of a component that does not describe itself, here is what it has.
    Compiled { inspection: Inspection, definitions: Vec<RawDefinition>, artefact_bytes: u64 },
    /// The component is at fault.
    Rejected(Rejection),
    /// The host is at fault.
    Failed(String),
    /// What the self test tried.
    Probed(Vec<Probe>),
}

/// Does the child's work and gives its exit code, if that is what this process was started for. The command calls it
/// before it does anything else: there is one thread then, and nothing has been opened.
pub fn main() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    // Standard error is for the report alone.
    std::panic::set_hook(Box::new(|_| {}));
    let report = match arguments.next().and_then(|job| serde_json::from_str(job.to_str()?).ok()) {
        Some(job) => run(&job),
        None => Report {
            layers: Vec::new(),
            finding: Finding::Failed("started without a job; this command is for the host's own use".to_owned()),
        },
    };
    let failed = matches!(report.finding, Finding::Failed(_));
    let line = serde_json::to_string(&report).unwrap_or_default();
    let told = std::io::stderr().write_all(line.as_bytes());
    Some(if failed || told.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run(job: &Job) -> Report {
    let layers = match walls::raise(&job.room, job.parent) {
        Ok(layers) => layers,
        Err(reason) => return Report { layers: Vec::new(), finding: Finding::Failed(reason) },
    };
    let finding = match job.task {
        Task::Compile => compile(job.component_bytes_max),
        Task::SelfTest => Finding::Probed(probe::all(job.parent)),
    };
    Report { layers, finding }
}

fn compile(component_bytes_max: u64) -> Finding {
    let mut component = Vec::new();
    match std::io::stdin().lock().take(component_bytes_max.saturating_add(1)).read_to_end(&mut component) {
        Ok(bytes) if bytes as u64 > component_bytes_max => {
            return Finding::Failed(format!("the component is larger than {component_bytes_max} bytes"));
        }
        Ok(_) => {}
        Err(error) => return Finding::Failed(error.to_string()),
    }
    let inspection = match inspect(&component) {
        Ok(inspection) => inspection,
        Err(rejection) => return Finding::Rejected(rejection),
    };
    let definitions = match std::panic::catch_unwind(|| described(&component, inspection.kind)) {
        Ok(Ok(definitions)) => definitions,
        Ok(Err(rejection)) => return Finding::Rejected(rejection),
        Err(_) => return Finding::Rejected(Rejection::because("its WIT cannot be read")),
    };
    let artefact = match crate::engine::compile::precompile(inspection.class, &component) {
        Ok(artefact) => artefact,
        Err(error) => return Finding::Rejected(Rejection::because(format!("it does not compile: {error}"))),
    };
    let mut output = std::io::stdout().lock();
    match output.write_all(&artefact).and_then(|()| output.flush()) {
        Ok(()) => Finding::Compiled { inspection, definitions, artefact_bytes: artefact.len() as u64 },
        Err(error) => Finding::Failed(error.to_string()),
    }
}
