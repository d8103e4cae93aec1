//! `cofferdam doctor`: what this machine offers to a host.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::progress::Progress;
use super::style::{BAD, CARE, GOOD, QUIET, STRONG, paint, plain};
use super::{Exit, Output, Result, words};
use crate::engine::{EngineSettings, machine};
use crate::error::Error;
use crate::http::ServerSettings;
use crate::registry::{CompileSettings, SelfTest, self_test};
use crate::storage::DataFolder;

/// Check what this machine offers to a host
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam doctor
  cofferdam doctor --data /var/lib/cofferdam
  cofferdam doctor --json | jq '.checks[] | select(.state != \"good\")'

Exit code 1: the machine lacks what a host must have.")]
pub(super) struct Doctor {
    /// The data folder that a host would have; made when it is not there
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What was looked at.
#[derive(Debug, Serialize)]
struct Checks {
    /// Whether a host can serve here.
    fit: bool,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Good,
    /// Works, and could be better.
    Care,
    /// A host must have this.
    Bad,
}

impl Check {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Good, detail: detail.into(), next: None }
    }

    fn care(name: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, state: State::Care, detail: detail.into(), next: Some(next.into()) }
    }

    fn bad(name: &'static str, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, state: State::Bad, detail: detail.into(), next: Some(next.into()) }
    }
}

impl Doctor {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let progress = Progress::spinner("looking at the machine");
        let mut checks = vec![walls()?, engines(), maps(), descriptors(), processors(), protection_keys()];
        checks.extend(self.data.map(|path| data(&path)));
        drop(progress);
        let checks = Checks { fit: checks.iter().all(|check| check.state != State::Bad), checks };
        output.show(&checks, people)?;
        Ok(if checks.fit { Exit::Ok } else { Exit::Failed })
    }
}

/// The walls around the compiling child, tried from inside.
fn walls() -> Result<Check> {
    const NAME: &str = "confined compiling";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
    Ok(match runtime.block_on(self_test(CompileSettings::default())) {
        Ok(test) => judge(&test),
        Err(error) => {
            let detail = error.operator_detail().unwrap_or(error.message()).to_owned();
            Check::bad(NAME, detail, "nothing can be uploaded on this machine; start the program from a local disk")
        }
    })
}

fn judge(test: &SelfTest) -> Check {
    const NAME: &str = "confined compiling";
    let names = |in_force: bool| {
        let layers = test.layers.iter().filter(|layer| layer.in_force == in_force);
        layers.map(|layer| layer.name.as_str()).collect::<Vec<_>>()
    };
    let open: Vec<String> = test.probes.iter().filter(|probe| !probe.refused).map(|p| p.attempt.clone()).collect();
    if !test.holds() {
        let detail = format!("the compiling child can {}", words::list(&open));
        return Check::bad(NAME, detail, "use a kernel with seccomp and landlock (Linux 5.13 or later)");
    }
    let tried = words::some(test.probes.len(), "thing", "things");
    let detail = format!("{} in force; all {tried} that were tried are refused", words::list(&names(true)));
    match names(false).as_slice() {
        [] => Check::good(NAME, detail),
        missing => {
            let next = format!("{} would be one more wall: see the kernel's configuration", words::list(missing));
            Check::care(NAME, format!("{detail}; missing: {}", words::list(missing)), next)
        }
    }
}

fn engines() -> Check {
    let settings = EngineSettings::default();
    let calls = words::count(settings.live_calls_max.into());
    match machine::try_settings(&settings) {
        Ok(()) => Check::good("engines", format!("start, with room for {calls} live calls")),
        Err(error) => Check::bad(
            "engines",
            error.operator_detail().unwrap_or(error.message()).to_owned(),
            "give more address space (`ulimit -v`), or have fewer live calls",
        ),
    }
}

fn maps() -> Check {
    const NAME: &str = "memory maps";
    let needed = machine::maps_max(&EngineSettings::default());
    let count = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    match count {
        Some(count) => {
            let count: u64 = count;
            let detail = format!(
                "vm.max_map_count is {}; live calls take {} at most",
                words::count(count),
                words::count(needed)
            );
            // As much again is left for artefacts, threads and the program.
            match count >= needed * 2 {
                true => Check::good(NAME, detail),
                false => Check::care(NAME, detail, format!("sysctl vm.max_map_count={}", needed * 4)),
            }
        }
        None => {
            Check::care(NAME, "this system does not say how many there may be", "watch for calls that do not start")
        }
    }
}

