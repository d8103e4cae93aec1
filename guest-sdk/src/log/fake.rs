//! Lines that a test reads back.

use std::cell::RefCell;

use super::Level;
use crate::fakes::log::Line;

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log(level: Level, context: &str, message: &str) {
    let line = Line { level, context: context.to_owned(), message: message.to_owned() };
    LINES.with_borrow_mut(|lines| lines.push(line));
}

pub(crate) fn lines() -> Vec<Line> {
    LINES.with_borrow(Clone::clone)
}

pub(crate) fn reset() {
    LINES.take();
}
