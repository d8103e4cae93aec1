//! Providers of models, of the platform's file.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::grants::word;
use super::keys::{PROVIDER, PROVIDER_MODEL};
use super::models::{name, read_model, required, tables};
use super::node::Node;
use super::reader::Fields;
use super::route::level;
use super::stores::SIZE_MAX;
use crate::money::Money;
use crate::policy::http::{Credential, HttpTarget, Scheme};
use crate::policy::model::{Endpoint, Model, ModelKind, Protocol, Provider};
use crate::policy::problem::{Problems, shown};
use crate::routed::Level;

/// Providers, and models of one.
const PROVIDERS_MAX: usize = 100;
const MODELS_MAX: usize = 100;
const MILLISECOND: u64 = 1_000_000;
const TIMEOUT: (u64, u64) = (100 * MILLISECOND, 600_000 * MILLISECOND);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const ATTEMPTS_MAX: u64 = 10;
const ATTEMPTS_DEFAULT: u32 = 3;

const PROTOCOLS: &[(&str, Protocol)] = &[("openai", Protocol::OpenAi), ("anthropic", Protocol::Anthropic)];
const KINDS: &[(&str, ModelKind)] = &[("chat", ModelKind::Chat), ("embeddings", ModelKind::Embeddings)];
const OUTPUT_MEMBERS: &[(&str, &str)] =
    &[("max_tokens", "max_tokens"), ("max_completion_tokens", "max_completion_tokens")];

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
