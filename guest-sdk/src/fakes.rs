//! What tests put in the place of the host: grants to fill, and effects to read back.
//!
//! Each thread has its own, empty at first, and the test harness runs every test in a thread of its own: tests do not see
//! each other. What is not granted here is refused as the host refuses it.

/// Takes everything back that the thread was granted, and forgets what it did.
pub fn reset() {
    crate::call::fake::reset();
    crate::config::fake::reset();
    crate::files::fake::reset();
    crate::http::fake::reset();
    crate::kv::fake::reset();
    crate::log::fake::reset();
    crate::model::fake::reset();
    crate::progress::fake::reset();
    crate::prompt::fake::reset();
}

/// Buckets for [`crate::kv`].
pub mod kv {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::fmt;
    use std::rc::Rc;

    use crate::kv::fake::{self, Content};

    /// A bucket that is granted, for reading and writing unless [`Granted::read_only`] says otherwise.
    pub struct Granted(Rc<RefCell<Content>>);

    /// Grants a bucket. It is empty, or what an earlier grant of it left.
    pub fn grant(bucket: &str) -> Granted {
        Granted(fake::grant(bucket))
    }

    /// Takes a grant back, with what the bucket held. Buckets that are open stay so.
    pub fn deny(bucket: &str) {
        fake::deny(bucket);
    }

    /// What a bucket holds now; nothing where it is not granted.
    pub fn content(bucket: &str) -> BTreeMap<String, Vec<u8>> {
        fake::granted(bucket).map(|content| content.borrow().values.clone()).unwrap_or_default()
    }

    impl Granted {
        /// Puts a value into it, whatever the grant allows.
        #[expect(clippy::return_self_not_must_use, reason = "most tests end here")]
        pub fn with(self, key: &str, value: impl AsRef<[u8]>) -> Self {
            self.0.borrow_mut().values.insert(key.to_owned(), value.as_ref().to_vec());
            self
        }

        /// Allows no more than reading.
        #[expect(clippy::return_self_not_must_use, reason = "most tests end here")]
        pub fn read_only(self) -> Self {
            self.0.borrow_mut().read_only = true;
            self
        }

        /// Has another call set `key` just before [`crate::kv::Bucket::update`] next replaces a value; of several, each
        /// before one attempt.
        #[expect(clippy::return_self_not_must_use, reason = "most tests end here")]
        pub fn rival(self, key: &str, value: impl AsRef<[u8]>) -> Self {
            self.0.borrow_mut().rivals.push_back((key.to_owned(), value.as_ref().to_vec()));
            self
        }
    }

    impl fmt::Debug for Granted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Granted").finish_non_exhaustive()
        }
    }
}

/// Tools for [`crate::call`].
pub mod call {
    use std::rc::Rc;
    use std::time::Duration;

    use serde::Serialize;
    use serde_json::Value;

    use crate::call::Failure;
    use crate::output::Output;

    /// A call that was made.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Made {
        /// Of which tool.
        pub tool: String,
        /// With what.
        pub arguments: Value,
        /// The time that it was given.
        pub deadline: Option<Duration>,
        /// The fuel that it was given.
        pub fuel: Option<u64>,
    }

    /// Grants calls of a package's tools, such as `catalogue/text`, and answers them: `answering` is given the tool as it
    /// was asked for and the arguments. Called again for the same package, it answers in the place of the one before.
    pub fn grant(package: &str, answering: impl Fn(&str, &Value) -> Result<Output, Failure> + 'static) {
        crate::call::fake::grant(package, Rc::new(answering));
    }

    /// A JSON answer.
    ///
    /// # Panics
    ///
    /// Where `value` has no JSON form.
    pub fn json(value: impl Serialize) -> Output {
        Output::json(&value).expect("a value with a JSON form")
    }

    /// The calls so far that were granted, in order.
    pub fn made() -> Vec<Made> {
        crate::call::fake::made()
    }
}

/// Settings for [`crate::config`].
pub mod config {
    /// Sets a setting.
    pub fn set(key: impl Into<String>, value: impl Into<String>) {
        crate::config::fake::set(key.into(), value.into());
    }
}

/// What was written by [`crate::log`].
pub mod log {
    use crate::log::Level;

    /// A line.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Line {
        /// How much it matters.
        pub level: Level,
        /// Where it comes from: for the macros, a module's path.
        pub context: String,
        /// Its text.
        pub message: String,
    }

    /// The lines so far, of every level.
    pub fn lines() -> Vec<Line> {
        crate::log::fake::lines()
    }
}

/// Models for [`crate::model`].
pub mod model {
    use crate::error::Error;
    use crate::model::{Chat, Message, ToolCall};

