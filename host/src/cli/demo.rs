//! `cofferdam demo`: a tour of a real host. Everything it shows happens: real tenants, real components, calls over HTTP,
//! refusals as they are answered, and the record verified at the end.

use std::path::{Path, PathBuf};

use clap::Args;

use super::build::{self, Packaged};
use super::style::{QUIET, STRONG, paint};
use super::{Exit, Failure, Output, Result};

mod calls;
mod page;
mod record;
mod refusals;
mod sample;
mod setup;
mod stage;
mod tour;

use self::stage::Stage;
use self::tour::Tour;

/// Take a tour: a host, two tenants, a catalogue, calls, refusals, and the record verified
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam demo --catalogue dist/catalogue --upload dist/greet
  cofferdam demo --once --json --catalogue dist/catalogue --upload dist/greet | jq -c .

From a checkout, `cargo xtask demo` builds what it needs and calls this. The host listens on free ports of this machine,
and stays up afterwards until ctrl-c. With --once: exit code 0 when every step held, 1 otherwise.")]
pub(super) struct Demo {
    /// End after the tour
    #[arg(long)]
    once: bool,
    /// The catalogue: a folder with one folder for each tool, which holds component.wasm and cofferdam.toml
    #[arg(long, value_name = "DIR")]
    catalogue: PathBuf,
    /// A tenant's own tool: a folder with component.wasm and cofferdam.toml
    #[arg(long, value_name = "DIR")]
    upload: PathBuf,
    /// Keep the host's data in this folder, which has to be new [default: one that is removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The component in a tool's folder.
const COMPONENT: &str = "component.wasm";

impl Demo {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let catalogue = catalogue(&self.catalogue)?;
        let upload = build::component(&self.upload.join(COMPONENT))?;
        let mut tour = Tour::new(output);
        tour.title()?;
        // Without a host there is no tour: this one is no step that may fail.
        let mut stage = Stage::open(self.data.as_deref())?;
        setup::all(&mut tour, &mut stage, catalogue)?;
        calls::all(&mut tour, &mut stage, upload)?;
        refusals::all(&mut tour, &mut stage)?;
        record::all(&mut tour, &mut stage)?;
        let held = tour.end()?;
        if !self.once {
            if !output.json() {
                output.say(&to_try(&stage))?;
            }
            stage.wait_for_end()?;
        }
        stage.close()?;
        Ok(if held { Exit::Ok } else { Exit::Failed })
    }
}

/// The tools of the catalogue, by name.
fn catalogue(folder: &Path) -> Result<Vec<Packaged>> {
    let unreadable = |error| super::files::unreadable(folder, "catalogue", &error);
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path().join(COMPONENT);
        folders.extend(path.is_file().then_some(path));
    }
    folders.sort();
    if folders.is_empty() {
        return Err(Failure::usage(
            format!("{} holds no folder with a {COMPONENT}", folder.display()),
            "run `cargo xtask demo`, which builds the catalogue first",
        ));
    }
    folders.iter().map(|path| build::component(path)).collect()
}

/// Commands to go on with, with the demo's own address and keys.
fn to_try(stage: &Stage) -> String {
    let program = std::env::current_exe().map_or_else(|_| "cofferdam".to_owned(), |path| path.display().to_string());
    let key = |who: &str| stage.key(who).map(|key| key.expose().to_owned()).unwrap_or_default();
    let quiet = |text: &str| paint(QUIET, format_args!("# {text}"));
    let data = stage.data().display().to_string();
    format!(
        "\n{title}\n\n  \
           alias cofferdam={program}\n  \
           export COFFERDAM_URL={url}\n  \
           export COFFERDAM_KEY={agent}  {as_agent}\n\n  \
           cofferdam tools\n  \
           cofferdam call catalogue/calculate expression='5 feet 3 inches to cm'\n  \
           cofferdam call catalogue/notes.search query=tour\n  \
           cofferdam policy explain --tool catalogue/http-fetch --use 'GET https://example.com/'\n\n  \
           export COFFERDAM_KEY={operator}  {as_operator}\n\n  \
           cofferdam policy show\n  \
           cofferdam audit show --limit 20\n  \
           cofferdam usage\n  \
           cofferdam audit verify {data}\n\n\
         {end}\n",
        title = paint(STRONG, "The host stays up. In another terminal:"),
        url = stage.url(),
        agent = key("acme/agent"),
        operator = key("acme/auditor"),
        as_agent = quiet("acme's agent"),
        as_operator = quiet("acme's auditor"),
        end = paint(QUIET, "ctrl-c ends it"),
    )
}
