//! A host as it is run: the command itself, on ports and in a data folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::guardian::Guardian;
use crate::guests::guest;
use crate::secure::Secure;
use crate::tenant::Tenant;
use crate::upstream::Upstream;
use crate::work::{eventually, name, program};

/// A ceiling that lets everything through, requests by the rules of `http`: what tests limit, they limit in their tenants'
/// policies. It ends within `[egress]`, for keys of that to follow.
pub fn everything(http: &str) -> String {
    format!(
        r#"
        [[grant]]
        tools = ["*", "catalogue/*"]
        kv = true
        files = true
        http = [{http}]
        clock = true
        random = true
        log = true
        config = true
        call = true
        model = true
        prompt = true
        [egress]
        private_addresses = ["127.0.0.1/32"]
        "#
    )
}

/// What a host has where a test gives it none.
fn ceiling(upstream: &Upstream, secure: &Secure) -> String {
    let (port, secure) = (upstream.address.port(), secure.address.port());
    everything(&format!(
        r#"
            {{ host = "*", methods = ["*"] }},
            {{ host = "*", scheme = "http", port = {port}, methods = ["*"] }},
            {{ host = "*", port = {secure}, methods = ["*"] }},
        "#
    ))
}

/// How a host is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further arguments of `serve`.
    pub arguments: Vec<String>,
    /// A data folder that is kept; absent: a new one that goes with the host.
    pub data: Option<PathBuf>,
    /// The platform's ceiling, if it is not to let everything through.
    pub ceiling: Option<String>,
    /// What starts it: a program and its arguments, behind which the host's own command line is put.
    pub within: Vec<String>,
    /// Where it logs everything that it can log, and what else it says once it is there; absent: errors alone, to where the
    /// tests do.
    pub log: Option<PathBuf>,
}

/// A running host. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    /// Where its data are.
    pub data: PathBuf,
    /// The platform's first key, with every scope, where this start showed one.
    pub platform: Client,
    /// Where it says how it is.
    pub health: String,
    /// A server that its guests may ask.
    pub upstream: Upstream,
    child: Child,
    guardian: Option<Guardian>,
}

impl Server {
    /// Starts one and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready.
    pub async fn start(options: Options) -> Self {
        let own = options.data.is_none();
        // The guardian removes it.
        let data = options.data.unwrap_or_else(|| TempDir::new().unwrap().keep());
        std::fs::create_dir_all(&data).unwrap();
        let upstream = Upstream::shared().await;
        let secure = Secure::shared().await;
        let ceiling = options.ceiling.unwrap_or_else(|| ceiling(&upstream, &secure));
        std::fs::write(data.join("platform.toml"), ceiling).unwrap();
        let mut command = command(&options.within, &data, &options.arguments);
        command.arg("--egress-roots").arg(&secure.roots);
        let log = options.log.map(|log| File::options().create(true).append(true).open(log).unwrap());
        if let Some(log) = &log {
            command.stderr(log.try_clone().unwrap()).env("COFFERDAM_LOG", "trace");
        }
        let child = command.spawn().unwrap();
        let guardian = Guardian::of(&child, own.then_some(&data));
        Self::attend(child, guardian, data, upstream, log).await
    }

    /// Reads from its standard output where it listens and, at the first start, the platform's key.
    async fn attend(
        mut child: Child,
        guardian: Guardian,
        data: PathBuf,
        upstream: Upstream,
        log: Option<File>,
    ) -> Self {
        let mut output = child.stdout.take().unwrap();
        let told = tokio::task::spawn_blocking(move || (Told::read(&mut output), output));
        let (Told { listen, health, key }, mut rest) = told.await.unwrap();
        if let Some(mut log) = log {
            // It ends with the host.
            std::thread::spawn(move || std::io::copy(&mut rest, &mut log));
        }
        let client = Client::new(&listen);
        let platform = key.map_or(client.clone(), |key| client.with_key(&key));
        let server = Self { data, platform, health, upstream, child, guardian: Some(guardian) };
        eventually("a host that is ready", async || server.is_ready().await.then_some(())).await;
        server
    }

