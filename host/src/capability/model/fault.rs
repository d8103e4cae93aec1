//! Why there is no answer.

use serde::{Deserialize, Serialize};

use crate::capability::effects::Stop;

/// Why there is no answer. The texts are for the tool's author, and hold nothing that a provider said.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum ModelFault {
    /// Policy lets no such request be made.
    #[error("{0}")]
    Denied(String),
    /// It is no request that can be made.
    #[error("{0}")]
    Invalid(String),
    /// It could come to more than is left.
    #[error("{0}")]
    Budget(String),
    /// No provider answers.
    #[error("{0}")]
    Unavailable(String),
    /// The call ends here.
    #[serde(skip)]
    #[error(transparent)]
    Stop(#[from] Stop),
    /// The guest used a handle that it has not.
    #[serde(skip)]
    #[error(transparent)]
    Handle(#[from] wasmtime::component::ResourceTableError),
}

impl ModelFault {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    /// Something that cannot be.
    pub(super) fn defect() -> Self {
        tracing::error!("a request to a model came to something else than was asked for");
        Self::Unavailable("the host broke down over the request".to_owned())
    }
}
