//! `cofferdam:tool/call` 1.0.

use super::{Call, Failure};
use crate::bindings::cofferdam::tool::call as wit;
use crate::output::{Blob, Content, Output};

pub(crate) type Pending = Running;

/// A call under way.
#[derive(Debug)]
pub(crate) struct Running(wit::Pending);

impl Running {
    pub(crate) fn wait(self) -> Result<Output, Failure> {
        answered(wit::wait(self.0))
    }
}

pub(crate) fn run(call: &Call, tool: &str, arguments: &str) -> Result<Output, Failure> {
    answered(wit::call(tool, arguments, options(call)))
}

pub(crate) fn start(call: &Call, tool: &str, arguments: &str) -> Result<Running, Failure> {
    wit::start(tool, arguments, options(call)).map(Running).map_err(failure)
}

pub(crate) fn any<'a>(pending: impl Iterator<Item = &'a Running>) -> usize {
    let pending: Vec<&wit::Pending> = pending.map(|running| &running.0).collect();
    wit::wait_any(&pending) as usize
}

fn options(call: &Call) -> wit::Options {
    let deadline_ms = call.deadline.map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    wit::Options { deadline_ms, fuel: call.fuel }
}

fn failure(error: wit::Error) -> Failure {
    let wit::Error { code, message, next } = error;
    Failure { code, message, next }
}

fn answered(answer: Result<wit::Output, wit::Error>) -> Result<Output, Failure> {
    let answer = answer.map_err(failure)?;
    let blob = |wit::Blob { media_type, name, data }: wit::Blob| Blob { media_type, name, data };
    let pieces = answer.content.into_iter().map(|content| match content {
        wit::Content::Text(text) => Content::Text(text),
        wit::Content::Json(json) => Content::Json(json),
        wit::Content::Image(image) => Content::Image(blob(image)),
        wit::Content::File(file) => Content::File(blob(file)),
    });
    let output = pieces.fold(Output::new(), Output::and);
    Ok(if answer.is_error { output.failed() } else { output })
}
