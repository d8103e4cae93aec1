//! What this host offers to import, and what each of it means in plain words: for people who decide on grants, and for
//! authors whose component asks for something that is not there.

use std::collections::BTreeSet;

use semver::Version;

use crate::policy::GrantKind;

/// Interfaces of one package that mean the same to whoever grants, whichever version names them.
struct Offer {
    package: &'static str,
    /// The highest versions that are on offer, each with its interfaces. Lower ones that are compatible with one are on
    /// offer, too; of a pre-release this one alone.
    versions: &'static [(&'static str, &'static [&'static str])],
    words: &'static str,
    grant: Option<GrantKind>,
}

/// What a program prints to, and how it finds out whether that is a terminal: the same in 0.2 and 0.3.
const STANDARD_STREAMS: &[&str] = &[
    "stdin",
    "stdout",
    "stderr",
    "terminal-input",
    "terminal-output",
    "terminal-stdin",
    "terminal-stdout",
    "terminal-stderr",
];

/// Everything that a component may import. What is not here is refused at upload, by name.
const OFFERS: &[Offer] = &[
    Offer {
        package: "wasi:cli",
        versions: &[("0.2.12", &["environment", "exit"]), ("0.3.0", &["environment", "exit", "types"])],
        words: "may look for arguments and environment variables (wasi:cli): there are none, and nothing of the host's",
        grant: None,
    },
    Offer {
        package: "wasi:cli",
        versions: &[("0.2.12", STANDARD_STREAMS), ("0.3.0", STANDARD_STREAMS)],
        words: "may print (wasi:cli): standard input is empty; what it prints is kept where log is granted",
        grant: Some(GrantKind::Log),
    },
    Offer {
        package: "wasi:clocks",
        versions: &[("0.2.12", &["monotonic-clock", "wall-clock"]), ("0.3.0", &["monotonic-clock", "system-clock"])],
        words: "reads clocks (wasi:clocks): they stand still at the call's start unless clock is granted",
        grant: Some(GrantKind::Clock),
    },
    Offer {
        package: "wasi:clocks",
        versions: &[("0.3.0", &["types"])],
        words: "names units of time (wasi:clocks)",
        grant: None,
    },
    Offer {
        package: "wasi:filesystem",
        versions: &[("0.2.12", &["preopens", "types"]), ("0.3.0", &["preopens", "types"])],
        words: "asks for files (wasi:filesystem): it sees the volumes that the policy grants, and no folder otherwise",
        grant: Some(GrantKind::Files),
    },
    Offer {
        package: "wasi:io",
        versions: &[("0.2.12", &["error", "poll", "streams"])],
        words: "reads and writes streams that other interfaces give it (wasi:io)",
        grant: None,
    },
    Offer {
        package: "wasi:random",
        versions: &[("0.2.12", &["random"]), ("0.3.0", &["random"])],
        words: "asks for random bytes (wasi:random): they follow from the call's id unless random is granted",
        grant: Some(GrantKind::Random),
    },
    Offer {
        package: "wasi:random",
        versions: &[("0.2.12", &["insecure", "insecure-seed"]), ("0.3.0", &["insecure", "insecure-seed"])],
        words: "seeds its hash tables (wasi:random)",
        grant: None,
    },
    Offer {
        package: "wasi:sockets",
        versions: &[
            (
                "0.2.12",
                &[
                    "instance-network",
                    "ip-name-lookup",
                    "network",
                    "tcp",
                    "tcp-create-socket",
                    "udp",
                    "udp-create-socket",
                ],
            ),
            ("0.3.0", &["ip-name-lookup", "types"]),
        ],
        words: "names raw sockets (wasi:sockets): always refused, whatever the policy says; use wasi:http instead",
        grant: None,
    },
    Offer {
        package: "wasi:http",
        versions: &[("0.2.12", &["outgoing-handler", "types"]), ("0.3.0", &["client", "types"])],
        words: "asks for the network (wasi:http): requests leave only for where the policy grants http",
        grant: Some(GrantKind::Http),
    },
    Offer {
        package: "wasi:keyvalue",
        versions: &[("0.2.0-draft", &["atomics", "batch", "store"]), ("0.2.0-draft2", &["atomics", "batch", "store"])],
        words: "asks for key-value buckets (wasi:keyvalue): it opens the tenant's buckets that the policy grants as kv",
        grant: Some(GrantKind::Kv),
    },
    Offer {
        package: "wasi:config",
        versions: &[("0.2.0-rc.1", &["store"])],
        words: "reads settings (wasi:config): the values that the policy grants as config",
        grant: Some(GrantKind::Config),
    },
    Offer {
        package: "wasi:logging",
        versions: &[("0.1.0-draft", &["logging"])],
        words: "writes log lines (wasi:logging): kept from the level on that the policy grants as log",
        grant: Some(GrantKind::Log),
    },
    Offer {
        package: "cofferdam:tool",
        versions: &[("1.0.0", &["progress"])],
        words: "reports its progress to the agent that waits (cofferdam:tool)",
        grant: None,
    },
    Offer {
        package: "cofferdam:tool",
        versions: &[("1.0.0", &["call"])],
        words: "calls other tools (cofferdam:tool): those that the policy grants as call, for the same key",
        grant: Some(GrantKind::Call),
    },
    Offer {
        package: "cofferdam:tool",
        versions: &[("1.0.0", &["model"])],
        words: "asks models (cofferdam:tool): by the routes that the policy grants as model",
        grant: Some(GrantKind::Model),
    },
    Offer {
        package: "cofferdam:tool",
        versions: &[("1.0.0", &["prompt"])],
        words: "uses prompt templates (cofferdam:tool): those that the policy grants as prompt",
        grant: Some(GrantKind::Prompt),
    },
];

