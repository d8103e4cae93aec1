//! A tool that greets: change it into yours.

use cofferdam_sdk::{Error, config, log, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name, in characters: a limit that the schema tells agents.
const NAME_CHARS_MAX: usize = 100;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Whom to greet, at most 100 characters.
    #[schemars(length(min = 1, max = 100))]
    name: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Greeting {
    /// The greeting, a sentence.
    greeting: String,
}

/// Greet a person by name. The word of greeting is the setting `greeting`, or "Hello" where policy gives none.
#[tool(read_only, idempotent, title = "Greet")]
fn greet(args: Args) -> Result<Greeting, Error> {
    let name = args.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Error::invalid_arguments(format!("`name` needs 1 to {NAME_CHARS_MAX} characters")));
    }
    let word = config::get("greeting")?.unwrap_or_else(|| "Hello".to_owned());
    log::info!("greeting a name of {} characters", name.chars().count());
    Ok(Greeting { greeting: format!("{word}, {name}!") })
}

tools!(greet);

#[cfg(test)]
mod tests {
    use cofferdam_sdk::{ErrorKind, Tool, fakes};

    use super::*;

    fn greeting(name: &str) -> Result<Greeting, Error> {
        greet(Args { name: name.to_owned() })
    }

    #[test]
    fn it_greets_with_the_word_of_the_setting() {
        assert_eq!(greeting("Ada").unwrap().greeting, "Hello, Ada!");
        fakes::config::set("greeting", "Moin");
        assert_eq!(greeting("Ada").unwrap().greeting, "Moin, Ada!");
        assert_eq!(fakes::log::lines().len(), 2);
    }

    #[test]
    fn nobody_is_not_greeted() {
        assert_eq!(greeting("  ").unwrap_err().kind(), ErrorKind::InvalidArguments);
        assert_eq!(greeting(&"x".repeat(101)).unwrap_err().kind(), ErrorKind::InvalidArguments);
    }

    #[test]
    fn an_agent_calls_it_with_json() {
        let output = greet::call(r#"{"name": "Ada"}"#).unwrap();
        assert_eq!(output.as_json().unwrap()["greeting"], "Hello, Ada!");
        let error = greet::call(r#"{"nam": "Ada"}"#).unwrap_err();
        assert!(error.text().contains("unknown field `nam`"), "{error}");
    }
}
