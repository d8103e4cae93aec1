//! Providers of the platform's file, routes and prompts of a tenant's, and what grants say of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::grants::word;
use super::keys::{MODEL, MODEL_CHOICE, MODEL_GRANT, PROVIDER, PROVIDER_MODEL};
use super::node::{Node, Value};
use super::reader::Fields;
use super::route::{level, part};
use super::stores::SIZE_MAX;
use super::{ENTRIES_MAX, NAME_RULE, is_name};
use crate::money::Money;
use crate::policy::http::{Credential, HttpTarget, Scheme};
use crate::policy::model::{Endpoint, Model, ModelConditions, ModelKind, Protocol, Provider};
use crate::policy::problem::{Problems, shown};
use crate::policy::prompt::Template;
use crate::policy::rows::{At, ModelChoiceRules, ModelRules, ModelUse};
use crate::routed::Level;

/// Providers of the platform; models of one; routes of a tenant.
const PROVIDERS_MAX: usize = 100;
const MODELS_MAX: usize = 100;
const ROUTES_MAX: usize = 100;
/// Choices of a route. Bounds what a request's decision costs, and what of it is recorded.
const CHOICES_MAX: usize = 16;
/// Prompts of a tenant, and the bytes of one.
const PROMPTS_MAX: usize = 100;
const PROMPT_BYTES_MAX: usize = 32 << 10;
/// A model's name, in bytes.
const MODEL_NAME_BYTES_MAX: usize = 128;
const MILLISECOND: u64 = 1_000_000;
const TIMEOUT: (u64, u64) = (100 * MILLISECOND, 600_000 * MILLISECOND);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const ATTEMPTS_MAX: u64 = 10;
const ATTEMPTS_DEFAULT: u32 = 3;

const PROTOCOLS: &[(&str, Protocol)] = &[("openai", Protocol::OpenAi), ("anthropic", Protocol::Anthropic)];
const KINDS: &[(&str, ModelKind)] = &[("chat", ModelKind::Chat), ("embeddings", ModelKind::Embeddings)];
const OUTPUT_MEMBERS: &[(&str, &str)] =
    &[("max_tokens", "max_tokens"), ("max_completion_tokens", "max_completion_tokens")];
const FALLBACKS: &[(&str, bool)] = &[("next", true), ("none", false)];

/// `[[provider]]`; `private` are the platform's exceptions to the refusal of special addresses.
pub(super) fn read_providers(problems: &mut Problems, file: &Fields<'_>, private: &[IpNet]) -> Vec<Arc<Provider>> {
    let private: Arc<[IpNet]> = private.into();
    let mut providers: Vec<Arc<Provider>> = Vec::new();
    for (node, place) in tables(problems, file, "provider", PROVIDERS_MAX) {
        let Some(provider) = provider(problems, node, &place, &private) else { continue };
        if providers.iter().any(|known| known.name == provider.name) {
            problems.add(node.line, place, format!("there is a provider {:?} already", provider.name));
        } else {
            providers.push(Arc::new(provider));
        }
    }
    providers
}

fn provider(problems: &mut Problems, node: &Node, place: &str, private: &Arc<[IpNet]>) -> Option<Provider> {
    let fields = problems.fields(node, place, &PROVIDER)?;
    let name = required(problems, &fields, "name", name);
    let protocol =
        required(problems, &fields, "protocol", |problems, node, place| problems.choice(node, place, PROTOCOLS));
    let endpoint =
        required(problems, &fields, "url", |problems, node, place| problems.parsed(node, place, read_endpoint));
    let plain_http = match fields.get("plain_http") {
        Some(node) => problems.truth(node, &fields.place("plain_http"))?,
        None => false,
    };
    let credential = match fields.get("key") {
        None => None,
        Some(node) => {
            let secret = problems.parsed(node, &fields.place("key"), str::parse)?;
            if endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme == Scheme::Http) && !plain_http {
                let message = "the URL is for http, where everybody on the way can read the key: plain_http = true says \
                               that this is meant";
                problems.add(node.line, fields.place("key"), message);
                return None;
            }
            let header = (protocol == Some(Protocol::Anthropic)).then_some("x-api-key");
            // Of one header and nothing else, that cannot fail.
            Credential::new(secret, [header, None, None, None], plain_http).ok()
        }
    };
    let (least, most) = TIMEOUT;
    let timeout = fields.get("timeout").map(|node| problems.duration(node, &fields.place("timeout"), least, most));
    let attempts = fields.get("attempts").map(|node| problems.count(node, &fields.place("attempts"), 1, ATTEMPTS_MAX));
    let output_member = word(problems, &fields, "output_member", OUTPUT_MEMBERS);
    let models = required(problems, &fields, "models", |problems, node, place| {
        let nodes = problems.list(node, place, MODELS_MAX)?.iter().enumerate();
        let mut models: Vec<Model> = Vec::new();
        for (nth, node) in nodes {
            let place = format!("{place}[{}]", nth + 1);
            let Some(model) = model(problems, node, &place, protocol) else { continue };
            if models.iter().any(|known| known.name == model.name) {
                problems.add(node.line, place, format!("there is a model {:?} already", model.name));
            } else {
                models.push(model);
            }
        }
        Some(models)
    });
    Some(Provider {
        name: name?,
        protocol: protocol?,
        endpoint: endpoint?,
        credential,
        timeout: timeout.flatten().map_or(TIMEOUT_DEFAULT, Duration::from_nanos),
        attempts: attempts.flatten().and_then(|count| u32::try_from(count).ok()).unwrap_or(ATTEMPTS_DEFAULT),
        output_member: output_member.map_or("max_tokens", |at| at.value),
        models: models?,
        private: Arc::clone(private),
    })
}

