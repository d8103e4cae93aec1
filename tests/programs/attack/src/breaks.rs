//! Ends that a tool should not come to, and answers that it should not give.

use std::hint::black_box;

use cofferdam_sdk::{Blob, Content, Error, Output, Text, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    Panic,
    Unreachable,
    OutOfBounds,
    Exit,
    ExitWithFailure,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Break {
    how: How,
}

/// Breaks down.
#[tool]
pub(crate) fn break_down(args: Break) -> Text {
    match args.how {
        How::Panic => panic!("a panic with \u{1b}[31mcolour\u{1b}[0m and \0 in it"),
        How::Unreachable => core::arch::wasm32::unreachable(),
        How::OutOfBounds => {
            // SAFETY: none; that is the attack.
            let byte = unsafe { black_box(0xffff_fff0_usize as *const u8).read_volatile() };
            Text(byte.to_string())
        }
        How::Exit => {
            wasip2::cli::exit::exit(Ok(()));
            Text("still there".to_owned())
        }
        How::ExitWithFailure => {
            wasip2::cli::exit::exit(Err(()));
            Text("still there".to_owned())
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Failure {
    InvalidArguments,
    Denied,
    Unavailable,
    Failed,
    Internal,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Fail {
    failure: Failure,
    text: String,
}

/// Fails in each of the ways that there are, with a text of the caller's choice.
#[tool]
pub(crate) fn fail(args: Fail) -> Result<Text, Error> {
    Err(match args.failure {
        Failure::InvalidArguments => Error::invalid_arguments(args.text),
        Failure::Denied => Error::denied(args.text),
        Failure::Unavailable => Error::unavailable(args.text),
        Failure::Failed => Error::failed(args.text),
        Failure::Internal => Error::internal(args.text),
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Untruth {
    /// Says that it is JSON, and is not.
    NoJson,
    /// JSON after which more comes.
    MoreThanJson,
    /// JSON that is nested too deep to be read.
    DeepJson,
    /// A media type with a line end in it.
    MediaType,
    /// A file name that leads elsewhere.
    FileName,
    /// No content at all.
    Nothing,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Lie {
    how: Untruth,
}

/// What `lie` would answer, if it told the truth.
#[derive(Serialize, JsonSchema)]
struct Truth {
    /// Always there.
    true_words: u64,
}

/// Answers with what is not what it says.
#[tool]
pub(crate) fn lie(args: Lie) -> Output {
    let json = |text: String| Output::new().and(Content::Json(text));
    let blob = |media_type: &str, name: &str| {
        Output::new().and(Content::File(Blob {
            media_type: media_type.to_owned(),
            name: Some(name.to_owned()),
            data: b"x".to_vec(),
        }))
    };
    match args.how {
        Untruth::NoJson => json("{\"true_words\": 1".to_owned()),
        Untruth::MoreThanJson => json(serde_json::to_string(&Truth { true_words: 1 }).unwrap_or_default() + "]"),
        Untruth::DeepJson => json("[".repeat(100_000) + &"]".repeat(100_000)),
        Untruth::MediaType => blob("text/html\r\nset-cookie: a=b", "a"),
        Untruth::FileName => blob("text/plain", "../../etc/passwd\0"),
        Untruth::Nothing => Output::new(),
    }
}
