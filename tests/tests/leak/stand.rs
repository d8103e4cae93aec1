//! A host of its own, with a server that its tools ask and providers of models that nobody else asks.

use std::path::PathBuf;

use cofferdam_tests::{Came, Options, Provider, Seen, Server, Tenant, Upstream, Wire, everything};
use tempfile::TempDir;

use crate::plant::Words;

/// The host, and everybody that it sends requests to.
pub(crate) struct Stand {
    pub(crate) server: Server,
    pub(crate) upstream: Upstream,
    provider: Provider,
    /// Where it logs everything that it can log.
    pub(crate) log: PathBuf,
}

/// How many connections there were to each of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    upstream: usize,
    provider: usize,
}

impl Stand {
    pub(crate) async fn start() -> Self {
        let (upstream, provider) = (Upstream::start().await, Provider::start().await);
        let log = TempDir::new().unwrap().keep().join("log");
        let ceiling = Some(ceiling(&upstream, &provider));
        let server = Server::start(Options { ceiling, log: Some(log.clone()), ..Options::default() }).await;
        server.publish(&["limits", "relay", "models"]).await;
        server.push(&["summarise"]).await;
        Self { server, upstream, provider, log }
    }

    /// How many connections there were so far.
    pub(crate) fn sent(&self) -> Mark {
        Mark { upstream: self.upstream.wire.len(), provider: self.provider.wire.len() }
    }

    /// Every byte that the host sent over the connections that were made between two moments, each by itself.
    pub(crate) fn sent_between(&self, from: Mark, to: Mark) -> Vec<Vec<u8>> {
        let of = |wire: &Wire, from: usize, to: usize| wire.since(from).into_iter().take(to - from);
        let upstream = of(&self.upstream.wire, from.upstream, to.upstream);
        let provider = of(&self.provider.wire, from.provider, to.provider);
        let whole = |came: Came| {
            assert!(!came.is_cut, "more came than is kept");
            came.bytes
        };
        upstream.chain(provider).map(whole).collect()
    }

    /// The bodies of what the tenant's tools asked, as they are without what is between their pieces on the way.
    pub(crate) fn bodies_of(&self, tenant: &Tenant) -> Vec<Vec<u8>> {
        let seen = self.upstream.seen(&tenant.name).into_iter();
        let whole = |seen: Seen| {
            assert_eq!(seen.body.len(), seen.body_bytes, "more came than is kept");
            seen.body.to_vec()
        };
        seen.map(whole).collect()
    }
}

/// Lets everything through, but requests to where nobody else asks alone.
fn ceiling(upstream: &Upstream, provider: &Provider) -> String {
    let (port, address) = (upstream.address.port(), provider.address);
    let models = r#"{ name = "small", input_price = "0.10 USD", output_price = "0.40 USD", context_tokens = 8_000 }"#;
    let vectors = r#"{ name = "vectors", kind = "embeddings", input_price = "0.02 USD", context_tokens = 8_000 }"#;
    let providers = format!(
        r#"
        credentials = "any"
        [[provider]]
        name = "a"
        protocol = "openai"
        url = "http://{address}/a/v1"
        models = [{models}, {vectors}]
        [[provider]]
        name = "c"
        protocol = "anthropic"
        url = "http://{address}/c/v1"
        models = [{models}]
        "#
    );
    everything(&format!(r#"{{ host = "*", scheme = "http", port = {port}, methods = ["*"] }}"#)) + &providers
}

/// What both tenants have in force, but for words of their own: whatever goes by name alone would meet.
pub(crate) fn policy(upstream: &Upstream, words: Words) -> String {
    let port = upstream.address.port();
    let credential = r#"{ secret = "token", header = "x-token", plain_http = true }"#;
    let (remark, setting, template) = (words.of("remark"), words.of("setting"), words.of("template"));
    format!(
        r#"
        # {remark}
        [limits]
        fuel = 2_000_000_000
        deadline = "20s"
        [[grant]]
        tools = ["limits", "attack"]
        kv = [{{ bucket = "notes", access = "read-write" }}]
        files = [{{ volume = "work", mount = "/work", access = "read-write" }}]
        http = [{{ host = "127.0.0.1", scheme = "http", port = {port}, methods = ["*"], credential = {credential} }}]
        log = "trace"
        config = {{ greeting = "{setting}" }}
        [[grant]]
        tools = ["catalogue/relay"]
        call = [{{ tool = "limits", grants = "own" }}]
        [[grant]]
        tools = ["catalogue/models", "catalogue/summarise"]
        model = ["openai", "anthropic", "summarise", "vectors"]
        prompt = ["summarise"]
        [[model]]
        name = "openai"
        choices = [{{ provider = "a", model = "small", max_complexity = "high" }}]
        [[model]]
        name = "anthropic"
        choices = [{{ provider = "c", model = "small", max_complexity = "high" }}]
        [[model]]
        name = "summarise"
        choices = [{{ provider = "c", model = "small", max_complexity = "high" }}]
        [[model]]
        name = "vectors"
        choices = [{{ provider = "a", model = "vectors" }}]
        [prompts]
        summarise = "({template}) Sum up in {{sentences}} sentences: {{text}}"
        [cache]
        tools = ["told"]
        [[budget.for]]
        tools = ["told"]
        calls_per_day = 1
        [approval]
        tools = ["catalogue/limits"]
        [labels]
        private_buckets = ["notes"]
        [[flow]]
        when = ["private", "untrusted"]
        deny = ["call"]
        [audit]
        payloads = "1h"
        record = true
        "#
    )
}
