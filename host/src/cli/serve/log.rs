//! What a host says while it runs: lines on standard error, for people or for programs. Never a payload: what is traced
//! names codes, digests and ids.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{Failure, Result};
use crate::error::Error;

/// How a host says what it does.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(in crate::cli) struct LogOptions {
    /// What to say: error, warn, info, debug, trace, or by module such as info,cofferdam::registry=debug
    #[arg(long, value_name = "FILTER", env = "COFFERDAM_LOG", hide_env_values = true, default_value = "info")]
    log: String,
    /// Lines for people, or one JSON object a line
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

impl LogOptions {
    /// Starts saying it, for the whole process.
    pub(in crate::cli) fn start(&self) -> Result<()> {
        let filter = EnvFilter::builder().parse(&self.log).map_err(|error| {
            Failure::usage(
                format!("--log {:.80?} is no filter: {error}", self.log),
                "give a level such as info, or info,hyper=warn",
            )
        })?;
        let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
        let of_guests = filter_fn(|metadata| !repeats_guests(metadata));
        let started = match self.log_format {
            LogFormat::Text => {
                log.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish().with(of_guests).try_init()
            }
            LogFormat::Json => log.json().flatten_event(true).finish().with(of_guests).try_init(),
        };
        Ok(started.map_err(Error::internal)?)
    }
}

/// Whether it could hold what a guest passed to the host: the bindings of WASI trace each host call with its texts, such as
/// URLs and paths. No filter asks for that.
fn repeats_guests(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("wasmtime") && *metadata.level() > Level::INFO
}
