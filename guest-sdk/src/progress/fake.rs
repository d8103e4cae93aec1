//! Reports that a test reads back.

use std::cell::RefCell;

use crate::fakes::progress::Report;

thread_local! {
    static REPORTS: RefCell<Vec<Report>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn report(done: f64, total: Option<f64>, message: &str) {
    let report = Report { done, total, message: message.to_owned() };
    REPORTS.with_borrow_mut(|reports| reports.push(report));
}

pub(crate) fn reports() -> Vec<Report> {
    REPORTS.with_borrow(Clone::clone)
}

pub(crate) fn reset() {
    REPORTS.take();
}
