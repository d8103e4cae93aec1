//! A call as somebody sees it who watches it: Server-Sent Events.

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

/// What was seen of a call, in order.
#[derive(Debug, Clone)]
pub struct Watched(pub Vec<(String, Value)>);

impl Watched {
    /// The data of all events of one kind.
    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|(found, _)| found == kind).map(|(_, data)| data).collect()
    }

    /// The result, which is the last event.
    ///
    /// # Panics
    ///
    /// When the last event is something else.
    #[track_caller]
    pub fn result(&self) -> &Value {
        match self.0.last() {
            Some((kind, data)) if kind == "result" => data,
            last => panic!("no result but {last:?}"),
        }
    }

    /// The problem, which is the last event.
    ///
    /// # Panics
    ///
    /// When the last event is something else.
    #[track_caller]
    pub fn problem(&self) -> &Value {
        match self.0.last() {
            Some((kind, data)) if kind == "problem" => data,
            last => panic!("no problem but {last:?}"),
        }
    }
}

pub(crate) async fn read(response: reqwest::Response) -> Watched {
    let (status, kind) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
    let text = response.text().await.unwrap();
    assert!(kind.as_ref().is_some_and(|kind| kind == "text/event-stream"), "{status} {kind:?} {text}");
    assert!(text.ends_with("\n\n"), "cut off: {text}");
    Watched(text.split("\n\n").filter_map(parse).collect())
}

/// One event; nothing for a comment, which keeps a connection alive.
fn parse(block: &str) -> Option<(String, Value)> {
    let (mut kind, mut data) = (String::new(), Vec::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut kind),
            "data" => data.push(value),
            _ => {}
        }
    }
    let data = (!data.is_empty()).then(|| data.join("\n"))?;
    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"));
    Some((kind, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_events_and_data_may_have_several_lines() {
        assert_eq!(parse(": still there"), None);
        assert_eq!(parse("event: log\ndata: {\"a\":\ndata: 1}"), Some(("log".into(), serde_json::json!({"a": 1}))));
    }
}
