//! What is registered and does not run: what it costs in memory, at the start, and beside a tool that does run.

use std::time::{Duration, Instant};

use cofferdam_tests::{Options as HostOptions, Server, Tenant, guest};
use futures::{StreamExt as _, stream};
use serde_json::json;

use super::machine::{CORES, pin};
use super::report::{Report, Target, median};
use super::{Options, load};

/// How much is registered.
#[derive(Clone, Copy)]
struct Size {
    /// Tenants that have nothing.
    tenants: usize,
    /// Tenants that have tools.
    owners: usize,
    /// Tools of each of those.
    tools: usize,
}

const SMALL: Size = Size { tenants: 0, owners: 2, tools: 5 };

/// Calls that wait at once.
const LIVE: usize = 200;

/// Adds the rows.
pub(crate) fn measure(options: &Options, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    pin(std::process::id(), CORES[1]);
    let large = match options.quick {
        true => Size { tenants: 18, owners: 2, tools: 20 },
        false => Size { tenants: 900, owners: 100, tools: 100 },
    };
    runtime.block_on(async {
        let mut small = Host::start().await;
        small.register(SMALL).await;
        small.restart().await;
        small.first_calls(report, if options.quick { 3 } else { 15 }).await;
        small.live(report).await;

        let mut host = Host::start().await;
        host.register(Size { owners: 1, tools: 1, tenants: 0 }).await;
        host.restart().await;
        let empty = host.resident();
        host.register(Size { owners: 0, tools: 0, ..large }).await;
        host.restart().await;
        let with_tenants = host.resident();
        // Only the tools: the compiled component lies on disk until a call needs it.
        host.register(Size { tenants: 0, ..large }).await;
        let start = host.restart().await;
        let tools = large.owners * large.tools;
        let tenant = with_tenants.saturating_sub(empty) / large.tenants;
        let tool = (host.resident() - with_tenants).saturating_sub(large.owners * tenant) / tools;
        let name = format!("memory of an idle tenant, of {}", large.tenants);
        report.target(&name, tenant as f64 / 1e3, "kB", Target::AtMost(16.0), &[]);
        let name = format!("memory of an idle tool, of {tools}");
        report.target(&name, tool as f64 / 1e3, "kB", Target::AtMost(4.0), &[]);
        let name = format!("start with {} tenants and {tools} tools", large.tenants + large.owners);
        report.target(&name, start.as_secs_f64(), "s", Target::AtMost(3.0), &[]);
        host.rules(report).await;
        tokio::task::block_in_place(|| beside(options, report, &small, &host));
    });
}

/// The same tool's rate in both hosts, in turn.
fn beside(options: &Options, report: &mut Report, small: &Host, large: &Host) {
    const CONNECTIONS: usize = 32;
    const BODY: &str = r#"{"tool":"tool-0.noop","arguments":{}}"#;
    let pairs = if options.quick { 1 } else { 7 };
    let rate = |host: &Host| {
        let key = host.owners[0].agent.key();
        load::run(load::address(&host.server), Some(key), BODY, CONNECTIONS, options.duration() / 2).rate
    };
    let (mut ratios, mut few, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        few.push(rate(small));
        many.push(rate(large));
        ratios.push(many[many.len() - 1] / few[few.len() - 1]);
    }
    let names = ["calls beside 10 tools and 2 tenants", "calls beside all of those"];
    report.figure(names[0], median(few), "calls/s");
    report.figure(names[1], median(many), "calls/s");
    report.target("all of those over 10 and 2", median(ratios), "×", Target::AtLeast(0.95), &names);
}

/// A host that is started again and again on the same data.
struct Host {
    server: Server,
    owners: Vec<Tenant>,
}

