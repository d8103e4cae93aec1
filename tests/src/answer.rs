//! What came back of a request.

use cofferdam::Code;
use cofferdam::http::problem::status;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Panics
    ///
    /// When it is no success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:#?}");
        self.body
    }

    /// The body of a failure of this kind: an RFC 9457 problem whose members agree with each other.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[track_caller]
    pub fn problem(&self, code: Code) -> &Value {
        assert_eq!(self.code(), Some(code), "{self:#?}");
        &self.body
    }

    /// The code of a failure; nothing for a success.
    ///
    /// # Panics
    ///
    /// When it is neither a success nor a well-formed problem.
    #[track_caller]
    pub fn code(&self) -> Option<Code> {
        // A call that waits for approval is answered with a problem, too.
        let is_problem = self.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
        if self.status < 400 && !is_problem {
            return None;
        }
        let code = self.body["code"].as_str().and_then(Code::parse);
        let Some(code) = code else { panic!("no known code: {self:#?}") };
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json", "{self:#?}");
        assert_eq!(status(code).as_u16(), self.status, "{self:#?}");
        assert_eq!(self.body["status"], self.status, "{self:#?}");
        assert_eq!(self.body["type"], format!("urn:cofferdam:problem:{code}"), "{self:#?}");
        assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self:#?}");
        Some(code)
    }

    /// The text of a call's only content.
    ///
    /// # Panics
    ///
    /// When it is no success, or its result is not one text.
    #[track_caller]
    pub fn text(self) -> String {
        let body = self.ok();
        let Some([content]) = body["content"].as_array().map(Vec::as_slice) else {
            panic!("no single content: {body}")
        };
        content["text"].as_str().unwrap_or_else(|| panic!("no text: {body}")).to_owned()
    }

    /// The document of a call's only content.
    ///
    /// # Panics
    ///
    /// When it is no success, or its result is not one JSON document.
    #[track_caller]
    pub fn json(self) -> Value {
        let body = self.ok();
        let Some([content]) = body["content"].as_array().map(Vec::as_slice) else {
            panic!("no single content: {body}")
        };
        assert_eq!(content["type"], "json", "{body}");
        content["json"].clone()
    }

    /// The id of the call that it is about.
    ///
    /// # Panics
    ///
    /// When it names none.
    #[track_caller]
    pub fn call(&self) -> &str {
        self.body["call"].as_str().unwrap_or_else(|| panic!("no call: {self:#?}"))
    }
}

/// Whether `whole` has everything that `part` has: of objects every member, of anything else the very same.
pub fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| includes(whole, part)))
        }
        _ => whole == part,
    }
}
