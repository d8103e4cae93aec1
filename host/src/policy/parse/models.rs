//! Routes to models and prompts of a tenant's file, and what grants say of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::grants::word;
use super::keys::{MODEL, MODEL_CHOICE, MODEL_GRANT};
use super::node::{Node, Value};
use super::reader::Fields;
use super::route::{level, part};
use super::stores::SIZE_MAX;
use super::{ENTRIES_MAX, NAME_RULE, is_name};
use crate::policy::model::ModelConditions;
use crate::policy::problem::{Problems, shown};
use crate::policy::prompt::Template;
use crate::policy::rows::{At, ModelChoiceRules, ModelRules, ModelUse};

/// Routes of a tenant.
const ROUTES_MAX: usize = 100;
/// Choices of a route. Bounds what a request's decision costs, and what of it is recorded.
const CHOICES_MAX: usize = 16;
/// Prompts of a tenant, and the bytes of one.
const PROMPTS_MAX: usize = 100;
const PROMPT_BYTES_MAX: usize = 32 << 10;
/// A model's name, in bytes.
const MODEL_NAME_BYTES_MAX: usize = 128;

const FALLBACKS: &[(&str, bool)] = &[("next", true), ("none", false)];

/// `[[model]]`.
pub(super) fn read_model_routes(problems: &mut Problems, file: &Fields<'_>) -> Vec<At<ModelRules>> {
    let mut routes: Vec<At<ModelRules>> = Vec::new();
    for (node, place) in tables(problems, file, "model", ROUTES_MAX) {
        let Some(route) = route(problems, node, &place) else { continue };
        if routes.iter().any(|known| known.value.name == route.name) {
            problems.add(node.line, place, format!("there is a model route {:?} already", route.name));
        } else {
            routes.push(At { line: node.line, value: route });
        }
    }
    routes
}

fn route(problems: &mut Problems, node: &Node, place: &str) -> Option<ModelRules> {
    let fields = problems.fields(node, place, &MODEL)?;
    let name = required(problems, &fields, "name", name);
    let falls_back = word(problems, &fields, "fallback", FALLBACKS).is_none_or(|at| at.value);
    let choices = required(problems, &fields, "choices", |problems, node, place| {
        let nodes = problems.list(node, place, CHOICES_MAX)?;
        if nodes.is_empty() {
            problems.add(node.line, place, "it has to have a choice");
            return None;
        }
        let mut choices = Vec::new();
        for (nth, node) in nodes.iter().enumerate() {
            choices.extend(choice(problems, node, &format!("{place}[{}]", nth + 1)));
        }
        Some(choices)
    });
    Some(ModelRules { name: name?, choices: choices?, falls_back })
}

fn choice(problems: &mut Problems, node: &Node, place: &str) -> Option<ModelChoiceRules> {
    let fields = problems.fields(node, place, &MODEL_CHOICE)?;
    let provider = required(problems, &fields, "provider", name);
    let model = required(problems, &fields, "model", |problems, node, place| problems.parsed(node, place, read_model));
    let max_input_tokens = fields
        .get("max_input_tokens")
        .and_then(|node| problems.count(node, &fields.place("max_input_tokens"), 1, SIZE_MAX));
    let conditions = ModelConditions {
        max_risk: level(problems, &fields, "max_risk"),
        max_complexity: level(problems, &fields, "max_complexity"),
        max_input_tokens,
        min_budget_left_ppm: part(problems, &fields, "min_budget_left"),
    };
    Some(ModelChoiceRules { provider: provider?, model: model?, conditions })
}

/// `[prompts]`.
pub(super) fn read_prompts(problems: &mut Problems, file: &Fields<'_>) -> BTreeMap<String, Arc<Template>> {
    let mut prompts = BTreeMap::new();
    let Some(node) = file.get("prompts") else { return prompts };
    let Value::Table(rows) = &node.value else {
        problems.wrong::<()>(node, "prompts", "a table of texts");
        return prompts;
    };
    if rows.len() > PROMPTS_MAX {
        let message = format!("there are {} of them; at most {PROMPTS_MAX} may be", rows.len());
        problems.add(node.line, "prompts", message);
        return prompts;
    }
    for (key, node) in rows {
        let place = format!("prompts.{}", key.escape_debug());
        if !is_name(key) {
            problems.add(node.line, "prompts", format!("{} is no name: {NAME_RULE}", shown(key)));
            continue;
        }
        let Some(text) = problems.text(node, &place) else { continue };
        if text.len() > PROMPT_BYTES_MAX {
            let message = format!("it has {} bytes; at most {PROMPT_BYTES_MAX} may be", text.len());
            problems.add(node.line, place, message);
            continue;
        }
        match Template::parse(text) {
            Ok(template) if !prompts.contains_key(key) => _ = prompts.insert(key.clone(), Arc::new(template)),
            Ok(_) => problems.add(node.line, place, "it stands here twice"),
            Err(error) => problems.add(node.line, place, error.to_string()),
        }
    }
    prompts
}

