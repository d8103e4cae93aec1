//! Models and prompts: routes of the tenant's file over the providers that the ceiling lets the package use.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Given, Scale, ask_platform};
use crate::policy::decide::Layer;
use crate::policy::grant::{Grant, GrantKind};
use crate::policy::model::{ModelChoice, ModelGrant, ModelRoute, Offered, Provider};
use crate::policy::rows::{ModelChoiceRules, ModelUse};
use crate::policy::words;

/// Why a choice is none, whatever is asked. What the package may not use is not told from what there is not.
const NONE: &str = "the platform has no such model for this package";

impl Scale<'_> {
    pub(super) fn models(&mut self) {
        let (kind, layers) = (GrantKind::Model, &self.layers);
        let providers = &layers.ceiling.rules().host.providers;
        let caps = layers.ceiling_rows.iter().filter_map(|row| row.gives.model.as_ref());
        let lets = |name: &str| {
            caps.clone().any(|at| at.value.as_ref().is_none_or(|names| names.iter().any(|known| known == name)))
        };
        let above = layers.ceiling_sources(kind);
        let mut routes: BTreeMap<String, ModelRoute> = BTreeMap::new();
        let (mut given, mut missing): (BTreeMap<String, Given>, Vec<(String, &'static str)>) = Default::default();
        for row in &layers.tenant_rows {
            for at in &row.gives.model {
                let ModelUse { route: name, tokens_max } = &at.value;
                // One that the file does not have gives nothing: `policy check` tells of it.
                let rules = layers.policy.rules().models.iter().find(|known| known.value.name == *name);
                let Some(rules) = rules.map(|known| &known.value) else { continue };
                let route = routes.entry(name.clone()).or_insert_with(|| {
                    let choices: Vec<ModelChoice> =
                        rules.choices.iter().map(|choice| offered(choice, providers, &lets)).collect();
                    let missed =
                        choices.iter().filter_map(|choice| Some((shown(choice), choice.offered.clone().err()?)));
                    missing.extend(missed);
                    ModelRoute { name: name.clone(), choices, falls_back: rules.falls_back, tokens_max: None }
                });
                // Of two grants the smallest that is stated, as with quotas.
                route.tokens_max = [route.tokens_max, *tokens_max].into_iter().flatten().min();
                let thing = given.entry(name.clone()).or_insert_with(|| Given {
                    kind,
                    name: name.clone(),
                    what: String::new(),
                    rows: Vec::new(),
                    by: Vec::new(),
                });
                thing.rows.push(layers.row_name(row));
                thing.by.push(layers.tenant_source(row, kind, at.line));
            }
        }
        for (name, thing) in &mut given {
            let Some(route) = routes.get(name) else { continue };
            let names = words::list(route.choices.iter().map(shown));
            let most = route.tokens_max.map(|most| format!(", at most {} tokens a call", words::count(most)));
            thing.what = format!("model route {name:?} ({names}){}", most.unwrap_or_default());
            thing.by.extend(above.iter().cloned());
        }
        let package = layers.subject.package;
        self.given.extend(given.into_values());
        self.grants.model = Some(Grant::new(Arc::new(ModelGrant { routes, has_providers: !providers.is_empty() })));
        for (choice, why) in missing {
            let said = format!("the policy has {choice} among its choices, and {why}");
            self.withhold(kind, Layer::Ceiling, said, words::rules(above.clone()), ask_platform(package, kind));
        }
    }

    pub(super) fn prompts(&mut self) {
        let (kind, layers) = (GrantKind::Prompt, &self.layers);
        let (mut prompts, mut rows, mut by) = (BTreeMap::new(), Vec::new(), Vec::new());
        for row in layers.tenant_rows.iter().filter(|row| !row.gives.prompt.is_empty()) {
            rows.push(layers.row_name(row));
            for at in &row.gives.prompt {
                by.push(layers.tenant_source(row, kind, at.line));
                let template = layers.policy.rules().prompts.get_key_value(&at.value);
                prompts.extend(template.map(|(name, template)| (name.clone(), Arc::clone(template))));
            }
        }
        by.dedup();
        by.extend(layers.ceiling_sources(kind));
        let what = format!("prompts {}", prompts.keys().cloned().collect::<Vec<_>>().join(", "));
        self.given.push(Given { kind, name: String::new(), what, rows, by });
        self.grants.prompt = Grant::new(Arc::new(prompts));
    }
}

fn offered(choice: &ModelChoiceRules, providers: &[Arc<Provider>], lets: &impl Fn(&str) -> bool) -> ModelChoice {
    let ModelChoiceRules { provider, model, conditions } = choice;
    let found = providers.iter().find(|known| known.name == *provider).and_then(|known| {
        let model = known.models.iter().find(|known| known.name == *model)?;
        Some(Offered { provider: Arc::clone(known), model: model.clone() })
    });
    let offered = match found {
        Some(offered) if lets(provider) => Ok(offered),
        _ => Err(NONE),
    };
    ModelChoice { provider: provider.clone(), model: model.clone(), conditions: *conditions, offered }
}

fn shown(choice: &ModelChoice) -> String {
    format!("{}/{}", choice.provider, choice.model)
}
