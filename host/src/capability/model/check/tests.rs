//! What a hostile guest asks for is refused, or reserved for to the last token that it could come to.

use super::*;
use crate::capability::bindings::cofferdam::tool::model::{Said as Spoken, ToolDefinition, ToolResult};

fn asking(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        route: "answers".to_owned(),
        messages,
        tools: Vec::new(),
        tool_choice: ToolChoice::Automatic,
        max_tokens: None,
        temperature: None,
        stop: Vec::new(),
        complexity: None,
        risk: None,
    }
}

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition { name: name.to_owned(), description: String::new(), input_schema: "{}".to_owned() }
}

fn why(request: &ChatRequest) -> String {
    match chat(request) {
        Err(ModelFault::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn user(text: &str) -> Vec<Message> {
    vec![Message::User(text.to_owned())]
}

/// A request that a tool makes up to use up memory, or to say what nobody counts, is refused with what is wrong with it.
#[test]
fn hostile_requests_are_told_what_is_wrong_with_them() {
    assert_eq!(why(&asking(Vec::new())), "messages: there are 0, and 1 to 1000 may be");
    assert_eq!(
        why(&asking(vec![Message::User("x".to_owned()); 1_001])),
        "messages: there are 1001, and 1 to 1000 may be"
    );
    let tools = |count: usize| ChatRequest { tools: vec![tool("t"); count], ..asking(user("x")) };
    assert_eq!(why(&tools(129)), "tools: there are 129, and 0 to 128 may be");
    for (request, said) in [
        (ChatRequest { stop: vec!["a".to_owned(); 5], ..asking(user("x")) }, "stop: there are 5"),
        (ChatRequest { stop: vec![String::new()], ..asking(user("x")) }, "stop: an answer cannot end"),
        (ChatRequest { temperature: Some(f32::NAN), ..asking(user("x")) }, "temperature is a number"),
        (ChatRequest { max_tokens: Some(0), ..asking(user("x")) }, "max-tokens is 1 at least"),
        (ChatRequest { tool_choice: ToolChoice::Required, ..asking(user("x")) }, "there is none"),
        // Nothing leaves by a name that nobody counts.
        (ChatRequest { tool_choice: ToolChoice::Named("y".repeat(1 << 20)), ..tools(1) }, "there is no tool \"yyyy"),
    ] {
        let told = why(&request);
        assert!(told.contains(said) && told.len() < 200, "{said}: {told}");
    }
    let mut deep = tools(1);
    deep.tools[0].input_schema = "[".repeat(200_000);
    assert!(why(&deep).contains("is no JSON object"));
    deep.tools[0].input_schema = "x".repeat((256 << 10) + 1);
    assert!(why(&deep).contains("bytes of schemas and arguments"));
    assert!(matches!(texts(&[]), Err(ModelFault::Invalid(_))));
    assert!(matches!(texts(&vec!["x".to_owned(); 257]), Err(ModelFault::Invalid(_))));
}

#[test]
fn what_is_reserved_counts_every_byte_and_all_that_a_provider_puts_around_it() {
    let most = |request: &ChatRequest| chat(request).unwrap().input_tokens_max;
    // The request, the message, its bytes.
    assert_eq!(most(&asking(user("0123456789"))), 64 + 32 + 10);
    let named = ChatRequest { tools: vec![tool("look_up")], ..asking(user("x")) };
    assert_eq!(most(&named), 64 + 1_024 + 32 + 1 + 32 + "look_up".len() as u64 + 2);
    let forced = ChatRequest { tool_choice: ToolChoice::Named("look_up".to_owned()), ..named.clone() };
    assert_eq!(most(&forced), most(&named) + "look_up".len() as u64);
    // Calls that say nothing are more tokens than they have bytes.
    let call = ToolCall { id: String::new(), name: String::new(), arguments: "{}".to_owned() };
    let said = Message::Assistant(Spoken { text: String::new(), tool_calls: vec![call; 128] });
    assert_eq!(most(&asking(vec![said])), 64 + 32 + 128 * (2 + 32));
    // JSON leaves as the host spells it: what says much in few bytes is as long as that.
    let (short, long) = (r#"{"a":1e15}"#, r#"{"a":1000000000000000.0}"#);
    let call = ToolCall { id: String::new(), name: String::new(), arguments: short.to_owned() };
    let said = Message::Assistant(Spoken { text: String::new(), tool_calls: vec![call] });
    assert_eq!(most(&asking(vec![said])), 64 + 2 * 32 + long.len() as u64);
    let tool = ToolDefinition { input_schema: short.to_owned(), ..tool("t") };
    let named = ChatRequest { tools: vec![tool], ..asking(user("x")) };
    assert_eq!(most(&named), 64 + 1_024 + 32 + 1 + 32 + 1 + long.len() as u64);
    let result = ToolResult { id: "a".to_owned(), content: "bc".to_owned(), is_error: true };
    let stop = ChatRequest { stop: vec!["de".to_owned()], ..asking(vec![Message::Tool(result)]) };
    assert_eq!(most(&stop), 64 + 32 + 5);
    assert_eq!(texts(&["a".to_owned(), "bc".to_owned()]).unwrap().input_tokens_max, 64 + 2 * 32 + 3);
    let endless = ChatRequest { max_tokens: Some(u32::MAX), ..asking(user("x")) };
    assert_eq!(chat(&endless).unwrap().output_tokens_max, u64::from(u32::MAX));
}

#[test]
fn a_request_is_as_hard_and_risky_as_it_says_or_as_its_size() {
    let of = |request: &ChatRequest| chat(request).map(|size| (size.complexity, size.risk)).unwrap();
    assert_eq!(of(&asking(user("x"))), (Level::Low, Level::Low));
    assert_eq!(of(&asking(user(&"x".repeat(10_000)))), (Level::Medium, Level::Low));
    assert_eq!(of(&ChatRequest { tools: vec![tool("t")], ..asking(user("x")) }).0, Level::Medium);
    let said = ChatRequest { complexity: Some(Said::High), risk: Some(Said::Medium), ..asking(user("x")) };
    assert_eq!(of(&said), (Level::High, Level::Medium));
    // The same request has the same digest, another has another.
    let digest = |text: &str| chat(&asking(user(text))).unwrap().digest;
    assert_eq!(digest("a"), digest("a"));
    assert_ne!(digest("a"), digest("b"));
}