/// `model` of a tenant's grant.
pub(super) fn model_uses(problems: &mut Problems, fields: &Fields<'_>) -> Vec<At<ModelUse>> {
    let Some(node) = fields.get("model") else { return Vec::new() };
    let place = fields.place("model");
    let mut uses = Vec::new();
    for (nth, node) in problems.list(node, &place, ENTRIES_MAX).unwrap_or_default().iter().enumerate() {
        let place = format!("{place}[{}]", nth + 1);
        let read = match &node.value {
            Value::Table(_) => problems.fields(node, &place, &MODEL_GRANT).and_then(|fields| {
                let route = required(problems, &fields, "route", name);
                let tokens_max =
                    fields.get("tokens_max").map(|node| problems.count(node, &fields.place("tokens_max"), 0, SIZE_MAX));
                Some(ModelUse { route: route?, tokens_max: tokens_max.flatten() })
            }),
            _ => name(problems, node, &place).map(|route| ModelUse { route, tokens_max: None }),
        };
        uses.extend(read.map(|value| At { line: node.line, value }));
    }
    uses
}

/// `prompt` of a tenant's grant.
pub(super) fn prompt_uses(problems: &mut Problems, fields: &Fields<'_>) -> Vec<At<String>> {
    let Some(node) = fields.get("prompt") else { return Vec::new() };
    names(problems, node, &fields.place("prompt"))
}

/// `model` of the ceiling's grant: everything, or providers.
pub(super) fn model_cap(problems: &mut Problems, fields: &Fields<'_>) -> Option<At<Option<Vec<String>>>> {
    let node = fields.get("model")?;
    let value = match node.value {
        Value::Boolean(true) => None,
        Value::List(_) => Some(names(problems, node, &fields.place("model")).into_iter().map(|at| at.value).collect()),
        _ => return problems.wrong(node, &fields.place("model"), "true or a list of providers"),
    };
    Some(At { line: node.line, value })
}

fn names(problems: &mut Problems, node: &Node, place: &str) -> Vec<At<String>> {
    let mut names = Vec::new();
    for (nth, node) in problems.list(node, place, ENTRIES_MAX).unwrap_or_default().iter().enumerate() {
        let read = name(problems, node, &format!("{place}[{}]", nth + 1));
        names.extend(read.map(|value| At { line: node.line, value }));
    }
    names
}

/// The tables of a list that is written with two brackets.
pub(super) fn tables<'n>(problems: &mut Problems, file: &Fields<'n>, key: &str, max: usize) -> Vec<(&'n Node, String)> {
    let Some(node) = file.get(key) else { return Vec::new() };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, key, format!("there can be several: write [[{key}]] with two brackets"));
        return Vec::new();
    }
    let nodes = problems.list(node, key, max).unwrap_or_default();
    nodes.iter().enumerate().map(|(nth, node)| (node, format!("{key}[{}]", nth + 1))).collect()
}

/// What has to be there.
pub(super) fn required<T>(
    problems: &mut Problems,
    fields: &Fields<'_>,
    key: &str,
    read: impl FnOnce(&mut Problems, &Node, &str) -> Option<T>,
) -> Option<T> {
    let place = fields.place(key);
    match fields.get(key) {
        Some(node) => read(problems, node, &place),
        None => {
            problems.add(fields.line, place, "it has to be there");
            None
        }
    }
}

pub(super) fn name(problems: &mut Problems, node: &Node, place: &str) -> Option<String> {
    problems.parsed(node, place, |text| {
        if is_name(text) { Ok(text.to_owned()) } else { Err(format!("{} is no name: {NAME_RULE}", shown(text))) }
    })
}

pub(super) fn read_model(text: &str) -> Result<String, String> {
    if (1..=MODEL_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(format!("{} is no model: a name has 1 to {MODEL_NAME_BYTES_MAX} visible ASCII characters", shown(text)))
}
