//! Tools that a test answers for.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::{Call, Failure};
use crate::fakes::call::Made;
use crate::output::Output;

type Answering = Rc<dyn Fn(&str, &Value) -> Result<Output, Failure>>;

thread_local! {
    static GRANTED: RefCell<Vec<(String, Answering)>> = const { RefCell::new(Vec::new()) };
    static MADE: RefCell<Vec<Made>> = const { RefCell::new(Vec::new()) };
}

/// A call that was answered when it was started.
#[derive(Debug)]
pub(crate) struct Pending(Result<Output, Failure>);

impl Pending {
    pub(crate) fn wait(self) -> Result<Output, Failure> {
        self.0
    }
}

pub(crate) fn grant(package: &str, answering: Answering) {
    GRANTED.with_borrow_mut(|granted| {
        granted.retain(|(known, _)| known != package);
        granted.push((package.to_owned(), answering));
    });
}

pub(crate) fn made() -> Vec<Made> {
    MADE.with_borrow(Clone::clone)
}

pub(crate) fn reset() {
    GRANTED.take();
    MADE.take();
}

pub(crate) fn run(call: &Call, tool: &str, arguments: &str) -> Result<Output, Failure> {
    start(call, tool, arguments)?.wait()
}

pub(crate) fn start(call: &Call, tool: &str, arguments: &str) -> Result<Pending, Failure> {
    let package = tool.split(['.', '@']).next().unwrap_or_default();
    let granted = GRANTED.with_borrow(|granted| {
        granted.iter().find(|(known, _)| known == package).map(|(_, answering)| Rc::clone(answering))
    });
    let Some(answering) = granted else {
        return Err(Failure::new("denied", format!("this call may not call tools of {package}")));
    };
    let arguments: Value = serde_json::from_str(arguments)
        .map_err(|error| Failure::new("invalid-arguments", format!("the arguments are no JSON: {error}")))?;
    let made = Made { tool: tool.to_owned(), arguments: arguments.clone(), deadline: call.deadline, fuel: call.fuel };
    MADE.with_borrow_mut(|calls| calls.push(made));
    Ok(Pending(answering(tool, &arguments)))
}

pub(crate) fn any<'a>(mut pending: impl Iterator<Item = &'a Pending>) -> usize {
    // All of them have ended: the first is as good as any.
    pending.next().map_or(usize::MAX, |_| 0)
}
