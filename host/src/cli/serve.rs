//! `cofferdam serve`: a host, until it is asked to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;

use super::signals::Asked;
use super::style::{CARE, GOOD, QUIET, STRONG, paint};
use super::{Exit, Output, Result};
use crate::audit::Settings;
use crate::audit::log::{LogSettings, Witness};
use crate::engine::Allocator;
use crate::error::{Code, Error};
use crate::host::{HostSettings, SecretsKey};
use crate::http::ServerSettings;

mod log;
pub(super) mod running;

use self::log::LogOptions;
use self::running::{Doors, Running};

/// A file of certificates, in bytes.
const ROOTS_BYTES_MAX: u64 = 1 << 20;

/// Run a host until SIGTERM or ctrl-c; then running calls end and the record is closed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam serve
  cofferdam serve --data /var/lib/cofferdam --listen 0.0.0.0:7100 --health 0.0.0.0:7101 --log-format json
  cofferdam serve --live-calls-max 4000 --guest-threads 6

The first start makes the data folder and prints the platform's key, once, on standard output. The platform's ceiling is
the file platform.toml in the data folder; it is watched, and a bad one changes nothing. TLS is for what stands before it.
The key for secrets is 32 bytes, in base64 or as 64 hexadecimal digits; `cofferdam rotate-host-keys` puts another
one in its place.", after_long_help = super::exit::HELP)]
pub(super) struct Serve {
    /// The data folder; made when it is not there
    #[arg(long, value_name = "DIR", env = "COFFERDAM_DATA", hide_env_values = true, default_value = "cofferdam-data")]
    data: PathBuf,
    /// Where to listen for the API
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7100")]
    listen: SocketAddr,
    /// Where to listen for /healthz and /readyz, which need no key
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7101")]
    health: SocketAddr,
    /// What the names of this host's audit logs begin with: its domain, where several hosts' logs are compared
    #[arg(long, value_name = "NAME", default_value = "cofferdam")]
    audit_name: String,
    /// Who is asked to cosign checkpoints of the audit logs: a public key, a space, an address; may be given more than once
    #[arg(long, value_name = "KEY URL")]
    witness: Vec<Witness>,
    /// Certificates that tools' requests trust beside those that browsers trust, PEM; such as a company's own
    #[arg(long, value_name = "FILE")]
    egress_roots: Option<PathBuf>,
    #[command(flatten)]
    secrets: SecretsOptions,
    #[command(flatten)]
    room: RoomOptions,
    #[command(flatten)]
    log: LogOptions,
}

/// Where the key for secrets comes from: one place.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Key for secrets")]
#[group(multiple = false)]
pub(super) struct SecretsOptions {
    /// The file that holds it, of this user alone [default: keys/secrets.key in the data folder]
    #[arg(long, value_name = "FILE")]
    secrets_key_file: Option<PathBuf>,
    /// The variable of the environment that holds it
    #[arg(long, value_name = "NAME")]
    secrets_key_env: Option<String>,
    /// The command that prints it, run by the shell
    #[arg(long, value_name = "COMMAND")]
    secrets_key_command: Option<String>,
}

impl SecretsOptions {
    pub(super) fn key(self) -> SecretsKey {
        let Self { secrets_key_file, secrets_key_env, secrets_key_command } = self;
        let file = secrets_key_file.map(SecretsKey::File);
        file.or(secrets_key_env.map(SecretsKey::Environment))
            .or(secrets_key_command.map(SecretsKey::Command))
            .unwrap_or_default()
    }
}

/// How much of everything there may be. What is not given stays at the host's own default.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Room")]
struct RoomOptions {
    /// Calls that may be live at once, running or waiting [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    live_calls_max: Option<u32>,
    /// Of them, calls of one tenant [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tenant_calls_max: Option<u32>,
    /// Linear memory that all calls hold together, such as 8GiB [default: half of the machine's]
    #[arg(long, value_name = "SIZE")]
    live_memory_bytes_max: Option<bytesize::ByteSize>,
    /// Of it, what the calls of one tenant hold [default: half of it]
    #[arg(long, value_name = "SIZE")]
    tenant_memory_bytes_max: Option<bytesize::ByteSize>,
    /// Calls that calls make and that may be live at once besides, about: half of them on the first level [default: 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=20_000))]
    child_calls_max: Option<u32>,
    /// How long a call waits for room before it is refused [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    call_wait_max: Option<Duration>,
    /// Threads that run guests [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    guest_threads: Option<u16>,
    /// Where guests get their memory from [default: pooling]
    #[arg(long, value_enum, value_name = "KIND")]
    allocator: Option<AllocatorOption>,
    /// The size of an upload, such as 64MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    component_bytes_max: Option<bytesize::ByteSize>,
    /// Components that are compiled at once [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    compiles_max: Option<u16>,
    /// How long compiling one may take [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    compile_time_max: Option<Duration>,
    /// Compiled components that stay loaded, by their size together [default: 8GiB]
    #[arg(long, value_name = "SIZE")]
    loaded_bytes_max: Option<bytesize::ByteSize>,
    /// Connections at once [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connections_max: Option<u32>,
    /// Connections at once from one address; raise it behind a proxy [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    address_connections_max: Option<u32>,
    /// The size of the journal's segments, of which the disk has three at least, such as 64MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = segment_bytes)]
    segment_bytes: Option<u64>,
    /// How long running calls get to end when the host stops [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    drain_time_max: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AllocatorOption {
    /// From slots that are reserved at the start and reset after each call
    Pooling,
    /// From the operating system, call by call
    OnDemand,
}

