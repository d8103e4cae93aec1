//! Tools that ask models and use prompts as they are told to, and say what came of it.

use cofferdam_sdk::model::{Level, Message, Piece, ToolCall, ToolDefinition};
use cofferdam_sdk::{Error, model, prompt, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Ask {
    route: String,
    text: String,
    #[serde(default)]
    max_tokens: Option<u32>,
    /// Whether it is as hard as can be.
    #[serde(default)]
    hard: bool,
    /// How often to ask, one after the other.
    #[serde(default)]
    times: Option<usize>,
}

/// What came of a request.
#[derive(Serialize, JsonSchema)]
struct Told {
    /// The text, or the error's.
    text: String,
    /// Which model; absent for an error.
    model: Option<String>,
    input_tokens: u64,
    output_tokens: u64,
    cost: u64,
    /// Pieces of text that it came in.
    pieces: usize,
}

impl Told {
    fn error(error: &Error) -> Self {
        let text = format!("{:?}: {error}", error.kind());
        Self { text, model: None, input_tokens: 0, output_tokens: 0, cost: 0, pieces: 0 }
    }

    fn answer(text: String, ending: model::Ending, pieces: usize) -> Self {
        let model::Ending { usage, model, .. } = ending;
        let model::Usage { input_tokens, output_tokens, cost } = usage;
        Self { text, model: Some(model), input_tokens, output_tokens, cost, pieces }
    }
}

fn begin(args: &Ask) -> model::Chat {
    let chat = model::chat(&args.route).system("Be brief.").user(&args.text);
    let chat = if args.hard { chat.complexity(Level::High) } else { chat.complexity(Level::Low) };
    match args.max_tokens {
        Some(tokens) => chat.max_tokens(tokens),
        None => chat,
    }
}

/// Asks, as often as told, and says what each time came of it.
#[tool]
fn chat(args: Ask) -> Vec<Told> {
    let one = |_| match begin(&args).send() {
        Ok(answer) => Told::answer(answer.text, answer.ending, 1),
        Err(error) => Told::error(&error),
    };
    (0..args.times.unwrap_or(1)).map(one).collect()
}

/// Asks, and reads the answer as it is made.
#[tool]
fn stream(args: Ask) -> Told {
    let reply = match begin(&args).stream() {
        Ok(reply) => reply,
        Err(error) => return Told::error(&error),
    };
    let (mut text, mut pieces) = (String::new(), 0);
    for piece in reply {
        match piece {
            Ok(Piece::Text(more)) => {
                text.push_str(&more);
                pieces += 1;
            }
            Ok(Piece::ToolCall(call)) => text.push_str(&call.name),
            Ok(Piece::End(ending)) => return Told::answer(text, ending, pieces),
            Err(error) => return Told { pieces, ..Told::error(&error) },
        }
    }
    Told::error(&Error::internal("it had no end"))
}

/// Reads one piece of an answer and leaves.
#[tool]
fn glance(args: Ask) -> Result<String, Error> {
    match begin(&args).stream()?.next().transpose()? {
        Some(Piece::Text(text)) => Ok(text),
        other => Err(Error::failed(format!("{other:?}"))),
    }
}

/// Lets the model ask for a tool, gives what that gives, and says both.
#[tool]
fn consult(args: Ask) -> Result<Told, Error> {
    let tool = ToolDefinition {
        name: "look_up".to_owned(),
        description: "Looks a word up.".to_owned(),
        input_schema: r#"{"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}"#
            .to_owned(),
    };
    let first = begin(&args).tool(tool.clone()).send()?;
    let [ToolCall { id, name, arguments }] = &first.tool_calls[..] else {
        return Err(Error::failed(format!("it asked for {} tools", first.tool_calls.len())));
    };
    let result = format!("{name} of {arguments}");
    let said = Message::Assistant { text: first.text.clone(), tool_calls: first.tool_calls.clone() };
    let answered = Message::Tool { id: id.clone(), content: result, is_error: false };
    let answer = begin(&args).tool(tool).message(said).message(answered).send()?;
    Ok(Told::answer(answer.text, answer.ending, 1))
}

#[derive(Deserialize, JsonSchema)]
struct Embed {
    route: String,
    texts: Vec<String>,
}

/// How like the first text the others are, by the cosine of their vectors.
#[tool]
fn likeness(args: Embed) -> Result<Vec<f32>, Error> {
    let made = model::embed(&args.route, &args.texts)?;
    let length = |vector: &[f32]| vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    let [first, others @ ..] = &made.vectors[..] else { return Ok(Vec::new()) };
    let like =
        |other: &Vec<f32>| first.iter().zip(other).map(|(a, b)| a * b).sum::<f32>() / (length(first) * length(other));
    Ok(others.iter().map(like).collect())
}

#[derive(Deserialize, JsonSchema)]
struct Render {
    name: String,
    text: String,
}

/// Renders a prompt with one parameter.
#[tool]
fn render(args: Render) -> Result<String, Error> {
    prompt::render(&args.name, [("text", args.text)])
}

tools!(chat, consult, glance, likeness, render, stream);
