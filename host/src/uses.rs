//! What a call really used of what it was granted: words for the record, and for whoever decides again what policy says.
//!
//! They are policy's own names (buckets, volumes, settings, patterns of paths) and the host that a request went to; never
//! a path, a query, a key or anything else that a guest said.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{PackageRef, SecretName};

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Through TLS.
    Https,
}

impl Scheme {
    /// The port where none is named.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Its text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The scheme that `text` stands for.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the guest's clocks show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// The time at which the call began, always.
    Frozen,
    /// The time, by the millisecond: too coarse for timing attacks.
    Coarse,
    /// The time as the host has it.
    Real,
}

impl Clock {
    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Coarse => "coarse",
            Self::Real => "real",
        }
    }
}

/// How severe a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For finding a defect.
    Debug,
    /// What happened.
    Info,
    /// What may need a look.
    Warn,
    /// What failed.
    Error,
    /// What failed and stops everything.
    Critical,
}

impl LogLevel {
    /// Every level, the least severe first.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// Its name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// What was done with a bucket or a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Touch {
    /// It was opened or looked at.
    Read,
    /// It was changed.
    Write,
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// One use of a capability that was granted and happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CapabilityUse {
    /// It called a tool.
    Call {
        /// The tool's package: rules are for whole packages.
        package: PackageRef,
    },
    /// It read a clock that moves.
    Clock {
        /// What that showed.
        shows: Clock,
    },
    /// It read a setting.
    Config {
        /// Which.
        key: String,
    },
    /// It used a volume.
    Files {
        /// What it did there.
        access: Touch,
        /// Where it found the volume.
        mount: String,
        /// The volume; `(scratch)` for a folder of the call's own.
        volume: String,
    },
    /// It sent a request.
    Http {
        /// The host, in its one spelling.
        host: String,
        /// The method.
        method: String,
        /// The pattern of paths of the policy's rule that let it through; the path itself is nowhere.
        path: String,
        /// The port, named or not.
        port: u16,
        /// How it travelled.
        scheme: Scheme,
    },
    /// It used a bucket.
    Kv {
        /// What it did there.
        access: Touch,
        /// The bucket.
        bucket: String,
    },
    /// Lines were kept of what it logged or printed.
    Log {
        /// The least severe of them.
        level: LogLevel,
    },
    /// It asked a model.
    Model {
        /// Whose: the provider, as the platform names it.
        provider: String,
        /// The route.
        route: String,
    },
    /// It used a prompt template.
    Prompt {
        /// Its name.
        name: String,
    },
    /// It had random bytes that cannot be foreseen.
    Random {},
    /// A request of its left with a secret in it, which the host had put there.
    Secret {
        /// The host that it went to.
        host: String,
        /// The secret.
        name: SecretName,
        /// Which of its values.
        version: u64,
    },
}

impl fmt::Display for CapabilityUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { package } => write!(f, "call tools of {package}"),
            Self::Clock { shows } => write!(f, "see the time ({})", shows.as_str()),
            Self::Config { key } => write!(f, "read setting {key:?}"),
            Self::Files { access, mount, volume } => write!(f, "{access} volume {volume:?} at {mount}"),
            Self::Http { host, method, path, port, scheme } => {
                write!(f, "{method} {scheme}://{host}")?;
                if *port != scheme.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(path)
            }
            Self::Kv { access, bucket } => write!(f, "{access} bucket {bucket:?}"),
            Self::Log { level } => write!(f, "have log lines kept from {} on", level.as_str()),
            Self::Model { provider, route } => write!(f, "ask a model of {provider:?} by route {route:?}"),
            Self::Prompt { name } => write!(f, "use prompt {name:?}"),
            Self::Random {} => f.write_str("have random bytes that cannot be foreseen"),
            Self::Secret { host, name, version } => {
                write!(f, "send secret \"{name}\" (version {version}) to {host}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_has_one_spelling_and_words() {
        let http = CapabilityUse::Http {
            host: "api.example.com".into(),
            method: "GET".into(),
            path: "/v1/*".into(),
            port: 8443,
            scheme: Scheme::Https,
        };
        let files = CapabilityUse::Files { access: Touch::Write, mount: "/work".into(), volume: "w".into() };
        for (used, json, words) in [
            (
                http,
                r#"{"http":{"host":"api.example.com","method":"GET","path":"/v1/*","port":8443,"scheme":"https"}}"#,
                "GET https://api.example.com:8443/v1/*",
            ),
            (files, r#"{"files":{"access":"write","mount":"/work","volume":"w"}}"#, "write volume \"w\" at /work"),
            (CapabilityUse::Random {}, r#"{"random":{}}"#, "have random bytes that cannot be foreseen"),
            (CapabilityUse::Clock { shows: Clock::Real }, r#"{"clock":{"shows":"real"}}"#, "see the time (real)"),
        ] {
            assert_eq!(serde_json::to_string(&used).unwrap(), json);
            assert_eq!(serde_json::from_str::<CapabilityUse>(json).unwrap(), used);
            assert_eq!(used.to_string(), words);
        }
    }
}
