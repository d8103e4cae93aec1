//! Responses that a test wrote before.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Response;
use super::request::Checked;
use crate::error::Error;
use crate::fakes::http::{Reply, Sent};

thread_local! {
    static NETWORK: RefCell<Network> = const { RefCell::new(Network { scripts: Vec::new(), sent: Vec::new() }) };
}

#[derive(Default)]
struct Network {
    scripts: Vec<Script>,
    sent: Vec<Sent>,
}

/// The replies to one method and URL: each is given once, the last again and again.
struct Script {
    method: String,
    url: String,
    replies: Vec<Reply>,
    /// How many requests there were.
    asked: usize,
}

/// What is left of a body.
pub(super) struct Source {
    bytes: Vec<u8>,
    end: Option<Error>,
}

impl Source {
    pub(super) fn next(&mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        if self.bytes.is_empty() {
            return self.end.take().map_or(Ok(Vec::new()), Err);
        }
        let later = self.bytes.split_off(bytes_max.min(self.bytes.len()));
        Ok(std::mem::replace(&mut self.bytes, later))
    }
}

pub(crate) fn respond(method: &str, url: &str, reply: Reply) {
    NETWORK.with_borrow_mut(|network| {
        let same = |script: &&mut Script| script.method == method && script.url == url;
        match network.scripts.iter_mut().find(same) {
            Some(script) => script.replies.push(reply),
            None => network.scripts.push(Script {
                method: method.to_owned(),
                url: url.to_owned(),
                replies: vec![reply],
                asked: 0,
            }),
        }
    });
}

pub(crate) fn sent() -> Vec<Sent> {
    NETWORK.with_borrow(|network| network.sent.clone())
}

pub(crate) fn reset() {
    NETWORK.take();
}

pub(super) fn send(request: Checked) -> Result<Response, Error> {
    let (method, url) = (request.method.to_string(), request.uri.to_string());
    let reply = NETWORK.with_borrow_mut(|network| {
        let script = network.scripts.iter_mut().find(|script| script.method == method && script.url == url)?;
        let last = script.replies.len().checked_sub(1)?;
        let reply = script.replies.get(script.asked.min(last)).cloned();
        script.asked += 1;
        let headers = request
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        network.sent.push(Sent {
            method: method.clone(),
            url: url.clone(),
            headers: headers.collect(),
            body: request.body,
        });
        reply
    });
    let Reply { status, headers, body, end, refusal } =
        reply.ok_or_else(|| super::denied(request.method.as_str(), &request.uri))?;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    Ok(Response::new(&request.uri, status, header_map(&headers), Source { bytes: body, end }))
}

fn header_map(headers: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => drop(map.append(name, value)),
            _ => panic!("{name:?}: {value:?} is not a header: correct it in the test"),
        }
    }
    map
}
