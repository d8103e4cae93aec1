//! The kinds of component that are run, each in a file of its own: how a call goes into it, and how an answer comes out.
//!
//! Which kind a component is of follows from what it exports, and from nothing else. What it is to an agent, its
//! definitions, the registry makes: of a native component by asking it, of any other from its types alone.

mod command;
pub mod functions;
mod handler;
mod native;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use wasmtime::Store;
use wasmtime::component::InstancePre;

pub use self::command::definition as command_definition;
pub use self::handler::definition as handler_definition;

pub(super) use self::native::describe;

use self::command::Command;
use self::functions::Functions;
use self::handler::Handler;
use super::Run;
use super::output::{Content, ToolOutput};
use super::state::State;
use super::typed;
use crate::capability::bindings::NativePre;
use crate::capability::effects::Stop;
use crate::error::{Code, Error};

/// How a component's exports become tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It exports `cofferdam:tool/tools@1`: it describes its tools itself.
    Native,
    /// It exports `wasi:cli/run`: a program.
    Command,
    /// It exports `wasi:http/incoming-handler` (or `handler`, in WASI 0.3).
    Http,
    /// It exports functions of its own.
    Functions,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Native, Self::Command, Self::Http, Self::Functions];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Command => "command",
            Self::Http => "http",
            Self::Functions => "functions",
        }
    }

    /// What a component is that exports the interfaces `interfaces`, by name and version, and perhaps functions besides.
    /// The first that fits: a native component that is a program as well is a native one.
    pub fn of<'a>(interfaces: impl Iterator<Item = &'a str>) -> Self {
        let paths: Vec<&str> = interfaces.filter_map(|name| name.split('@').next()).collect();
        let exports = |path: &str| paths.contains(&path);
        match () {
            () if exports("cofferdam:tool/tools") => Self::Native,
            // Before programs: what wstd makes is both, and as a program it only says that it is none.
            () if exports("wasi:http/incoming-handler") || exports("wasi:http/handler") => Self::Http,
            () if exports("wasi:cli/run") => Self::Command,
            () => Self::Functions,
        }
    }
}

/// What a call of a guest came to, when nothing stopped it.
pub(super) type Answered = Result<ToolOutput, Error>;

/// A linked component with the way into it.
pub(super) enum Entry {
    Native(NativePre<State>),
    Command(Command),
    Http(Handler),
    Functions(Functions),
}

impl Entry {
    /// The way into what `pre` makes instances of.
    pub(super) fn of(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        let ty = pre.component().component_type();
        let exports: Vec<&str> = ty.exports(pre.engine()).map(|(name, _)| name).collect();
        Ok(match Kind::of(exports.into_iter()) {
            Kind::Native => Self::Native(NativePre::new(pre)?),
            Kind::Command => Self::Command(Command::of(pre)?),
            Kind::Http => Self::Http(Handler::of(pre)?),
            Kind::Functions => Self::Functions(Functions::of(pre)?),
        })
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::Native(pre) => pre.engine(),
            Self::Command(command) => command.engine(),
            Self::Http(handler) => handler.engine(),
            Self::Functions(functions) => functions.engine(),
        }
    }

    /// Runs the tool `run.definition` in `store`, which is new.
    ///
    /// # Errors
    ///
    /// What stopped the guest; what it gave, or why the host makes nothing of that, is within.
    pub(super) async fn call(&self, store: &mut Store<State>, run: &Run) -> wasmtime::Result<Answered> {
        match self {
            Self::Native(pre) => native::call(pre, store, run).await,
            Self::Command(command) => command.call(store, run).await,
            Self::Http(handler) => handler.call(store, run).await,
            Self::Functions(functions) => functions.call(store, run).await,
        }
    }
}

/// Whether a component exports `interface` of WASI 0.3, and not of an earlier version.
fn exports_of_3(pre: &InstancePre<State>, interface: &str) -> bool {
    let ty = pre.component().component_type();
    ty.exports(pre.engine())
        .any(|(name, _)| name.strip_prefix(interface).is_some_and(|version| version.starts_with("@0.3.")))
}

/// The arguments of a call, as the host's own schema has them.
fn arguments<T: serde::de::DeserializeOwned>(run: &Run) -> Result<T, Error> {
    serde_json::from_str(&run.arguments).map_err(|error| misfit(run, &error.to_string()))
}

/// The arguments are not what they have to be.
fn misfit(run: &Run, what: &str) -> Error {
    Error::new(Code::InvalidArguments, format!("the arguments of {} do not fit: {what}", run.definition))
        .next("GET /v1/tools has the schema of its arguments")
        .fact("faults", vec![what.to_owned()])
}

fn from_base64(run: &Run, member: &str, text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|_| misfit(run, &format!("/{member}: not base64, padded")))
}

/// Text by itself, bytes that are none in base64; each goes into a member of its own.
fn text_or_bytes(bytes: Vec<u8>) -> (Option<String>, Option<String>) {
    match String::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    }
}

/// An answer of a kind that the host puts into words itself: spelt no further than a result may be long.
fn spelt(answer: &impl Serialize, is_error: bool, run: &Run) -> wasmtime::Result<Answered> {
    let limit = run.limits.result_bytes;
    match typed::spell(answer, limit) {
        Ok(Some(json)) => Ok(Ok(ToolOutput { content: vec![Content::Json(json)], is_error })),
        Ok(None) => Err(Stop::LimitExceeded { which: "result_bytes", limit }.into()),
        Err(error) => Ok(Err(Error::internal(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_follows_from_the_exports_whatever_else_there_is() {
        let kind = |exports: &[&str]| Kind::of(exports.iter().copied());
        assert_eq!(kind(&["wasi:cli/run@0.2.0", "cofferdam:tool/tools@1.0.0"]), Kind::Native);
        assert_eq!(kind(&["wasi:http/incoming-handler@0.2.3", "wasi:cli/run@0.3.0"]), Kind::Http);
        assert_eq!(kind(&["a:b/c", "wasi:cli/run@0.3.0"]), Kind::Command);
        assert_eq!(kind(&["wasi:http/handler@0.3.0", "a:b/c"]), Kind::Http);
        assert_eq!(kind(&["wasi:http/types@0.2.0", "wasi:cli/runner"]), Kind::Functions);
        assert_eq!(kind(&[]), Kind::Functions);
    }
}
