//! The `#[tool]` macro of cofferdam-sdk.
#![forbid(unsafe_code)]

mod expand;
mod options;
mod signature;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use self::options::Options;

/// Makes a function a tool, to be exported with `tools!`.
///
/// - The doc comment is the description that agents read: what it does and when to use it.
/// - The name is the function's, with `-` for `_`.
/// - The function takes nothing, or one value of a type that derives `serde::Deserialize` and `schemars::JsonSchema`,
///   whose JSON form is an object. The doc comments of its fields tell agents what to give.
/// - It returns `T` or `Result<T, cofferdam_sdk::Error>` (or another error that converts into this one); `T` is `Text`,
///   `Output`, a type that derives `serde::Serialize` and `schemars::JsonSchema`, or such a type in `Attached`.
///
/// Options, in any order:
///
/// | option | claims or sets |
/// |---|---|
/// | `read_only` | it changes nothing that outlives the call |
/// | `destructive` | it may destroy or overwrite what was there before |
/// | `idempotent` | calling again with the same arguments changes nothing more |
/// | `title = "…"` | a short name for people |
/// | `name = "…"` | the tool's name, where it is not the function's: `[a-z][a-z0-9-]*`, at most 64 characters |
///
/// The function stays as it is, and can be called by tests. Beside it stands a type of the same name that implements
/// `cofferdam_sdk::Tool`.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    let mut collected = Options::default();
    let parser = syn::meta::parser(|meta| collected.take(&meta));
    parse_macro_input!(options with parser);
    let function = parse_macro_input!(function as ItemFn);
    expand::tool(&collected, &function).into()
}