/// An interface's id, as it stands in an import: `wasi:http/types@0.2.4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InterfaceId<'a> {
    pub(super) package: &'a str,
    pub(super) interface: &'a str,
    pub(super) version: Option<Version>,
}

impl<'a> InterfaceId<'a> {
    /// Absent where `name` is not of that form: a plain name, a URL, a dependency.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(Version::parse(version).ok()?)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        package.contains(':').then_some(Self { package, interface, version })
    }
}

/// Whether a host that has `offered` can stand in for `wanted`: the rule of semantic versions, and for pre-releases
/// nothing but the same.
fn fits(offered: &str, wanted: &Version) -> bool {
    let Ok(offered) = Version::parse(offered) else { return false };
    if !offered.pre.is_empty() || !wanted.pre.is_empty() {
        return offered == *wanted;
    }
    // The patch is left open: an interface's later patches only add, and what is missing is named when it is linked.
    match (offered.major, wanted.major) {
        (0, 0) => offered.minor == wanted.minor && offered.minor > 0,
        (offered, wanted) => offered == wanted,
    }
}

/// What all of `imports` mean together: words (one line each, no line twice), and the kinds of grant that they imply.
pub(super) fn explain<'a>(imports: impl Iterator<Item = &'a str>) -> (Vec<String>, BTreeSet<GrantKind>) {
    let mut words = Vec::new();
    let mut grants = BTreeSet::new();
    for offer in imports.filter_map(find) {
        if !words.iter().any(|known| known == offer.words) {
            words.push(offer.words.to_owned());
        }
        grants.extend(offer.grant);
    }
    (words, grants)
}

/// Why `import` cannot be satisfied, and what comes nearest; absent when it can.
pub(super) fn refuse(import: &str) -> Option<String> {
    if find(import).is_some() {
        return None;
    }
    let Some(id) = InterfaceId::parse(import) else {
        return Some(format!(
            "it imports {import:?} by a plain name; only interfaces can be imported, such as wasi:clocks/wall-clock@0.2.0"
        ));
    };
    let near = nearest(&id);
    Some(format!("it imports {import}, which this host does not offer; the nearest that it does is {near}"))
}

fn find(import: &str) -> Option<&'static Offer> {
    let id = InterfaceId::parse(import)?;
    let version = id.version.as_ref()?;
    OFFERS.iter().filter(|offer| offer.package == id.package).find(|offer| {
        let mut versions = offer.versions.iter();
        versions.any(|(offered, interfaces)| interfaces.contains(&id.interface) && fits(offered, version))
    })
}

/// The interface on offer whose id is most like `wanted`.
fn nearest(wanted: &InterfaceId<'_>) -> String {
    let wanted = format!("{}/{}", wanted.package, wanted.interface);
    let all = OFFERS.iter().flat_map(|offer| {
        offer.versions.iter().flat_map(move |(version, interfaces)| {
            interfaces.iter().map(move |interface| (format!("{}/{interface}", offer.package), *version))
        })
    });
    // There is always one: the table is not empty.
    all.max_by(|(a, _), (b, _)| strsim::jaro_winkler(&wanted, a).total_cmp(&strsim::jaro_winkler(&wanted, b)))
        .map_or_else(String::new, |(id, version)| format!("{id}@{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_std_imports_is_on_offer_in_every_patch() {
        for import in [
            "wasi:cli/environment@0.2.0",
            "wasi:cli/stderr@0.2.6",
            "wasi:io/streams@0.2.12",
            "wasi:random/insecure-seed@0.2.4",
            "wasi:sockets/tcp@0.2.6",
            "wasi:cli/stdin@0.3.0",
            "wasi:http/client@0.3.1",
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "cofferdam:tool/progress@1.0.0",
        ] {
            assert_eq!(refuse(import), None);
        }
    }

    #[test]
    fn what_is_not_on_offer_is_named_with_the_nearest() {
        let near = |import: &str, words: &str| {
            let reason = refuse(import).unwrap();
            assert!(reason.contains(import) && reason.contains(words), "{reason}");
        };
        near("wasi:keyvalue/stores@0.2.0-draft", "wasi:keyvalue/store@0.2.0-draft");
        near("wasi:keyvalue/store@0.2.0-draft3", "wasi:keyvalue/store@0.2.0-draft");
        near("wasi:http/outgoing-handlers@0.2.0", "wasi:http/outgoing-handler@0.2");
        near("wasi:cli/stdin@0.4.0", "wasi:cli/stdin@0.");
        near("wasi:cli/stdin@0.3.0-rc-2026-01-06", "wasi:cli/stdin@0.");
        near("wasi:cli/stdin", "wasi:cli/stdin@0.");
        near("cofferdam:tool/progress@2.0.0", "cofferdam:tool/progress@1.0.0");
        near("do-it", "plain name");
    }

    #[test]
    fn words_name_the_grants_that_imports_imply() {
        let imports = [
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/poll@0.2.0",
            "wasi:sockets/udp@0.2.0",
        ];
        let (words, grants) = explain(imports.into_iter());
        assert_eq!(words.len(), 3, "{words:?}");
        assert!(words.iter().any(|line| line.contains("always refused")));
        assert_eq!(grants, BTreeSet::from([GrantKind::Http]));
    }
}
