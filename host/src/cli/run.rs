//! `cofferdam run`: one call with no server, by the same path: a host of its own in a folder, the same limits and policy,
//! the same router.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::arguments::Arguments;
use super::build::{self, Packaged};
use super::call::{answer, logged};
use super::progress::Progress;
use super::style::{STRONG, one_line, paint};
use super::table::Table;
use super::{Exit, Failure, Output, Result, policy, push, tools};
use crate::capability::effects::GuestEvent;
use crate::error::Error;
use crate::http::wire;
use crate::id::{DefinitionName, Origin, PackageRef, ToolName, ToolRequest};
use crate::policy::Explanation;
use crate::registry::Definition;
use crate::router::CallEvent;

mod local;
mod secret;

use self::local::Local;

/// Run a tool here, with no server: same limits, same policy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam run .
  cofferdam run . greet name=Ada
  cofferdam run notes.wasm add text='buy milk' --policy policy.toml --data notes-data
  cofferdam run tools/http-fetch http-fetch url=https://example.com/ --policy policy.toml --ceiling platform.toml
  cofferdam run . issues --policy policy.toml --secret github=env:GITHUB_TOKEN

Without a tool, the tools are listed. Without a policy, a call holds nothing. Without --data, what it writes is gone
afterwards.", after_long_help = super::exit::HELP)]
pub(super) struct Run {
    /// The tool's folder, or a component
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,
    /// Which of its tools, by its own name
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    #[command(flatten)]
    arguments: Arguments,
    /// The policy that it runs under
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The platform's ceiling over that policy [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    ceiling: Option<PathBuf>,
    /// A folder that keeps buckets, volumes and compiled components from run to run; not that of a server
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A secret of the policy's, with where its value is: env:VARIABLE or file:PATH; may be given more than once
    #[arg(long = "secret", value_name = "NAME=env:VARIABLE|file:PATH", requires = "policy", value_parser = secret::read)]
    secrets: Vec<secret::Given>,
    /// Write images and files of the answer into this folder
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Ran {
    result: wire::CallResult,
    /// What policy gave the call.
    explanation: Explanation,
}

impl Run {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let packaged = build::folder_or_component(&self.path)?;
        let policy = self.policy.as_deref().map(policy::text).transpose()?.unwrap_or_default();
        let ceiling = self.ceiling.as_deref().map(policy::text).transpose()?;
        let secrets = self.secrets.iter().map(secret::Given::value).collect::<Result<Vec<_>>>()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        runtime.block_on(async {
            let progress = Progress::spinner(format!("compiling {}", packaged.package));
            let local = Local::open(self.data.as_deref(), ceiling.as_deref()).await?;
            let done = match local.set(secrets).await {
                Ok(()) => self.within(&local, &packaged, &policy, progress, output).await,
                Err(failure) => Err(failure),
            };
            // Whatever came of it: what it wrote is made durable, and the folder is given back.
            let closed = local.close().await;
            done.and_then(|exit| closed.map(|()| exit))
        })
    }

    async fn within(
        &self,
        local: &Local,
        packaged: &Packaged,
        policy: &str,
        progress: Progress,
        output: Output,
    ) -> Result<Exit> {
        let definitions = local.install(packaged, policy).await?;
        let Some(tool) = &self.tool else {
            drop(progress);
            output.show(&definitions, |definitions| listing(packaged, definitions))?;
            return Ok(Exit::Ok);
        };
        let package = PackageRef { origin: Origin::Own, name: packaged.package.clone() };
        let definition = chosen(&package, tool, &definitions)?;
        let arguments = self.arguments.resolve(&definition.input_schema)?;
        let name = ToolName::new(package, definition.name.clone());
        let request = ToolRequest { name, version: None };
        let explanation = local.explain(&request)?;
        if !output.json() {
            // To standard error: what the tool answers stands alone on standard output.
            progress.above(push::given(&explanation).trim_end());
        }
        progress.say(format!("running {}", request.name));
        let show = |event: CallEvent| {
            if output.json() {
                return;
            }
            match event {
                CallEvent::Guest(GuestEvent::Log { level, context, message }) => {
                    progress.above(&logged(&wire::LogLine { level, context, message }));
                }
                CallEvent::Guest(GuestEvent::Progress { message, .. }) => progress.say(one_line(&message, 60)),
                _ => {}
            }
        };
        let result = local.call(request, &Value::Object(arguments), show).await?;
        drop(progress);
        if let Some(folder) = &self.save {
            answer::save(&result.content, folder, output)?;
        }
        let failed = result.is_error;
        if output.json() {
            output.show(&Ran { result, explanation }, |_| String::new())?;
        } else {
            answer::show(&result, output)?;
        }
        Ok(if failed { Exit::Failed } else { Exit::Ok })
    }
}

/// The tool of that name: its own, or with its package before it.
fn chosen<'a>(package: &PackageRef, text: &str, definitions: &'a [Definition]) -> Result<&'a Definition> {
    let own = text.parse::<DefinitionName>().ok();
    let whole = text.parse::<ToolName>().ok().filter(|name| name.package == *package).map(|name| name.definition);
    let named = |wanted: &Option<DefinitionName>| {
        definitions.iter().find(|definition| wanted.as_ref() == Some(&definition.name))
    };
    named(&own).or_else(|| named(&whole)).ok_or_else(|| {
        let names: Vec<&str> = definitions.iter().map(|definition| definition.name.as_str()).collect();
        let there = format!("it has {}", super::words::list(&names));
        Failure::from(Error::not_found("tool", text).next(there))
    })
}

fn listing(packaged: &Packaged, definitions: &[Definition]) -> String {
    let mut text = format!("{} {}\n", paint(STRONG, &packaged.package), packaged.version);
    let mut table = Table::plain().indent(2);
    for definition in definitions {
        let first = definition.description.lines().next().unwrap_or_default();
        table.row([paint(STRONG, &definition.name), one_line(first, 80)]);
    }
    text += &table.to_string();
    if let [only] = definitions {
        text += &tools::arguments(&only.input_schema);
    }
    text + &format!("\n{}", build::imports(&packaged.inspection))
}