fn model(problems: &mut Problems, node: &Node, place: &str, protocol: Option<Protocol>) -> Option<Model> {
    let fields = problems.fields(node, place, &PROVIDER_MODEL)?;
    let name = required(problems, &fields, "name", |problems, node, place| problems.parsed(node, place, read_model));
    let kind = word(problems, &fields, "kind", KINDS).map_or(ModelKind::Chat, |at| at.value);
    if kind == ModelKind::Embeddings && protocol == Some(Protocol::Anthropic) {
        problems.add(fields.line, fields.place("kind"), "the protocol anthropic has no embeddings");
    }
    let price = |problems: &mut Problems, node: &Node, place: &str| problems.money(node, place);
    let input_price = required(problems, &fields, "input_price", price);
    let output_price = match kind {
        ModelKind::Chat => required(problems, &fields, "output_price", price),
        ModelKind::Embeddings => Some(Money::ZERO),
    };
    let context_tokens =
        required(problems, &fields, "context_tokens", |problems, node, place| problems.count(node, place, 1, SIZE_MAX));
    let strength = level(problems, &fields, "strength").unwrap_or(Level::High);
    let (input_price, output_price) = (input_price?, output_price?);
    Some(Model { name: name?, kind, input_price, output_price, context_tokens: context_tokens?, strength })
}

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
fn tables<'n>(problems: &mut Problems, file: &Fields<'n>, key: &str, max: usize) -> Vec<(&'n Node, String)> {
    let Some(node) = file.get(key) else { return Vec::new() };
    if matches!(node.value, Value::Table(_)) {
        problems.add(node.line, key, format!("there can be several: write [[{key}]] with two brackets"));
        return Vec::new();
    }
    let nodes = problems.list(node, key, max).unwrap_or_default();
    nodes.iter().enumerate().map(|(nth, node)| (node, format!("{key}[{}]", nth + 1))).collect()
}

/// What has to be there.
fn required<T>(
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

fn name(problems: &mut Problems, node: &Node, place: &str) -> Option<String> {
    problems.parsed(node, place, |text| {
        if is_name(text) { Ok(text.to_owned()) } else { Err(format!("{} is no name: {NAME_RULE}", shown(text))) }
    })
}

fn read_model(text: &str) -> Result<String, String> {
    if (1..=MODEL_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(format!("{} is no model: a name has 1 to {MODEL_NAME_BYTES_MAX} visible ASCII characters", shown(text)))
}

/// A URL without anything that a request's own would not have.
fn read_endpoint(text: &str) -> Result<Endpoint, String> {
    let wrong = |why: &str| format!("{} is no URL of a provider: {why}", shown(text));
    let url = Url::parse(text).map_err(|_| wrong("write one as \"https://api.example.com/v1\""))?;
    let scheme = Scheme::parse(url.scheme()).ok_or_else(|| wrong("it begins with https:// or http://"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a host, a port and a path, and nothing else"));
    }
    let authority = url.authority().to_owned();
    let path = url.path().trim_end_matches('/').to_owned();
    let endpoint = Endpoint { scheme, authority, path };
    HttpTarget::read(scheme.as_str(), &endpoint.authority, "POST", &format!("{}/messages", endpoint.path))
        .map_err(|refusal| wrong(&refusal.rule))?;
    Ok(endpoint)
}