fn descriptors() -> Check {
    const NAME: &str = "open files";
    use rustix::process::{Resource, getrlimit};
    let wanted = ServerSettings::default().connections_max as u64;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < wanted => {
            let detail =
                format!("at most {}; a host takes up to {} connections", words::count(limit), words::count(wanted));
            Check::care(NAME, detail, format!("ulimit -n {}, or LimitNOFILE= in the service's unit", wanted * 2))
        }
        Some(limit) => Check::good(NAME, format!("at most {}", words::count(limit))),
        None => Check::good(NAME, "no limit"),
    }
}

fn processors() -> Check {
    const NAME: &str = "processors";
    match std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
        1 => Check::care(NAME, "1", "two or more keep the front door quick while guests compute"),
        many => Check::good(NAME, many.to_string()),
    }
}

fn protection_keys() -> Check {
    let detail = match machine::memory_protection_keys() {
        true => "the processor has them; this version does not need them",
        false => "the processor has none; this version does not need them",
    };
    Check::good("memory protection keys", detail)
}

fn data(path: &std::path::Path) -> Check {
    const NAME: &str = "data folder";
    let folder = match DataFolder::open(path) {
        Ok(folder) => folder,
        Err(error) => return Check::bad(NAME, error.message(), error.what_next().unwrap_or("name another folder")),
    };
    match rustix::fs::statvfs(folder.path()) {
        Ok(disk) => {
            let free = disk.f_bavail * disk.f_frsize;
            let detail = format!("{}, {} free", folder.path().display(), words::bytes(free));
            match free >= FREE_BYTES_MIN {
                true => Check::good(NAME, detail),
                false => Check::care(NAME, detail, "the record grows with every call, and nothing runs when it cannot"),
            }
        }
        Err(error) => Check::care(NAME, format!("its free space is not known: {error}"), "check it yourself"),
    }
}

/// Room for a few segments of the journal and a handful of components.
const FREE_BYTES_MIN: u64 = 2 << 30;

fn people(checks: &Checks) -> String {
    let mut text = String::new();
    for check in &checks.checks {
        let mark = match check.state {
            State::Good => paint(GOOD, "✓"),
            State::Care => paint(CARE, "!"),
            State::Bad => paint(BAD, "✗"),
        };
        text += &format!("{mark} {}  {}\n", paint(STRONG, format_args!("{:<22}", check.name)), plain(&check.detail));
        if let Some(next) = &check.next {
            text += &format!("    {}\n", paint(QUIET, plain(next)));
        }
    }
    text + match checks.fit {
        true => "a host can serve here\n",
        false => "a host cannot serve here as it is\n",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::registry::child::{Layer, Probe};

    fn layer(name: &str, in_force: bool) -> Layer {
        Layer { name: name.to_owned(), in_force, detail: String::new() }
    }

    fn probe(attempt: &str, refused: bool) -> Probe {
        Probe { attempt: attempt.to_owned(), refused, detail: String::new() }
    }

    #[test]
    fn a_missing_wall_is_told_and_an_open_one_fails() {
        let layers = vec![layer("resource limits", true), layer("landlock", false)];
        let holds = judge(&SelfTest { layers: layers.clone(), probes: vec![probe("open a file to read", true)] });
        let open = judge(&SelfTest { layers, probes: vec![probe("open a file to read", false)] });
        let checks = Checks { fit: false, checks: vec![holds, open] };
        let text: String = anstream::adapter::strip_str(&people(&checks)).collect();
        expect![[r#"
            ! confined compiling      resource limits in force; all 1 thing that were tried are refused; missing: landlock
                landlock would be one more wall: see the kernel's configuration
            ✗ confined compiling      the compiling child can open a file to read
                use a kernel with seccomp and landlock (Linux 5.13 or later)
            a host cannot serve here as it is
        "#]].assert_eq(&text);
    }
}
