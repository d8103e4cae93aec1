//! Templates that a test sets.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;

thread_local! {
    static TEMPLATES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn set(name: String, template: String) {
    TEMPLATES.with_borrow_mut(|templates| templates.insert(name, template));
}

pub(crate) fn reset() {
    TEMPLATES.take();
}

pub(crate) fn render(name: &str, parameters: Vec<(String, String)>) -> Result<String, Error> {
    let template = TEMPLATES.with_borrow(|templates| templates.get(name).cloned());
    let template = template.ok_or_else(|| Error::denied("no prompt grant for it").about("prompt"))?;
    let values: BTreeMap<String, String> = parameters.into_iter().collect();
    let failed = |text: String| Error::failed(text).about("prompt");
    let (mut prompt, mut used, mut rest) = (String::new(), BTreeSet::new(), template.as_str());
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        prompt.push_str(before);
        // A brace that is doubled is one.
        if from.starts_with("{{") || from.starts_with("}}") {
            prompt.push_str(&from[..1]);
            rest = &from[2..];
            continue;
        }
        let (name, behind) = from[1..].split_once('}').ok_or_else(|| failed("a brace stands alone".to_owned()))?;
        let value = values.get(name).ok_or_else(|| failed(format!("the prompt wants the parameter {name:?} too")))?;
        prompt.push_str(value);
        used.insert(name.to_owned());
        rest = behind;
    }
    prompt.push_str(rest);
    match values.keys().find(|name| !used.contains(*name)) {
        Some(name) => Err(failed(format!("the prompt has no parameter {name:?}"))),
        None => Ok(prompt),
    }
}
