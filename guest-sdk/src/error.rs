//! Why a tool gave no answer.

use std::{fmt, io};

/// Why a tool gave no answer, in words that an agent can act on.
///
/// Which constructor is right follows from what the agent should do next: change the arguments
/// ([`Error::invalid_arguments`]), ask for a grant ([`Error::denied`]), try again later ([`Error::unavailable`]), read
/// why the work failed ([`Error::failed`]), or tell the tool's author ([`Error::internal`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    text: String,
}

/// Whose turn it is after an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The arguments do not fit.
    InvalidArguments,
    /// Policy does not grant a capability that is needed.
    Denied,
    /// Something that the tool depends on did not answer.
    Unavailable,
    /// The tool ran, and its work failed.
    Failed,
    /// A defect of the tool.
    Internal,
}

impl Error {
    /// The arguments do not fit; `text` names the field and what would fit. What the types of the arguments rule out is
    /// refused before the tool's function runs: this is for rules that types cannot state.
    pub fn invalid_arguments(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArguments, text)
    }

    /// A capability that is needed was refused; `text` says which. The capabilities of this crate answer so by themselves.
    pub fn denied(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, text)
    }

    /// Something that the tool depends on did not answer; trying again later may help.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, text)
    }

    /// The tool ran, and its work failed: what it was asked for is not there, or cannot be done. The agent gets `text` as
    /// the tool's output, marked as an error.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, text)
    }

    /// A defect of the tool.
    pub fn internal(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, text)
    }

    /// Whose turn it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to read, as [`fmt::Display`] shows it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same error with `what: ` before its text, where the text alone does not say what it is about.
    #[must_use]
    pub fn about(mut self, what: impl fmt::Display) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }

    fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// What a volume refused is [`Error::denied`], an [`Error`] that came through [`io::Read`] is itself again, and all else
/// is [`Error::failed`]. The text does not hold the path: add it with [`Error::about`].
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) if is_refused(&error) => Self::denied(format!("the files grant does not allow it ({error})")),
            Err(error) => Self::failed(error.to_string()),
        }
    }
}

/// So that a body can be read by [`io::Read`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::InvalidArguments => io::ErrorKind::InvalidInput,
            ErrorKind::Denied => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Whether a volume's grant, or the lack of one, is why.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
        // What std says in WebAssembly where no volume is mounted over the path; it has no kind of its own.
        || error.to_string().contains("pre-opened file descriptor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_its_way_through_io() {
        let error = Error::unavailable("example.org did not answer");
        assert_eq!(Error::from(io::Error::from(error.clone())), error);
    }

    #[test]
    fn what_a_volume_refuses_is_denied_and_the_rest_failed() {
        let kind = |error: io::Error| Error::from(error).kind();
        assert_eq!(kind(io::ErrorKind::PermissionDenied.into()), ErrorKind::Denied);
        assert_eq!(kind(io::ErrorKind::ReadOnlyFilesystem.into()), ErrorKind::Denied);
        assert_eq!(kind(io::ErrorKind::NotFound.into()), ErrorKind::Failed);
    }

    #[test]
    fn what_it_is_about_stands_first() {
        assert_eq!(Error::failed("not found").about("/work/a").to_string(), "/work/a: not found");
    }
}