    /// Whether it would let a call in.
    pub async fn is_ready(&self) -> bool {
        let health = Client::new(&self.health);
        health.try_send(health.request("GET", "/readyz")).await.is_ok_and(|answer| answer.status == 200)
    }

    /// Has it say something in its log, and waits until `log` has that: what is looked for there could be found.
    ///
    /// # Panics
    ///
    /// When it does not say it.
    pub async fn says_so_in(&self, log: &Path) {
        let file = self.data.join("platform.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        // Changes nothing: what was in force stays in force.
        std::fs::write(&file, format!("{text}\nno ceiling at all\n")).unwrap();
        eventually("a word in the host's log", async || {
            let log = std::fs::read(log).unwrap();
            memchr::memmem::find(&log, b"cannot be taken over").map(drop)
        })
        .await;
        std::fs::write(file, text).unwrap();
    }

    /// Kills it at once, with no chance to put anything in order.
    ///
    /// # Panics
    ///
    /// When the operating system does not let it.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, waits until it did, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it does not stop.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        eventually("a host that stops", async || self.child.try_wait().unwrap()).await.code()
    }

    /// Waits until it ended by itself, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn ended(mut self) -> Option<i32> {
        eventually("a host that ends", async || self.child.try_wait().unwrap()).await.code()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where the record is.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// A new tenant, whose name begins with `stem`.
    pub async fn tenant(&self, stem: &str) -> Tenant {
        Tenant::create(&self.platform, &name(stem)).await
    }

    /// Publishes guest programs in the catalogue.
    pub async fn publish(&self, guests: &[&str]) {
        for name in guests {
            let digest = self.platform.upload(guest(name)).await.ok()["digest"].clone();
            let body = json!({"version": "1.0.0", "component": digest});
            self.platform.post(&format!("/v1/packages/{name}/versions"), &body).await.ok();
        }
    }

    /// Pushes packages of the catalogue, as the platform's team does.
    pub async fn push(&self, packages: &[&str]) {
        for package in packages {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tools").join(package);
            let mut push = tokio::process::Command::new(program());
            push.args(["push", "--json"]).arg(folder);
            push.env("COFFERDAM_URL", self.platform.base()).env("COFFERDAM_KEY", self.platform.key());
            let output = push.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; the guardian then has the folder alone to see to.
        drop(self.guardian.take());
        let _ = self.child.wait();
    }
}

/// The command line of a host.
pub fn command(within: &[String], data: &Path, arguments: &[String]) -> Command {
    let mut command = match within.split_first() {
        None => Command::new(program()),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program());
            command
        }
    };
    command
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", "--data"])
        .arg(data)
        .args(arguments)
        .env_remove("COFFERDAM_KEY")
        .env("COFFERDAM_LOG", std::env::var("COFFERDAM_TEST_LOG").unwrap_or_else(|_| "error".to_owned()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// What a host says when it starts.
#[derive(Debug, Default)]
struct Told {
    listen: String,
    health: String,
    key: Option<String>,
}

impl Told {
    /// Reads the one document that it says.
    fn read(output: impl std::io::Read) -> Self {
        let mut said = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        let Some(Ok(said)) = said.next() else { panic!("the host did not start") };
        let text = |key: &str| said[key].as_str().map(str::to_owned);
        let address = |key: &str| format!("http://{}", text(key).unwrap());
        Self { listen: address("listen"), health: address("health"), key: text("platform_key") }
    }
}

/// The host that all tests of a process share, with every guest program in its catalogue: starting one and compiling
/// for it takes longer than most tests. Tests keep apart by their tenants.
pub async fn shared() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let server = Server::start(Options::default()).await;
            server.publish(&["noop", "limits", "attack", "relay"]).await;
            server
        })
        .await
}
