//! What providers send, event by event: read as far as it goes, counted as it comes, and never believed.

use super::*;

fn by_openai(events: &[&str]) -> (Result<(), Failure>, Read) {
    let (mut calls, mut read) = (openai::Calls::default(), Read::default());
    (events.iter().try_for_each(|event| calls.event(event, &mut read)), read)
}

fn by_anthropic(events: &[&str]) -> (Result<(), Failure>, Read) {
    let (mut blocks, mut read) = (anthropic::Blocks::default(), Read::default());
    (events.iter().try_for_each(|event| blocks.event(event, &mut read)), read)
}

fn said(read: &Read) -> Vec<String> {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Call(ToolCall { id, name, arguments }) => format!("{id}:{name}({arguments})"),
    };
    read.parts.iter().map(part).collect()
}

#[test]
fn both_protocols_come_to_the_same_parts() {
    let (came, read) = by_openai(&[
        r#"{"choices": [{"delta": {"role": "assistant", "content": "Let me ", "tool_calls": null}, "finish_reason": ""}]}"#,
        r#"{"choices": [{"delta": {"content": "see."}}]}"#,
        r#"{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "look"}}]}}]}"#,
        r#"{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]}"#,
        r#"{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}"#,
        r#"{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 9}}"#,
        "[DONE]",
    ]);
    came.unwrap();
    assert_eq!(said(&read), ["Let me ", "see.", "1:look({})"]);
    assert_eq!((read.stop, read.input, read.output, read.is_done), (Some(StopReason::ToolUse), Some(7), Some(9), true));
    assert_eq!(read.bytes, "Let me see.1look{}".len() as u64);

    let (came, read) = by_anthropic(&[
        r#"{"type": "message_start", "message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 4}}}"#,
        r#"{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}"#,
        r#"{"type": "ping"}"#,
        r#"{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Let me see."}}"#,
        r#"{"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "thinking": "hm"}}"#,
        r#"{"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "1", "name": "look", "input": {}}}"#,
        r#"{"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}}"#,
        r#"{"type": "content_block_stop", "index": 2}"#,
        r#"{"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}"#,
        r#"{"type": "message_stop"}"#,
    ]);
    came.unwrap();
    assert_eq!(said(&read), ["Let me see.", "1:look({})"]);
    assert_eq!((read.stop, read.input, read.output, read.is_done), (Some(StopReason::ToolUse), Some(7), Some(9), true));
    assert_eq!(read.bytes, "Let me see.1look{}".len() as u64);
}

#[test]
fn what_breaks_off_may_come_again_and_what_is_malformed_would_come_again() {
    for (failure, again) in [
        (by_openai(&["[DONE]"]), true),
        (by_openai(&[r#"{"error": {"message": "said again"}}"#]), true),
        (by_openai(&[r#"{"choices": 5}"#]), false),
        (by_anthropic(&[r#"{"type": "error", "error": {"type": "overloaded_error", "message": "said again"}}"#]), true),
        (by_anthropic(&[r#"{"type": "error", "error": {"type": "invalid_request_error"}}"#]), false),
        (
            by_anthropic(&[
                r#"{"type": "content_block_delta", "index": 9, "delta": {"type": "input_json_delta", "partial_json": "x"}}"#,
            ]),
            false,
        ),
    ] {
        let failure = failure.0.unwrap_err();
        assert_eq!(failure.again.is_some(), again, "{}", failure.why);
        assert!(!failure.why.contains("said again"), "{}", failure.why);
    }
}

/// Whatever a provider sends, the request fails alone: what is put together of it is bounded, in bytes and in number.
#[test]
fn hostile_events_are_bounded_and_end_nothing_but_the_request() {
    // What is put together before anything of it is given.
    let part = format!(
        r#"{{"choices": [{{"delta": {{"tool_calls": [{{"index": 0, "function": {{"arguments": "{}"}}}}]}}}}]}}"#,
        "x".repeat(400_000)
    );
    let (came, read) = by_openai(&[&part, &part, &part]);
    assert_eq!((came.unwrap_err().why, read.bytes), (malformed().why, 1_200_000));
    let calls: Vec<String> =
        (0..200).map(|nth| format!(r#"{{"index": {nth}, "id": "i", "function": {{"name": "n"}}}}"#)).collect();
    let many =
        format!(r#"{{"choices": [{{"delta": {{"tool_calls": [{}]}}, "finish_reason": "stop"}}]}}"#, calls.join(","));
    assert_eq!(by_openai(&[&many]).0.unwrap_err().why, malformed().why);
    let block = |nth: usize| {
        format!(
            r#"{{"type": "content_block_start", "index": {nth}, "content_block": {{"type": "tool_use", "id": "i", "name": "n"}}}}"#
        )
    };
    let blocks: Vec<String> = (0..200).map(block).collect();
    let blocks: Vec<&str> = blocks.iter().map(String::as_str).collect();
    assert_eq!(by_anthropic(&blocks).0.unwrap_err().why, malformed().why);
    // Numbers that cannot be, depths, and what is no event at all.
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "5",
        "{\"choices\": [null]}",
        "{\"type\": null}",
        "{\"type\": \"message_delta\"}",
        deep.as_str(),
        r#"{"choices": [{"delta": {"tool_calls": [{"index": -1}]}}]}"#,
        r#"{"type": "content_block_stop", "index": 18446744073709551615}"#,
        r#"{"type": "message_start", "message": {"usage": {"input_tokens": 1e400}}}"#,
    ] {
        let _ = (by_openai(&[text]), by_anthropic(&[text]));
    }
    let absurd = r#"{"choices": [], "usage": {"prompt_tokens": 1e300, "completion_tokens": -1}}"#;
    let (came, read) = by_openai(&[absurd]);
    came.unwrap();
    assert_eq!((read.input, read.output), (None, None));
    let absurd = r#"{"type": "message_start", "message": {"usage": {"input_tokens": 18446744073709551615, "cache_read_input_tokens": 18446744073709551615}}}"#;
    assert_eq!(by_anthropic(&[absurd]).1.input, Some(u64::MAX));
}