    /// What a model answers.
    #[derive(Debug, Clone, Default)]
    pub struct Reply {
        pub(crate) text: String,
        pub(crate) tool_calls: Vec<ToolCall>,
        /// What comes instead of an answer.
        pub(crate) refusal: Option<Error>,
    }

    /// A request that a tool made.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Asked {
        /// The route.
        pub route: String,
        /// Its messages.
        pub messages: Vec<Message>,
    }

    /// Grants a route, and answers requests by it: with a text, with a [`ToolCall`], or with an [`Error`]. Called again for
    /// the same, it adds a reply: each is given once, in this order, and the last again and again.
    pub fn respond(route: &str, reply: impl Into<Reply>) {
        crate::model::fake::respond(route, reply.into());
    }

    /// Grants a route for vectors, each of which `make` makes of a text.
    pub fn embed(route: &str, make: impl Fn(&str) -> Vec<f32> + 'static) {
        crate::model::fake::make(route, Box::new(make));
    }

    /// The requests for answers so far that were granted.
    pub fn asked() -> Vec<Asked> {
        let asked = crate::model::fake::asked().into_iter();
        asked.map(|Chat { route, messages, .. }| Asked { route, messages }).collect()
    }

    impl From<&str> for Reply {
        fn from(text: &str) -> Self {
            Self { text: text.to_owned(), ..Self::default() }
        }
    }

    impl From<String> for Reply {
        fn from(text: String) -> Self {
            Self { text, ..Self::default() }
        }
    }

    impl From<ToolCall> for Reply {
        fn from(call: ToolCall) -> Self {
            Self { tool_calls: vec![call], ..Self::default() }
        }
    }

    impl From<Error> for Reply {
        fn from(error: Error) -> Self {
            Self { refusal: Some(error), ..Self::default() }
        }
    }
}

/// Prompt templates for [`crate::prompt`].
pub mod prompt {
    /// Sets a template, and grants it.
    pub fn set(name: impl Into<String>, template: impl Into<String>) {
        crate::prompt::fake::set(name.into(), template.into());
    }
}

/// What was reported by [`crate::progress`].
pub mod progress {
    /// A report.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Report {
        /// How much is done.
        pub done: f64,
        /// Of how much, where that is known.
        pub total: Option<f64>,
        /// What is going on.
        pub message: String,
    }

    /// The reports so far.
    pub fn reports() -> Vec<Report> {
        crate::progress::fake::reports()
    }
}

/// Volumes for [`crate::files`].
pub mod files {
    use std::path::{Path, PathBuf};

    /// Mounts an empty volume at an absolute path such as `/work`, and gives the folder in which its files really are. A
    /// volume that is there already stays as it is.
    ///
    /// # Panics
    ///
    /// Where the folder cannot be made.
    pub fn mount(path: impl AsRef<Path>) -> PathBuf {
        crate::files::fake::mount(path.as_ref())
    }
}

/// A network for [`crate::http`].
pub mod http {
    use crate::error::Error;

    /// What a server answers.
    #[derive(Debug, Clone)]
    pub struct Reply {
        pub(crate) status: u16,
        pub(crate) headers: Vec<(String, String)>,
        pub(crate) body: Vec<u8>,
        /// What comes instead of the body's end.
        pub(crate) end: Option<Error>,
        /// What comes instead of a response.
        pub(crate) refusal: Option<Error>,
    }

    /// A request that a tool made.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Sent {
        /// In capitals.
        pub method: String,
        /// As it was sent, percent-encoded and without a fragment.
        pub url: String,
        /// Names in lower case, and values.
        pub headers: Vec<(String, String)>,
        /// The body.
        pub body: Vec<u8>,
    }

    /// Grants requests of this method to exactly this URL, and answers them. Called again for the same, it adds a reply:
    /// each is given once, in this order, and the last again and again. An [`Error`] is a reply too.
    pub fn respond(method: &str, url: &str, reply: impl Into<Reply>) {
        crate::http::fake::respond(method, url, reply.into());
    }

    /// The requests so far that were granted.
    pub fn sent() -> Vec<Sent> {
        crate::http::fake::sent()
    }

    impl Reply {
        /// A response without headers and body.
        #[must_use]
        pub fn new(status: u16) -> Self {
            Self { status, headers: Vec::new(), body: Vec::new(), end: None, refusal: None }
        }

        /// Adds a header.
        #[must_use]
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.headers.push((name.into(), value.into()));
            self
        }

        /// Sets the body.
        #[must_use]
        pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
            self.body = body.into();
            self
        }

        /// Lets reading fail behind the body's last byte.
        #[must_use]
        pub fn then(mut self, error: Error) -> Self {
            self.end = Some(error);
            self
        }
    }

    impl From<Error> for Reply {
        fn from(error: Error) -> Self {
            Self { refusal: Some(error), ..Self::new(0) }
        }
    }
}
