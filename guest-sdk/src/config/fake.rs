//! Settings that a test sets.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::error::Error;

thread_local! {
    static SETTINGS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn set(key: String, value: String) {
    SETTINGS.with_borrow_mut(|settings| settings.insert(key, value));
}

pub(crate) fn reset() {
    SETTINGS.take();
}

pub(crate) fn get(key: &str) -> Result<Option<String>, Error> {
    Ok(SETTINGS.with_borrow(|settings| settings.get(key).cloned()))
}

pub(crate) fn get_all() -> Result<Vec<(String, String)>, Error> {
    Ok(SETTINGS.with_borrow(|settings| settings.clone().into_iter().collect()))
}