/// What a host says of itself once it takes requests.
#[derive(Debug, Serialize)]
struct Started {
    listen: SocketAddr,
    health: SocketAddr,
    data: PathBuf,
    /// The platform's first key, the one time that it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_key: Option<String>,
}

impl Serve {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        self.log.start()?;
        let (mut settings, server) = self.room.settings(HostSettings::new(&self.data));
        if let Some(path) = &self.egress_roots {
            settings.egress.extra_roots = roots(path)?;
        }
        settings.secrets_key = self.secrets.key();
        settings.logs = LogSettings { name: self.audit_name, witnesses: self.witness };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(front_threads())
            .thread_name("front")
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        runtime.block_on(async {
            let mut asked = Asked::new()?;
            let doors = Doors { listen: self.listen, health: self.health, server, ..Doors::default() };
            let (running, first_key) = Running::start(end_without_a_record(settings), doors).await?;
            let started = Started {
                listen: running.listen,
                health: running.health,
                data: running.host.data().to_owned(),
                platform_key: first_key.as_ref().map(|key| key.expose().to_owned()),
            };
            output.show(&started, greet)?;
            if let Some(key) = first_key {
                key.shown().await?;
            }
            asked.wait().await;
            output.note("stopping: running calls may end; ask once more to stop at once");
            tokio::select! {
                stopped = running.stop() => stopped?,
                () = asked.wait() => {
                    let message = "stopped at once; calls that ran are recorded as interrupted by the next start";
                    return Err(Error::new(Code::Interrupted, message).into());
                }
            }
            Ok(Exit::Ok)
        })
    }
}

impl RoomOptions {
    fn settings(&self, mut host: HostSettings) -> (HostSettings, ServerSettings) {
        fn set<T>(to: &mut T, from: Option<impl TryInto<T>>) {
            if let Some(value) = from.and_then(|value| value.try_into().ok()) {
                *to = value;
            }
        }
        let mut server = ServerSettings::default();
        set(&mut host.engine.live_calls_max, self.live_calls_max);
        set(&mut host.admission.live_calls_max, self.live_calls_max);
        set(&mut host.engine.child_calls_max, self.child_calls_max);
        set(&mut host.admission.tenant_calls_max, self.tenant_calls_max);
        if let Some(bytes) = self.live_memory_bytes_max.map(|size| size.as_u64()) {
            host.engine.live_memory_bytes_max = bytes;
            host.engine.tenant_memory_bytes_max = bytes / 2;
        }
        set(&mut host.engine.tenant_memory_bytes_max, self.tenant_memory_bytes_max.map(|size| size.as_u64()));
        set(&mut host.admission.wait_max, self.call_wait_max);
        host.engine.guest_threads = self.guest_threads.map(usize::from).or(host.engine.guest_threads);
        set(
            &mut host.engine.allocator,
            self.allocator.map(|kind| match kind {
                AllocatorOption::Pooling => Allocator::Pooling,
                AllocatorOption::OnDemand => Allocator::OnDemand,
            }),
        );
        set(&mut host.registry.uploads.component_bytes_max, self.component_bytes_max.map(|size| size.as_u64()));
        set(&mut host.registry.compiling.compiles_max, self.compiles_max);
        set(&mut host.registry.compiling.time_max, self.compile_time_max);
        set(&mut host.registry.loaded_bytes_max, self.loaded_bytes_max.map(|size| size.as_u64()));
        set(&mut host.journal.segment_bytes, self.segment_bytes);
        set(&mut server.connections_max, self.connections_max);
        set(&mut server.address_connections_max, self.address_connections_max);
        set(&mut server.drain_time_max, self.drain_time_max);
        (host, server)
    }
}

fn segment_bytes(text: &str) -> Result<u64, String> {
    let (least, most) = (Settings::SEGMENT_BYTES_MIN, 1 << 30);
    let size: bytesize::ByteSize = text.parse()?;
    match size.as_u64() {
        bytes if (least..=most).contains(&bytes) => Ok(bytes),
        _ => Err("a segment takes 256KiB to 1GiB".to_owned()),
    }
}

/// The certificates of a PEM file.
fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = super::files::bytes(path, "file of certificates", ROOTS_BYTES_MAX)?;
    let roots: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match roots {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(Error::new(Code::InvalidRequest, format!("{} holds no certificates in PEM", path.display()))
            .next("give a file with one or more blocks that begin with -----BEGIN CERTIFICATE-----")
            .into()),
    }
}

