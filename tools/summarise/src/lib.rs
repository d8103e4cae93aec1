//! Sums texts up: by a model of the tenant's route `summarise`, asked with the tenant's prompt of that name.

use cofferdam_sdk::model::StopReason;
use cofferdam_sdk::{Error, Text, model, prompt, tool, tools};
use schemars::JsonSchema;
use serde::Deserialize;

/// The route and the prompt, as policies name them.
const NAME: &str = "summarise";
/// Sentences where nothing is said, and at most.
const SENTENCES: u32 = 3;
const SENTENCES_MAX: u32 = 20;
/// Tokens that a sentence may take.
const TOKENS_PER_SENTENCE: u32 = 80;
/// A text, in bytes.
const TEXT_BYTES_MAX: usize = 256 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    /// The text, of at most 256 KiB.
    text: String,
    /// How many sentences the summary is to have: 1 to 20, 3 where nothing is said.
    #[serde(default)]
    sentences: Option<u32>,
}

/// Sum up a text in a few sentences. A model does it, by the wording that your operator has chosen.
#[tool(read_only)]
fn summarise(args: Args) -> Result<Text, Error> {
    let sentences = args.sentences.unwrap_or(SENTENCES);
    if !(1..=SENTENCES_MAX).contains(&sentences) {
        return Err(Error::invalid_arguments(format!("sentences is 1 to {SENTENCES_MAX}")));
    }
    if args.text.trim().is_empty() || args.text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid_arguments(format!("text has 1 to {TEXT_BYTES_MAX} bytes")));
    }
    let asked = prompt::render(NAME, [("text", args.text), ("sentences", sentences.to_string())])?;
    let answer = model::chat(NAME).user(asked).max_tokens(sentences * TOKENS_PER_SENTENCE).send()?;
    match answer.ending.stop {
        StopReason::Refused => Err(Error::failed("the model does not sum this text up")),
        _ if answer.text.trim().is_empty() => Err(Error::unavailable("the model gave no summary")),
        _ => Ok(Text(answer.text)),
    }
}

tools!(summarise);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use cofferdam_sdk::model::Message;
    use cofferdam_sdk::{ErrorKind, Tool as _, fakes};

    use super::*;

    #[test]
    fn a_text_is_summed_up_by_the_operators_wording() {
        fakes::prompt::set(NAME, "In {sentences}: {text}");
        fakes::model::respond(NAME, "Wet.");
        let output = summarise::call(r#"{"text": "It {rains}.", "sentences": 1}"#).unwrap();
        assert_eq!(output.as_text(), Some("Wet."));
        assert_eq!(fakes::model::asked()[0].messages, [Message::User("In 1: It {rains}.".into())]);
    }

    #[test]
    fn what_cannot_be_summed_up_is_told() {
        let kind = |arguments: &str| summarise::call(arguments).unwrap_err().kind();
        assert_eq!(kind(r#"{"text": " "}"#), ErrorKind::InvalidArguments);
        assert_eq!(kind(r#"{"text": "a", "sentences": 0}"#), ErrorKind::InvalidArguments);
        assert_eq!(kind(r#"{"text": "a"}"#), ErrorKind::Denied);
        fakes::prompt::set(NAME, "{sentences} {text}");
        fakes::model::respond(NAME, "");
        assert_eq!(kind(r#"{"text": "a"}"#), ErrorKind::Unavailable);
    }
}
