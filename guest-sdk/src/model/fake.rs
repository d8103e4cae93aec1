//! Models that answer what a test says.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use super::{Answer, Chat, Ending, Piece, StopReason, Usage, Vectors};
use crate::error::Error;
use crate::fakes::model::Reply;

/// What makes a vector of a text.
pub(crate) type Maker = Box<dyn Fn(&str) -> Vec<f32>>;

thread_local! {
    static ROUTES: RefCell<BTreeMap<String, VecDeque<Reply>>> = const { RefCell::new(BTreeMap::new()) };
    static MAKERS: RefCell<BTreeMap<String, Maker>> = const { RefCell::new(BTreeMap::new()) };
    static ASKED: RefCell<Vec<Chat>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn respond(route: &str, reply: Reply) {
    ROUTES.with_borrow_mut(|routes| routes.entry(route.to_owned()).or_default().push_back(reply));
}

pub(crate) fn make(route: &str, make: Maker) {
    MAKERS.with_borrow_mut(|makers| makers.insert(route.to_owned(), make));
}

pub(crate) fn asked() -> Vec<Chat> {
    ASKED.with_borrow(Clone::clone)
}

pub(crate) fn reset() {
    ROUTES.take();
    MAKERS.take();
    ASKED.take();
}

pub(crate) fn send(chat: Chat) -> Result<Answer, Error> {
    let reply = ROUTES.with_borrow_mut(|routes| {
        let replies = routes.get_mut(&chat.route)?;
        // The last is given again and again.
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
    });
    let Some(Reply { text, tool_calls, refusal }) = reply else { return Err(denied()) };
    ASKED.with_borrow_mut(|asked| asked.push(chat));
    if let Some(error) = refusal {
        return Err(error);
    }
    let stop = if tool_calls.is_empty() { StopReason::End } else { StopReason::ToolUse };
    let ending = Ending { stop, usage: Usage::default(), model: "fake/model".to_owned() };
    Ok(Answer { text, tool_calls, ending })
}

/// What is left of an answer.
pub(crate) struct Source(VecDeque<Piece>);

impl Source {
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, Error> {
        Ok(self.0.pop_front())
    }
}

pub(crate) fn stream(chat: Chat) -> Result<Source, Error> {
    let Answer { text, tool_calls, ending } = send(chat)?;
    // In words, so that whoever reads pieces is shown to.
    let words = text.split_inclusive(' ').map(|word| Piece::Text(word.to_owned()));
    let calls = tool_calls.into_iter().map(Piece::ToolCall);
    Ok(Source(words.chain(calls).chain([Piece::End(ending)]).collect()))
}

pub(crate) fn embed(route: &str, texts: &[String]) -> Result<Vectors, Error> {
    MAKERS.with_borrow(|makers| {
        let make = makers.get(route).ok_or_else(denied)?;
        let vectors = texts.iter().map(|text| make(text)).collect();
        Ok(Vectors { vectors, usage: Usage::default(), model: "fake/model".to_owned() })
    })
}

fn denied() -> Error {
    Error::denied("no model grant for the route").about("model")
}