/// Two at least: one that waits for a disk must not keep the other from answering.
fn front_threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2)
}

/// A host that cannot write its record must not go on: it ends, and the next start finds what was durable.
fn end_without_a_record(mut settings: HostSettings) -> HostSettings {
    settings.journal.on_failure = Some(Arc::new(|error: &Error| {
        tracing::error!(?error, "the record cannot be written: this host ends");
        std::process::exit(Exit::of(Code::AuditUnavailable).number().into());
    }));
    settings
}

fn greet(started: &Started) -> String {
    let mut text = String::new();
    if let Some(key) = &started.platform_key {
        text += &format!(
            "the platform's key, for its operators:\n\n  {key}\n\n{}\n\n",
            paint(CARE, "keep it now: it is not shown again")
        );
    }
    text += &format!(
        "{} cofferdam {} listens on {}\n",
        paint(GOOD, "●"),
        env!("CARGO_PKG_VERSION"),
        paint(STRONG, format_args!("http://{}", started.listen))
    );
    text += &paint(QUIET, format_args!("  health http://{}/readyz · data {}", started.health, started.data.display()));
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        room: RoomOptions,
    }

    #[test]
    fn every_option_reaches_its_setting_and_the_rest_stays() {
        let none = Alone::parse_from(["x"]).room.settings(HostSettings::new("d"));
        assert_eq!(format!("{none:?}"), format!("{:?}", (HostSettings::new("d"), ServerSettings::default())));
        let given = "x --live-calls-max 11 --tenant-calls-max 12 --call-wait-max 13s --guest-threads 14 \
            --allocator on-demand --component-bytes-max 15KiB --compiles-max 16 --compile-time-max 17s \
            --loaded-bytes-max 18MiB --connections-max 19 --address-connections-max 20 --drain-time-max 21s \
            --segment-bytes 22MiB --live-memory-bytes-max 23GiB --tenant-memory-bytes-max 24MiB";
        let (host, server) = Alone::parse_from(given.split_whitespace()).room.settings(HostSettings::new("d"));
        assert_eq!((host.engine.live_calls_max, host.admission.live_calls_max), (11, 11));
        assert_eq!((host.admission.tenant_calls_max, host.admission.wait_max), (12, Duration::from_secs(13)));
        let memory = (host.engine.live_memory_bytes_max, host.engine.tenant_memory_bytes_max);
        assert_eq!(memory, (23 << 30, 24 << 20));
        assert_eq!((host.engine.guest_threads, host.engine.allocator), (Some(14), Allocator::OnDemand));
        assert_eq!(host.registry.uploads.component_bytes_max, 15 << 10);
        let compiling = &host.registry.compiling;
        assert_eq!((compiling.compiles_max, compiling.time_max), (16, Duration::from_secs(17)));
        assert_eq!((host.registry.loaded_bytes_max, server.connections_max), (18 << 20, 19));
        assert_eq!(host.journal.segment_bytes, 22 << 20);
        for (size, taken) in
            [("255KiB", false), ("256KiB", true), ("1GiB", true), ("1073741825", false), ("1TiB", false)]
        {
            let parsed = Alone::try_parse_from(["x", "--segment-bytes", size]);
            assert_eq!(parsed.is_ok(), taken, "{size}");
            let said = parsed.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(taken || said.contains("256KiB to 1GiB"), "{said}");
        }
        assert_eq!((server.address_connections_max, server.drain_time_max), (20, Duration::from_secs(21)));
    }

    #[test]
    fn the_key_for_secrets_comes_from_one_place() {
        #[derive(Debug, Parser)]
        struct Alone {
            #[command(flatten)]
            secrets: SecretsOptions,
        }
        let key = |line: &str| Alone::try_parse_from(line.split_whitespace()).map(|alone| alone.secrets.key());
        assert_eq!(key("x").unwrap(), SecretsKey::Own);
        assert_eq!(key("x --secrets-key-file f").unwrap(), SecretsKey::File("f".into()));
        assert_eq!(key("x --secrets-key-env E").unwrap(), SecretsKey::Environment("E".to_owned()));
        assert_eq!(key("x --secrets-key-command c").unwrap(), SecretsKey::Command("c".to_owned()));
        key("x --secrets-key-file f --secrets-key-env E").unwrap_err();
        key("x --secrets-key-env E --secrets-key-command c").unwrap_err();
    }

    #[test]
    fn the_key_is_shown_only_when_there_is_one() {
        let address = "127.0.0.1:1".parse().unwrap();
        let started = |platform_key| Started { listen: address, health: address, data: "d".into(), platform_key };
        assert!(greet(&started(Some("cof_platform_x".to_owned()))).contains("cof_platform_x"));
        assert!(!serde_json::to_string(&started(None)).unwrap().contains("key"));
    }
}
