//! What `#[tool]` makes of a function.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::output::{Answer, Output};
use crate::schema;

/// A function with `#[tool]`, by the function's own name: `word_count::call(…)` calls the tool of the function
/// `word_count` as an agent does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "write `#[tool]` above the function, and the function's name here"
)]
pub trait Tool {
    /// Its name within the component, unique there.
    const NAME: &'static str;

    /// What agents see of it.
    fn definition() -> Definition;

    /// Runs it. `arguments` is a JSON object; work that failed is an output, marked as an error.
    ///
    /// # Errors
    ///
    /// [`Error::invalid_arguments`], naming the field, where the arguments do not fit; else the tool's own.
    fn call(arguments: &str) -> Result<Output, Error>;
}

/// A tool as agents see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// `[a-z][a-z0-9-]*`, at most 64 characters.
    pub name: String,
    /// A short name for people.
    pub title: Option<String>,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments.
    pub input_schema: String,
    /// JSON Schema (2020-12) of the JSON answer, where it gives one.
    pub output_schema: Option<String>,
    /// What it claims of its effects.
    pub hints: Hints,
}

/// Claims of a tool about its effects. The host derives the facts from imports and grants; a claim can only raise the risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints {
    /// Changes nothing that outlives the call.
    pub read_only: bool,
    /// May destroy or overwrite what was there before.
    pub destructive: bool,
    /// Calling again with the same arguments changes nothing more.
    pub idempotent: bool,
}

/// The arguments of a tool that takes none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoArguments {}

/// The definition of a tool that takes `A` and answers with `R`.
pub fn definition<A: JsonSchema, R: Answer>(
    name: &str,
    title: Option<&str>,
    description: &str,
    hints: Hints,
) -> Definition {
    Definition {
        name: name.to_owned(),
        title: title.map(str::to_owned),
        description: description.to_owned(),
        input_schema: schema::of_arguments::<A>(),
        output_schema: R::schema(),
        hints,
    }
}

/// Reads a tool's arguments.
///
/// # Errors
///
/// [`Error::invalid_arguments`], naming the field.
pub fn arguments<A: DeserializeOwned>(text: &str) -> Result<A, Error> {
    let json = &mut serde_json::Deserializer::from_str(text);
    let arguments = serde_path_to_error::deserialize(&mut *json).map_err(|error| {
        let path = error.path().to_string();
        let cause = fault(error.inner());
        let is_at_root = path == "." || !error.inner().is_data();
        Error::invalid_arguments(if is_at_root { cause } else { format!("`{path}`: {cause}") })
    })?;
    json.end().map_err(|error| Error::invalid_arguments(fault(&error)))?;
    Ok(arguments)
}

/// Without the position, which means nothing to an agent that made its arguments as data, unless they are no JSON at all.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !error.is_data() {
        return format!("the arguments are not a JSON object: {text}");
    }
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).map_or_else(|| text.clone(), str::to_owned)
}

/// The output of a tool that answered.
///
/// # Errors
///
/// [`Error::internal`] where the answer has no JSON form.
pub fn answer<R: Answer>(answer: R) -> Result<Output, Error> {
    answer.into_output()
}

/// The output of a tool whose work failed.
///
/// # Errors
///
/// Every other error, as it is.
pub fn failure<E: Into<Error>>(error: E) -> Result<Output, Error> {
    let error = error.into();
    match error.kind() {
        ErrorKind::Failed => Ok(Output::text(error.text()).failed()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is looked at")]
    struct Args {
        text: String,
        #[serde(default)]
        ranges: Vec<Range>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read is looked at")]
    struct Range {
        from: u32,
    }

    fn refused(text: &str) -> String {
        let error = arguments::<Args>(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArguments);
        error.text().to_owned()
    }

    #[test]
    fn the_field_that_does_not_fit_is_named() {
        assert_eq!(
            refused(r#"{"text": "a", "ranges": [{"from": 1}, {"from": "b"}]}"#),
            r#"`ranges[1].from`: invalid type: string "b", expected u32"#
        );
        assert_eq!(refused("{}"), "missing field `text`");
        assert_eq!(refused(r#"{"text": "a", "size": 1}"#), "`size`: unknown field `size`, expected `text` or `ranges`");
        assert_eq!(refused(r#"{"text": "a", "ranges": [{}]}"#), "`ranges[0]`: missing field `from`");
    }

    #[test]
    fn what_is_not_json_is_said_to_be_none() {
        for text in ["", "{", r#"{"text": "a"} x"#] {
            assert!(refused(text).starts_with("the arguments are not a JSON object: "), "{}", refused(text));
        }
    }

    #[test]
    fn work_that_failed_is_an_output_and_other_errors_are_none() {
        let output = failure(Error::failed("no such page")).unwrap();
        assert_eq!((output.as_text(), output.is_error()), (Some("no such page"), true));
        let error = Error::denied("no grant");
        assert_eq!(failure(error.clone()).unwrap_err(), error);
    }
}
