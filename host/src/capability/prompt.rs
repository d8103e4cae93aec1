//! The tenant's prompt templates: rendered for a tool, part of the decision like settings.

mod bind;

pub use self::bind::{PromptView, add_to_linker};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::effects::{DeniedUse, Effects};
use crate::policy::Grant;
use crate::policy::prompt::Template;
use crate::uses::CapabilityUse;

/// A prompt's name in the record, in characters: policy's own are shorter.
const RECORDED_NAME_CHARS_MAX: usize = 64;

/// Why there is no prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptFault {
    /// Policy grants no such template, whether or not there is one.
    #[error("{0}")]
    Denied(String),
    /// The parameters do not fit.
    #[error("{0}")]
    Invalid(String),
}

/// One call's prompts.
#[derive(Debug, Clone)]
pub struct PromptCall {
    prompts: Arc<BTreeMap<String, Arc<Template>>>,
    effects: Arc<Effects>,
}

impl PromptCall {
    /// What `grant` gives.
    pub fn new(grant: &Grant<Arc<BTreeMap<String, Arc<Template>>>>, effects: Arc<Effects>) -> Self {
        Self { prompts: Arc::clone(grant), effects }
    }

    /// The prompt `name` with these parameters.
    ///
    /// # Errors
    ///
    /// [`PromptFault::Denied`] without a grant for it; [`PromptFault::Invalid`] for parameters that it does not name, or
    /// names and are not given.
    pub fn render(&self, name: &str, parameters: Vec<(String, String)>) -> Result<String, PromptFault> {
        let Some((name, template)) = self.prompts.get_key_value(name) else {
            let shown: String = name.chars().take(RECORDED_NAME_CHARS_MAX).collect();
            let (action, rule) = (format!("use prompt {shown:?}"), "no prompt grant for it".to_owned());
            self.effects.deny(DeniedUse { capability: "prompt", action, rule: rule.clone(), nearest: None });
            return Err(PromptFault::Denied(rule));
        };
        let same = |used: &CapabilityUse| matches!(used, CapabilityUse::Prompt { name: known } if known == name);
        self.effects.used(same, || CapabilityUse::Prompt { name: name.clone() });
        let given = parameters.len();
        let parameters: BTreeMap<String, String> = parameters.into_iter().collect();
        if parameters.len() < given {
            return Err(PromptFault::Invalid("a parameter is given twice".to_owned()));
        }
        template.render(&parameters).map_err(|error| PromptFault::Invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::effects::tests::recorded;

    #[test]
    fn a_tool_renders_what_it_was_given_and_nothing_else() {
        let (record, effects) = recorded();
        let template = Template::parse("In a word: {text}").unwrap();
        let grant = Grant::for_test(Arc::new(BTreeMap::from([("short".to_owned(), Arc::new(template))])));
        let call = PromptCall::new(&grant, Arc::clone(&effects));
        let text = || vec![("text".to_owned(), "{text} is long".to_owned())];
        assert_eq!(call.render("short", text()).unwrap(), "In a word: {text} is long");
        assert!(matches!(call.render("short", Vec::new()), Err(PromptFault::Invalid(_))));
        let twice = call.render("short", [text(), text()].concat()).unwrap_err();
        assert_eq!(twice, PromptFault::Invalid("a parameter is given twice".to_owned()));
        assert!(matches!(call.render("long", text()), Err(PromptFault::Denied(_))));
        assert_eq!(record.denied.lock()[0].action, "use prompt \"long\"");
        assert_eq!(effects.uses().uses, [CapabilityUse::Prompt { name: "short".into() }]);
    }
}
