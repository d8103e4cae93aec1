//! `cofferdam tools`: exactly what this key may call.

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::connection::Connection;
use super::style::{CARE, QUIET, STRONG, one_line, paint, plain};
use super::table::Table;
use super::{Exit, Output, Result};
use crate::http::wire;
use crate::id::{CallTarget, ToolName};

/// A description's length in a listing, in characters.
const SHOWN: usize = 72;

/// List the tools that this key may call, or show one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam tools
  cofferdam tools catalogue/text.count
  cofferdam tools --limit 100 --after catalogue/text.count
  cofferdam tools --json | jq -r '.tools[].name'")]
pub(super) struct Tools {
    /// Show this one, with its arguments
    tool: Option<CallTarget>,
    /// List only those behind this one
    #[arg(long, value_name = "TOOL", conflicts_with = "tool")]
    after: Option<ToolName>,
    /// List so many at most [default: all]
    #[arg(long, value_name = "N", conflicts_with = "tool")]
    limit: Option<u32>,
    #[command(flatten)]
    connection: Connection,
}

impl Tools {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let client = Client::new(&self.connection)?;
        match &self.tool {
            Some(name) => output.show(&one(&client, name)?, detail)?,
            None => {
                let mut query = Vec::new();
                query.extend(self.after.as_ref().map(|after| ("after", after.to_string())));
                query.extend(self.limit.map(|limit| ("limit", limit.to_string())));
                let tools: wire::Tools = client.get(&["v1", "tools"], &query)?;
                output.show(&tools, listing)?;
                if let Some(next) = &tools.next {
                    output.note(format_args!("there are more: --after {next}"));
                }
            }
        }
        Ok(Exit::Ok)
    }
}

/// What the host says of one tool or route.
pub(super) fn one(client: &Client, name: &CallTarget) -> Result<wire::Tool> {
    let name = name.to_string();
    let path: Vec<&str> = ["v1", "tools"].into_iter().chain(name.split('/')).collect();
    client.get(&path, &[])
}

fn listing(tools: &wire::Tools) -> String {
    if tools.tools.is_empty() {
        return "this key may call no tool; `cofferdam whoami` shows its scopes, `cofferdam policy explain --tool TOOL` why"
            .to_owned();
    }
    let mut table = Table::new(["TOOL", "VERSION", "RISK", "DESCRIPTION"]);
    for tool in &tools.tools {
        let first = tool.description.lines().next().unwrap_or_default();
        let description = match &tool.deprecated {
            Some(message) => paint(CARE, one_line(&format!("deprecated: {message}"), SHOWN)),
            None => one_line(first, SHOWN),
        };
        table.row([paint(STRONG, &tool.name), tool.version.to_string(), effects(&tool.annotations), description]);
    }
    table.to_string()
}

/// What calling it can do, in few words.
pub(super) fn effects(annotations: &wire::Annotations) -> String {
    let mut words = vec![if annotations.read_only {
        "read-only"
    } else if annotations.destructive {
        "destructive"
    } else {
        "writes"
    }];
    words.extend(annotations.open_world.then_some("network"));
    words.extend(annotations.deterministic.then_some("deterministic"));
    format!("{}: {}", annotations.risk.as_str(), words.join(", "))
}

fn detail(tool: &wire::Tool) -> String {
    let mut text = format!("{} {}", paint(STRONG, &tool.name), tool.version);
    if let Some(title) = &tool.title {
        text += &format!("  {}", plain(title));
    }
    if !tool.choices.is_empty() {
        let choices: Vec<String> = tool.choices.iter().map(ToString::to_string).collect();
        text += &format!("  chooses from {}", choices.join(", "));
    }
    text += &format!("\n{}\n", paint(QUIET, effects(&tool.annotations)));
    if let Some(message) = &tool.deprecated {
        text += &format!("{}\n", paint(CARE, format_args!("deprecated: {}", plain(message))));
    }
    text += &format!("\n{}\n", plain(&tool.description));
    text += &arguments(&tool.input_schema);
    text
}

/// The arguments that a schema names, as a table.
pub(super) fn arguments(schema: &Value) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut table = Table::plain().indent(2);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let needed = if required.contains(&name.as_str()) { "" } else { "optional" };
        let about = property["description"].as_str().unwrap_or_default();
        table.row([
            plain(name).into_owned(),
            paint(QUIET, one_line(&kind(property), 40)),
            paint(QUIET, needed),
            one_line(about, SHOWN),
        ]);
    }
    if table.is_empty() { "\nno arguments\n".to_owned() } else { format!("\narguments:\n{table}") }
}

/// A property's type in a word or two.
fn kind(property: &Value) -> String {
    let named = |value: &Value| match value {
        Value::String(kind) => kind.clone(),
        value => value.to_string(),
    };
    if let Some(values) = property["enum"].as_array() {
        return values.iter().map(named).collect::<Vec<_>>().join(" | ");
    }
    match &property["type"] {
        Value::Array(kinds) => kinds.iter().map(named).collect::<Vec<_>>().join(" | "),
        Value::String(kind) if kind == "array" && property["items"]["type"].is_string() => {
            format!("array of {}", named(&property["items"]["type"]))
        }
        Value::String(kind) => kind.clone(),
        _ => "JSON".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn tool() -> wire::Tool {
        serde_json::from_value(json!({
            "name": "catalogue/text.count", "version": "1.2.0", "title": "Count",
            "description": "Count the words of a text.\nSays lines and bytes too.",
            "input_schema": {"type": "object", "required": ["text"], "properties": {
                "text": {"type": "string", "description": "Text to count\nin UTF-8"},
                "unit": {"enum": ["words", "lines"]},
                "skip": {"type": "array", "items": {"type": "string"}},
            }},
            "annotations": {"read_only": true, "destructive": false, "idempotent": true, "open_world": false,
                "deterministic": true, "risk": "low"},
        }))
        .unwrap()
    }

    #[test]
    fn tools_are_shown_with_their_effects_and_arguments() {
        let text: String = anstream::adapter::strip_str(&detail(&tool())).collect();
        expect![[r#"
            catalogue/text.count 1.2.0  Count
            low: read-only, deterministic

            Count the words of a text.
            Says lines and bytes too.

            arguments:
              text  string                     Text to count in UTF-8
              unit  words | lines    optional
              skip  array of string  optional
        "#]]
        .assert_eq(&text);
        let text = listing(&wire::Tools { tools: vec![tool()], next: None });
        let text: String = anstream::adapter::strip_str(&text).collect();
        expect![[r#"
            TOOL                  VERSION  RISK                           DESCRIPTION
            catalogue/text.count  1.2.0    low: read-only, deterministic  Count the words of a text.
        "#]]
        .assert_eq(&text);
    }
}
