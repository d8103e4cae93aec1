//! `cofferdam:tool/prompt` 1.0.

use crate::bindings::cofferdam::tool::prompt;
use crate::error::Error;

pub(crate) fn render(name: &str, parameters: Vec<(String, String)>) -> Result<String, Error> {
    prompt::render(name, &parameters).map_err(|error| {
        match error {
            prompt::Error::Denied(text) => Error::denied(text),
            prompt::Error::Invalid(text) => Error::failed(text),
        }
        .about("prompt")
    })
}
