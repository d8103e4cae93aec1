//! `cofferdam:tool/progress` 1.0.

use crate::bindings::cofferdam::tool::progress;

pub(crate) fn report(done: f64, total: Option<f64>, message: &str) {
    progress::report(done, total, message);
}
