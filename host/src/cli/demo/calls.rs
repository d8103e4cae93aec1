//! The second chapter: agents call tools of the catalogue and one that their tenant uploaded.

use serde_json::{Value, json};

use super::sample;
use super::stage::Stage;
use super::tour::{Seen, Tour, ensure};
use crate::cli::build::Packaged;
use crate::cli::call::answer;
use crate::cli::style::{STRONG, one_line, paint};
use crate::cli::table::Table;
use crate::cli::{Result, push, tools, words};
use crate::http::wire;

/// Who calls.
const AGENT: &str = "acme/agent";

pub(super) fn all(tour: &mut Tour, stage: &mut Stage, mut upload: Packaged) -> Result<()> {
    tour.chapter("Calls")?;
    tour.step("acme's agent lists the tools: exactly those that it may call", |seen| list(stage, seen))?;
    tour.step("It counts: each call runs in a fresh store, and says what it used", |seen| {
        let result =
            shown(stage, "catalogue/text.count", json!({ "text": "Every call in a store of its own." }), seen)?;
        stage.calls.insert("count", result.call);
        ensure(json_of(&result)["words"] == 8, || "8 words".to_owned())
    })?;
    tour.step("It queries JSON in jq's language", |seen| {
        let document = json!({ "walls": [{ "name": "fuel", "stops": 3 }, { "name": "memory", "stops": 1 }] });
        let arguments = json!({ "query": ".walls | map(.stops) | add", "document": document });
        let result = shown(stage, "catalogue/json-query", arguments, seen)?;
        ensure(json_of(&result).to_string().contains('4'), || "4".to_owned())
    })?;
    tour.step("It calculates with units", |seen| {
        let result = shown(stage, "catalogue/calculate", json!({ "expression": "5 feet 3 inches to cm" }), seen)?;
        ensure(json_of(&result).to_string().contains("160.02"), || "160.02 cm".to_owned())
    })?;
    tour.step("It keeps a note in acme's bucket, and finds it again in another call", |seen| {
        let note = json!({ "title": "A note of the tour", "text": "The wall comes first.", "tags": ["tour"] });
        shown(stage, "catalogue/notes.add", note, seen)?;
        let result = shown(stage, "catalogue/notes.list", json!({}), seen)?;
        ensure(json_of(&result).to_string().contains("A note of the tour"), || "the note is listed".to_owned())
    })?;
    tour.step("It writes a file into acme's volume, and reads it again", |seen| {
        let file = json!({ "path": "tour/plan.txt", "text": "one\ntwo\nthree\n" });
        shown(stage, "catalogue/files.write", file, seen)?;
        let result = shown(stage, "catalogue/files.read", json!({ "path": "tour/plan.txt" }), seen)?;
        ensure(json_of(&result).to_string().contains("three"), || "what was written is read".to_owned())
    })?;
    tour.step("It fetches a page, as Markdown: from where policy and ceiling both let it", |seen| {
        let url = format!("http://{}/cofferdams.html", stage.page);
        let result = shown(stage, "catalogue/http-fetch", json!({ "url": url }), seen)?;
        ensure(json_of(&result).to_string().contains("walled-off"), || "the page's text".to_owned())
    })?;
    tour.step("acme's publisher pushes a tool of acme's own", |seen| own(stage, &mut upload, seen))?;
    tour.step("acme's agent calls it", |seen| {
        let tool = stage.of(AGENT)?.get::<wire::Tools>(&["v1", "tools"], &[])?;
        let own = tool
            .tools
            .into_iter()
            .find(|tool| tool.name.tool().is_some_and(|name| name.package.name == upload.package));
        let own = own.ok_or_else(|| crate::cli::Failure::failed("step-failed", "acme's own tool is listed"))?;
        let result = shown(stage, &own.name.to_string(), sample::arguments(&own.input_schema).into(), seen)?;
        ensure(!result.is_error, || "the tool answers".to_owned())
    })
}

fn list(stage: &Stage, seen: &mut Seen) -> Result<()> {
    seen.command("tools");
    let listed: wire::Tools = stage.of(AGENT)?.get(&["v1", "tools"], &[])?;
    let mut table = Table::plain();
    for tool in &listed.tools {
        let first = tool.description.lines().next().unwrap_or_default();
        table.row([paint(STRONG, &tool.name), tools::effects(&tool.annotations), one_line(first, 52)]);
    }
    seen.styled(&table.to_string());
    ensure(!listed.tools.is_empty(), || "tools are listed".to_owned())
}

fn own(stage: &mut Stage, upload: &mut Packaged, seen: &mut Seen) -> Result<()> {
    seen.command(format_args!("push {}", upload.package));
    let size = words::bytes(upload.inspection.bytes);
    let pushed = push::push(stage.of("acme/publisher")?, upload, true, None)?;
    seen.text(&format!("{} {}, {size}, {}", pushed.package.name, pushed.version, pushed.component.digest));
    for line in &pushed.component.words {
        seen.note(line);
    }
    seen.styled(&push::given(&pushed.explanation));
    stage.uploaded = Some(pushed.component.digest);
    stage.package = Some(pushed.package.name);
    // A publisher's key calls nothing itself: what it is told is of agents' calls.
    let told = pushed.explanation.allowed && !pushed.explanation.grants.is_empty();
    ensure(told, || "what the policy gives calls of an agent's key".to_owned())
}

/// Makes a call, and shows the command, the answer and what was used.
pub(super) fn shown(stage: &Stage, tool: &str, arguments: Value, seen: &mut Seen) -> Result<wire::CallResult> {
    seen.command(command(tool, &arguments));
    let result = stage.call(AGENT, tool, arguments)?;
    for content in &result.content {
        // On one line: an indented document would fill the screen.
        match content {
            wire::Content::Json { json } => seen.text(&one_line(json.text(), 400)),
            content => seen.text(&answer::text(content, true)),
        }
    }
    let usage = &result.usage;
    let took = words::span(std::time::Duration::from_micros(usage.duration_us));
    seen.note(format_args!("{} fuel · {} · {took}", words::count(usage.fuel), words::bytes(usage.memory_bytes)));
    Ok(result)
}

/// A call as it would be typed.
pub(super) fn command(tool: &str, arguments: &Value) -> String {
    let mut line = format!("call {tool}");
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let (sign, text) = match value {
            Value::String(text) => ("=", text.clone()),
            value => (":=", value.to_string()),
        };
        let quoted = match text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c)) && !text.is_empty() {
            true => text,
            false => format!("'{}'", text.replace('\'', "'\\''").replace('\n', "'$'\\n''")),
        };
        line += &format!(" {name}{sign}{quoted}");
    }
    line
}

/// The first JSON document of an answer; null where there is none.
pub(super) fn json_of(result: &wire::CallResult) -> Value {
    let first = result.content.iter().find_map(|content| match content {
        wire::Content::Json { json } => serde_json::from_str(json.text()).ok(),
        wire::Content::Text { text } => Some(Value::String(text.clone())),
        _ => None,
    });
    first.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_written_as_a_shell_takes_it() {
        let arguments = json!({"a": "x y", "b": "it's", "c": [1, 2], "d": "plain", "e": ""});
        assert_eq!(command("t", &arguments), r"call t a='x y' b='it'\''s' c:='[1,2]' d=plain e=''");
        assert_eq!(command("t", &json!({"a": "1\n2"})), r"call t a='1'$'\n''2'");
    }
}
