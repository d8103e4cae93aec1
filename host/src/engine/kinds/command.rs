//! `wasi:cli/run`: a program. Arguments and standard input go in; what it prints and its exit code come out.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::{p2, p3};

use super::Answered;
use crate::capability::stdio::{Program, Start};
use crate::engine::Run;
use crate::engine::output::RawDefinition;
use crate::engine::state::State;
use crate::error::Error;

/// What every program is to an agent. It says nothing of itself.
pub fn definition() -> RawDefinition {
    let input = json!({
        "type": "object",
        "properties": {
            "args": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The arguments, without the program's own name.",
            },
            "stdin": {"type": "string", "description": "Standard input, as text."},
            "stdin_base64": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "Standard input, as bytes; instead of stdin.",
            },
        },
        "not": {"required": ["stdin", "stdin_base64"]},
        "additionalProperties": false,
    });
    let bytes = json!({"type": "string", "contentEncoding": "base64"});
    let output = json!({
        "type": "object",
        "properties": {
            "exit_code": {"type": "integer", "minimum": 0, "maximum": 255},
            "stdout": {"type": "string"},
            "stdout_base64": bytes,
            "stderr": {"type": "string"},
            "stderr_base64": bytes,
        },
        "required": ["exit_code"],
    });
    RawDefinition {
        name: "run".to_owned(),
        title: None,
        description: "Runs the program with arguments and standard input, and gives what it prints and its exit code. \
                      Output that is not text is given as base64. An exit code other than 0 is a failure."
            .to_owned(),
        input_schema: input.to_string(),
        output_schema: Some(output.to_string()),
        hints: Default::default(),
    }
}

/// A program, by the version of WASI that it is of.
pub(in crate::engine) enum Command {
    P2(p2::bindings::CommandPre<State>),
    P3(p3::bindings::CommandPre<State>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Arguments {
    args: Vec<String>,
    stdin: Option<String>,
    stdin_base64: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<String>,
}

impl Command {
    pub(super) fn of(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        if super::exports_of_3(&pre, "wasi:cli/run") {
            return p3::bindings::CommandPre::new(pre).map(Self::P3);
        }
        p2::bindings::CommandPre::new(pre).map(Self::P2)
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::P2(pre) => pre.engine(),
            Self::P3(pre) => pre.engine(),
        }
    }

    pub(super) async fn call(&self, store: &mut Store<State>, run: &Run) -> wasmtime::Result<Answered> {
        let start = match start(run) {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let program = Program::new(start, run.limits.result_bytes);
        let printed = program.printed().clone();
        store.data_mut().capabilities.start_program(program);
        let ended = match self {
            Self::P2(pre) => {
                async {
                    let command = pre.instantiate_async(&mut *store).await?;
                    command.wasi_cli_run().call_run(&mut *store).await
                }
                .await
            }
            Self::P3(pre) => {
                async {
                    let command = pre.instantiate_async(&mut *store).await?;
                    store.run_concurrent(async |store| command.wasi_cli_run().call_run(store).await).await?
                }
                .await
            }
        };
        let exit_code = match ended {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            // Anything past a byte is a failure like another.
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => u8::try_from(*code).unwrap_or(u8::MAX),
                None => return Err(error),
            },
        };
        answer(exit_code, printed.take(), run)
    }
}

fn start(run: &Run) -> Result<Start, Error> {
    let Arguments { args, stdin, stdin_base64 } = super::arguments(run)?;
    let input = match (stdin, stdin_base64) {
        (Some(_), Some(_)) => {
            return Err(super::misfit(run, "stdin and stdin_base64 are both there: give one of them"));
        }
        (Some(text), None) => text.into(),
        (None, Some(bytes)) => super::from_base64(run, "stdin_base64", &bytes)?.into(),
        (None, None) => Bytes::new(),
    };
    let arguments = std::iter::once(run.definition.to_string()).chain(args).collect();
    Ok(Start { arguments, input })
}

fn answer(exit_code: u8, [stdout, stderr]: [Vec<u8>; 2], run: &Run) -> wasmtime::Result<Answered> {
    let (stdout, stdout_base64) = super::text_or_bytes(stdout);
    let (stderr, stderr_base64) = super::text_or_bytes(stderr);
    let answer = Answer { exit_code, stdout, stdout_base64, stderr, stderr_base64 };
    super::spelt(&answer, exit_code != 0, run)
}
