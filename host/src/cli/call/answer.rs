//! A tool's answer on a terminal: text as it is, JSON indented, files by name; and what the call used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::style::{BAD, QUIET, paint, plain};
use crate::cli::{Output, Result, files, words};
use crate::http::wire;
use crate::money::Money;

/// A file name of a tool's own, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Prints the result: contents to standard output, use to standard error.
pub(in crate::cli) fn show(result: &wire::CallResult, output: Output) -> Result<()> {
    output.show(result, |result| {
        let contents: Vec<String> = result.content.iter().map(|content| text(content, output.terminal())).collect();
        contents.join("\n")
    })?;
    if result.is_error {
        output.note(paint(BAD, "the tool says that its work failed"));
    }
    output.note(used(result));
    Ok(())
}

/// One content; for a terminal without what the terminal would obey.
pub(in crate::cli) fn text(content: &wire::Content, terminal: bool) -> String {
    match content {
        wire::Content::Text { text } if terminal => plain(text).into_owned(),
        wire::Content::Text { text } => text.clone(),
        // JSON escapes control characters itself. What cannot be read as a value is shown as it came.
        wire::Content::Json { json } => match serde_json::from_str::<serde_json::Value>(json.text()) {
            Ok(value) => format!("{value:#}"),
            Err(_) => plain(json.text()).into_owned(),
        },
        wire::Content::Image { media_type, name, data } | wire::Content::File { media_type, name, data } => {
            let name = name.as_deref().map(|name| format!(" {}", plain(name))).unwrap_or_default();
            let size = words::bytes(data.0.len() as u64);
            paint(QUIET, format_args!("[{}{name}, {size}: --save DIR writes it]", plain(media_type)))
        }
    }
}

/// `1,234 fuel · 1.1 MiB · 3.20 ms · notes.add 1.2.0 · call 0192…`, with what of the world was used.
pub(in crate::cli) fn used(result: &wire::CallResult) -> String {
    let usage = &result.usage;
    let mut parts = vec![
        format!("{} fuel", words::count(usage.fuel)),
        words::bytes(usage.memory_bytes),
        words::span(Duration::from_micros(usage.duration_us)),
    ];
    let child_calls = usize::try_from(usage.child_calls).unwrap_or(usize::MAX);
    let mut add = |number: u64, text: String| {
        if number > 0 {
            parts.push(text);
        }
    };
    add(
        usage.child_calls,
        format!("{} ({} fuel)", words::some(child_calls, "call", "calls"), words::count(usage.child_fuel)),
    );
    add(
        usage.http_requests,
        format!(
            "{} ({} out, {} in)",
            words::some(usize::try_from(usage.http_requests).unwrap_or(usize::MAX), "request", "requests"),
            words::bytes(usage.http_sent_bytes),
            words::bytes(usage.http_received_bytes)
        ),
    );
    add(usage.kv_operations, format!("{} on buckets", words::count(usage.kv_operations)));
    add(usage.files_bytes_written, format!("{} written", words::bytes(usage.files_bytes_written)));
    let tokens = words::count(usage.model_input_tokens.saturating_add(usage.model_output_tokens));
    add(usage.model_requests, format!("{tokens} tokens for {}", Money::billionths(usage.model_cost)));
    parts.push(format!("{} {}", result.tool, result.version));
    if let Some(route) = &result.route {
        let failed = route.attempts.iter().filter_map(|attempt| Some((attempt, attempt.error?)));
        let failed: Vec<String> = failed.map(|(attempt, code)| format!("{} {code}", attempt.tool)).collect();
        let after = if failed.is_empty() { String::new() } else { format!(" after {}", failed.join(", ")) };
        parts.push(format!("by routes/{}{after}", route.name));
    }
    if let Some(wire::StandIn { because, call, made }) = &result.stand_in {
        parts.push(format!("the answer of {call}, {}, stood in: {}", words::moment(made.0), plain(because)));
    }
    parts.push(format!("call {}", result.call));
    parts.join(" · ")
}

/// Writes images and files into `folder`, under names that stay inside of it.
pub(in crate::cli) fn save(contents: &[wire::Content], folder: &Path, output: Output) -> Result<()> {
    for (at, content) in contents.iter().enumerate() {
        let (wire::Content::Image { name, media_type, data } | wire::Content::File { name, media_type, data }) =
            content
        else {
            continue;
        };
        let path = folder.join(file_name(name.as_deref(), media_type, at));
        files::write_new(&path, &data.0)?;
        output.note(format_args!("wrote {} ({})", path.display(), words::bytes(data.0.len() as u64)));
    }
    Ok(())
}

/// A file's name: the tool's last word for it where that is a harmless one, else its place and type.
fn file_name(name: Option<&str>, media_type: &str, at: usize) -> PathBuf {
    let harmless = |name: &&str| {
        !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' '))
    };
    match name.and_then(|name| name.rsplit(['/', '\\']).next()).filter(harmless) {
        Some(name) => name.into(),
        None => {
            let extension: String = media_type
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .take(10)
                .collect();
            format!("content-{}.{}", at + 1, if extension.is_empty() { "bin" } else { &extension }).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_shown_by_their_kind() {
        let result: wire::CallResult = serde_json::from_value(json!({
            "call": "0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77", "tool": "report", "version": "1.0.0", "is_error": false,
            "component": format!("sha256:{}", "0".repeat(64)),
            "content": [
                {"type": "text", "text": "done \u{1b}[2J"},
                {"type": "json", "json": {"a": [1, 2]}},
                {"type": "file", "media_type": "application/pdf", "name": "q1.pdf", "data": "AAAA"},
            ],
            "usage": {"fuel": 1234567, "memory_bytes": 1_114_112, "duration_us": 3200, "http_requests": 1,
                "http_sent_bytes": 0, "http_received_bytes": 512, "kv_operations": 0, "files_bytes_written": 0},
        }))
        .unwrap();
        let mut shown: Vec<String> = result.content.iter().map(|content| text(content, true)).collect();
        shown.push(used(&result));
        let shown: String = anstream::adapter::strip_str(&shown.join("\n")).collect();
        expect![[r#"
            done \u{1b}[2J
            {
              "a": [
                1,
                2
              ]
            }
            [application/pdf q1.pdf, 3 B: --save DIR writes it]
            1,234,567 fuel · 1.1 MiB · 3.20 ms · 1 request (0 B out, 512 B in) · report 1.0.0 · call 0192f0c4-6d1e-7c3a-9b52-5f0d6c1e8a77"#]].assert_eq(&shown);
        // A pipe gets the tool's bytes.
        assert_eq!(text(&result.content[0], false), "done \u{1b}[2J");
    }

    #[test]
    fn files_keep_to_the_folder_that_was_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, expected) in [
            (Some("q1.pdf"), "q1.pdf"),
            (Some("../../etc/passwd"), "passwd"),
            (Some("a/.."), "content-1.pdf"),
            (Some(".bashrc"), "content-1.pdf"),
            (Some("C:\\x\u{0}"), "content-1.pdf"),
            (None, "content-1.pdf"),
        ] {
            assert_eq!(file_name(name, "application/pdf", 0), Path::new(expected));
        }
        let content = wire::Content::Image { media_type: "x".into(), name: None, data: wire::Base64(vec![7]) };
        save(std::slice::from_ref(&content), folder.path(), Output::new(true)).unwrap();
        assert_eq!(std::fs::read(folder.path().join("content-1.x")).unwrap(), [7]);
        // Nothing that is there is written over.
        assert!(save(&[content], folder.path(), Output::new(true)).is_err());
    }
}
