//! `cofferdam:tool/tools` 1.0.

use super::{Entry, Tools};
use crate::bindings::exports::cofferdam::tool::tools as wit;
use crate::error::{Error, ErrorKind};
use crate::output::{Blob, Content, Output};
use crate::tool::Definition;

impl<T: Tools> wit::Guest for T {
    fn describe() -> Vec<wit::Definition> {
        T::ENTRIES.iter().map(|entry| (entry.definition)().into()).collect()
    }

    fn call(name: String, arguments: String) -> Result<wit::Output, wit::Failure> {
        let named = |entry: &&Entry| entry.name == name;
        let entry = T::ENTRIES.iter().find(named).ok_or(wit::Failure::UnknownTool)?;
        Ok((entry.call)(&arguments)?.into())
    }
}

impl From<Definition> for wit::Definition {
    fn from(definition: Definition) -> Self {
        let Definition { name, title, description, input_schema, output_schema, hints } = definition;
        let hints =
            wit::Hints { read_only: hints.read_only, destructive: hints.destructive, idempotent: hints.idempotent };
        Self { name, title, description, input_schema, output_schema, hints }
    }
}

impl From<Output> for wit::Output {
    fn from(output: Output) -> Self {
        let (content, is_error) = output.into_parts();
        Self { content: content.into_iter().map(Into::into).collect(), is_error }
    }
}

impl From<Content> for wit::Content {
    fn from(content: Content) -> Self {
        match content {
            Content::Text(text) => Self::Text(text),
            Content::Json(json) => Self::Json(json),
            Content::Image(blob) => Self::Image(blob.into()),
            Content::File(blob) => Self::File(blob.into()),
        }
    }
}

impl From<Blob> for wit::Blob {
    fn from(blob: Blob) -> Self {
        let Blob { media_type, name, data } = blob;
        Self { media_type, name, data }
    }
}

impl From<Error> for wit::Failure {
    fn from(error: Error) -> Self {
        let text = error.text().to_owned();
        match error.kind() {
            ErrorKind::InvalidArguments => Self::InvalidArguments(text),
            ErrorKind::Denied => Self::Denied(text),
            ErrorKind::Unavailable => Self::Unavailable(text),
            // Work that failed is an output before it comes here.
            ErrorKind::Failed | ErrorKind::Internal => Self::Internal(text),
        }
    }
}
