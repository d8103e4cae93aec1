//! Measurements, side by side in one run. `cargo xtask bench` starts it; read ratios, not absolutes.
#![allow(clippy::unwrap_used, reason = "a measurement that fails has nothing to report")]
#![allow(clippy::print_stdout, reason = "the report")]

mod audit;
mod bare;
mod calls;
mod inside;
mod load;
mod machine;
mod noisy;
mod oha;
mod open;
mod overload;
mod plot;
mod report;
mod scale;
mod shares;
mod teams;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use report::Report;

/// What is measured, by name.
const BENCHES: &[&str] = &["audit", "calls", "engine", "noisy", "overload", "scale", "shares", "teams"];

/// What was asked for.
struct Options {
    names: Vec<String>,
    quick: bool,
    json: Option<PathBuf>,
    /// The generator of others.
    oha: Option<PathBuf>,
}

impl Options {
    /// How long one measurement runs.
    fn duration(&self) -> Duration {
        if self.quick { Duration::from_millis(500) } else { Duration::from_secs(5) }
    }

    /// How often what is measured one by one is done.
    fn rounds(&self) -> usize {
        if self.quick { 2_000 } else { 50_000 }
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_some_and(|first| first == bare::SUBCOMMAND) {
        bare::serve();
        return ExitCode::SUCCESS;
    }
    let mut options = Options { names: Vec::new(), quick: false, json: None, oha: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = arguments.next().map(PathBuf::from),
            "--oha" => options.oha = arguments.next().map(PathBuf::from),
            name if BENCHES.contains(&name) => options.names.push(name.to_owned()),
            other => {
                eprintln!("there is no measurement {other:?}; there are: {}", BENCHES.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    let oha = options.oha.clone().filter(|_| options.wants("noisy"));
    if options.wants("noisy") && oha.is_none() {
        eprintln!("noisy needs --oha PROGRAM; `cargo xtask bench noisy` brings it");
        return ExitCode::from(2);
    }
    machine::raise_files();
    // Clients are made without a default provider, so that only one is compiled.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut report = Report::default();
    if options.wants("engine") {
        inside::engine(&options, &mut report);
    }
    if options.wants("calls") {
        calls::measure(&options, &mut report);
    }
    if options.wants("audit") {
        audit::measure(&options, &mut report);
    }
    if let Some(oha) = oha {
        noisy::measure(&options, oha, &mut report);
    }
    if options.wants("overload") {
        overload::measure(&options, &mut report);
    }
    if options.wants("scale") {
        scale::measure(&options, &mut report);
    }
    if options.wants("shares") {
        shares::measure(&options, &mut report);
    }
    if options.wants("teams") {
        teams::measure(&options, &mut report);
    }
    print!("{report}");
    if let Some(file) = &options.json {
        std::fs::write(file, report.to_json()).unwrap();
    }
    // A quick run is too short to be judged.
    match options.quick || report.holds() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
