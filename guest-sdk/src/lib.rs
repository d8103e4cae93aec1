//! What a tool author imports: the `#[tool]` macro, `tools!`, the capabilities of a call, and their fakes.
//!
//! ```
//! use cofferdam_sdk::{Error, tool, tools};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Args {
//!     /// Text to count.
//!     text: String,
//! }
//!
//! /// Count the words in a text.
//! #[tool(read_only, idempotent)]
//! fn word_count(args: Args) -> Result<u64, Error> {
//!     Ok(args.text.split_whitespace().count() as u64)
//! }
//!
//! tools!(word_count);
//! ```
//!
//! What agents read comes from the code: the tool's description from the function's doc comment, the schemas of arguments
//! and answer from their types, the documentation of each argument from its field's.
//!
//! # Capabilities
//!
//! A call holds nothing but what policy grants it. Without a grant a capability answers with an error of the kind
//! [`ErrorKind::Denied`], never by waiting.
//!
//! | what | how | without a grant |
//! |---|---|---|
//! | buckets of keys and values | [`kv`] | denied |
//! | requests over HTTP | [`http`] | denied |
//! | files | [`std::fs`], with paths from [`files::path`] | no folder is there |
//! | settings | [`config`] | there are none |
//! | models | [`model`] | denied |
//! | prompt templates | [`prompt`] | denied |
//! | log lines | [`log`] | they go nowhere |
//! | calls of other tools | [`call`] | denied |
//! | progress of the call | [`progress`] | needs no grant |
//! | clocks | [`std::time`] | they stand still at the call's start |
//! | random bytes | the crate `getrandom`, [`std::collections::HashMap`] | they follow from the call's id |
//!
//! A component imports the interfaces of those that its code reaches, and no others.
//!
//! # Tests
//!
//! Everything runs natively under `cargo test`: outside of WebAssembly the capabilities are fakes that a test fills and
//! reads by [`fakes`]. The functions can be called as they are, and with JSON, as an agent would, by [`Tool::call`]:
//!
//! ```
//! # use cofferdam_sdk::{tool, Text};
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct Args { name: String }
//! # /// Greets.
//! # #[tool]
//! # fn greet(args: Args) -> Text { Text(format!("Hello, {}!", args.name)) }
//! use cofferdam_sdk::Tool;
//!
//! let output = greet::call(r#"{"name": "Ada"}"#)?;
//! assert_eq!(output.as_text(), Some("Hello, Ada!"));
//! # Ok::<(), cofferdam_sdk::Error>(())
//! ```
//!
//! A panic in a tool ends its call, which the agent sees as a defect of the tool.
#![deny(missing_docs)]

pub mod call;
pub mod config;
pub mod files;
pub mod http;
pub mod kv;
pub mod log;
pub mod model;
pub mod progress;
pub mod prompt;

#[cfg(not(target_family = "wasm"))]
pub mod fakes;

mod error;
mod export;
mod output;
mod schema;
mod tool;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;

pub use cofferdam_sdk_macros::tool;

pub use self::error::{Error, ErrorKind};
pub use self::output::{Answer, Attached, Blob, Content, Output, Text};
pub use self::tool::{Definition, Hints, Tool};

/// What the macros expand to. Not for authors, and it may change with any version.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::bindings;
    pub use crate::export::{Entry, Tools, is_only};
    pub use crate::tool::{NoArguments, answer, arguments, definition, failure};
}