impl Host {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap().keep();
        let server = Server::start(HostOptions { data: Some(data), ..HostOptions::default() }).await;
        pin(server.pid(), CORES[0]);
        Self { server, owners: Vec::new() }
    }

    async fn register(&mut self, size: Size) {
        let server = &self.server;
        let at_once = 8;
        stream::iter(0..size.tenants)
            .for_each_concurrent(at_once, async |_| {
                server.tenant("idle").await;
            })
            .await;
        let owners = stream::iter(0..size.owners).map(async |_| {
            let tenant = server.tenant("owner").await;
            let digest = tenant.upload(guest("noop")).await;
            for tool in 0..size.tools {
                tenant.publish(&format!("tool-{tool}"), "1.0.0", &digest).await;
            }
            tenant
        });
        self.owners.extend(owners.buffered(at_once).collect::<Vec<_>>().await);
    }

    /// Stops it and starts it again; gives how long it took to be ready.
    async fn restart(&mut self) -> Duration {
        self.server.kill();
        let started = Instant::now();
        let data = Some(self.server.data.clone());
        let server = Server::start(HostOptions { data, ..HostOptions::default() }).await;
        let took = started.elapsed();
        pin(server.pid(), CORES[0]);
        let base = server.platform.base().to_owned();
        let platform = self.server.platform.at(&base);
        self.owners = self.owners.iter().map(|tenant| tenant.at(&base)).collect();
        self.server = server;
        self.server.platform = platform;
        took
    }

    /// Bytes of memory that are its own.
    fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Tenants whose access rules were asked, and so are compiled.
    async fn rules(&mut self, report: &mut Report) {
        const RULES: usize = 10;
        // As ten people write them who know what they want: none like another.
        let rules: String = (0..RULES)
            .map(|rule| {
                format!(
                    "@id(\"rule-{rule}\")\nforbid (principal, action == Action::\"call\", resource in Package::\"p-{rule}\")\n  \
                     when {{ context.hour > {rule} && resource.risk == \"high\" }} unless {{ principal.name like \"admin-*\" }};\n"
                )
            })
            .collect();
        for owner in &self.owners {
            let request = owner.operator.request("PUT", "/v1/policy/access").header("content-type", "text/plain");
            owner.operator.send(request.body(rules.clone())).await.ok();
        }
        self.restart().await;
        // What is loaded once for all of them is no tenant's.
        let ask = async |owner: &Tenant| {
            owner.agent.post("/v1/explain", &json!({"tool": "tool-0.noop"})).await.ok();
        };
        ask(&self.owners[0]).await;
        let before = self.resident();
        for owner in &self.owners[1..] {
            ask(owner).await;
        }
        let asked = self.owners.len() - 1;
        let each = self.resident().saturating_sub(before) / asked.max(1);
        let name = format!("memory of {RULES} access rules of a tenant, compiled, of {asked}");
        report.target(&name, each as f64 / 1e3, "kB", Target::AtMost(80.0), &[]);
    }

    /// The first call of a tool after a start, its compiled component cached.
    async fn first_calls(&mut self, report: &mut Report, rounds: usize) {
        let body = json!({"tool": "tool-0.noop", "arguments": {}});
        self.owners[0].agent.post("/v1/calls", &body).await.ok();
        let mut times = Vec::new();
        for _ in 0..rounds {
            self.restart().await;
            // The connection is not what is measured.
            self.owners[0].agent.get("/v1/whoami").await.ok();
            let started = Instant::now();
            self.owners[0].agent.post("/v1/calls", &body).await.ok();
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        report.target("first call after a restart", median(times), "ms", Target::AtMost(5.0), &[]);
    }

    /// Calls that wait in the host, at once.
    async fn live(&mut self, report: &mut Report) {
        let tenant = self.server.tenant("live").await;
        tenant.policy("[limits]\ndeadline = \"30s\"\n[[grant]]\ntools = [\"*\"]\nclock = \"real\"\n").await;
        tenant.push("limits", guest("limits")).await;
        let sleep = json!({"tool": "limits.sleep", "arguments": {"milliseconds": 3_000}});
        let calls = async || {
            let calls = stream::iter(0..LIVE).map(async |_| tenant.agent.post("/v1/calls", &sleep).await.ok());
            calls.buffer_unordered(LIVE).collect::<Vec<_>>().await;
        };
        let before = self.resident();
        let measured = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.resident()
        };
        let ((), during) = tokio::join!(calls(), measured);
        let name = format!("memory of a live call, of {LIVE}");
        report.target(&name, (during.saturating_sub(before) / LIVE) as f64 / 1e3, "kB", Target::AtMost(1_049.0), &[]);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.kill();
        let _ = std::fs::remove_dir_all(&self.server.data);
    }
}
