//! Routes and prompts that grants name and the file has not, and choices that the platform has not.

use super::Warnings;
use crate::policy::problem::nearest;
use crate::policy::{Ceiling, GrantKind, Policy};

/// Looks over what a policy says of models.
pub(super) fn check(warnings: &mut Warnings, policy: &Policy, ceiling: &Ceiling) {
    let rules = policy.rules();
    for row in &rules.grants.all {
        let key = |key: &str| format!("grant[{}].{key}", row.number);
        let routes = rules.models.iter().map(|known| known.value.name.as_str());
        for at in row.gives.model.iter().filter(|at| !routes.clone().any(|known| known == at.value.route)) {
            warnings.add(at.line, key("model"), missing("[[model]]", &at.value.route, routes.clone()));
        }
        for at in row.gives.prompt.iter().filter(|at| !rules.prompts.contains_key(&at.value)) {
            let known = rules.prompts.keys().map(String::as_str);
            warnings.add(at.line, key("prompt"), missing("prompt", &at.value, known));
        }
    }
    let asks = rules.grants.all.iter().any(|row| !row.gives.model.is_empty());
    if asks && !rules.flow.rows.iter().any(|row| row.deny.contains(&GrantKind::Model)) {
        for row in rules.flow.rows.iter().filter(|row| row.deny.contains(&GrantKind::Http)) {
            let message =
                "what a tool asks a model leaves the host as a request does: \"model\" is not denied".to_owned();
            warnings.add(row.line, format!("flow[{}].deny", row.number), message);
        }
    }
    let providers = &ceiling.rules().host.providers;
    let labels = &rules.flow.labels;
    for name in &labels.trusted_providers {
        if !providers.iter().any(|known| known.name == *name) {
            let near = nearest(name, providers.iter().map(|known| known.name.as_str()));
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            let message = format!("the platform has no model provider {name:?}{near}");
            warnings.add(labels.line, "labels.trusted_providers", message);
        }
    }
    for (nth, at) in rules.models.iter().enumerate() {
        for (choice_nth, choice) in at.value.choices.iter().enumerate() {
            let provider = providers.iter().find(|known| known.name == choice.provider);
            if !provider.is_some_and(|known| known.models.iter().any(|known| known.name == choice.model)) {
                let key = format!("model[{}].choices[{}]", nth + 1, choice_nth + 1);
                let message = format!("the platform has no model {}/{}", choice.provider, choice.model);
                warnings.add(at.line, key, message);
            }
        }
    }
}

fn missing<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("there is no {what} {name:?}; did you mean {near:?}?"),
        None => format!("there is no {what} {name:?} in this policy"),
    }
}
