//! A tenant, a catalogue, policies and ceilings by the dozen, and what calls of them are decided and use: all of it from
//! a number, so that a failure can be looked at again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use semver::Version;

use crate::access::{Rules, Side};
use crate::engine::output::Hints;
use crate::id::{Digest, PackageRef, PrincipalId, TenantId, ToolName};
use crate::identity::{KeyHash, Principal, Scope};
use crate::policy::{Access, Ceiling, Decision, Grants, HttpTarget, Random};
use crate::registry::{Admission, Definition, Inspection};
use crate::snapshot::{Caller, Platform, Tenant, build_tenant};
use crate::storage::{ComponentRow, PackageRow, PolicyRow, TenantRow, TenantRows, VersionRow};
use crate::uses::{CapabilityUse, Clock, LogLevel, Touch};

/// Numbers that follow from the first (xorshift).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// Whether one of `of` comes out.
    pub(super) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(super) fn of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn word(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    fn some<'a, T>(&mut self, from: &'a [T]) -> Vec<&'a T> {
        from.iter().filter(|_| self.one_in(2)).collect()
    }
}

const PACKAGES: [&str; 5] = ["a", "b", "catalogue/a", "catalogue/web", "catalogue/store"];
const KINDS: [&str; 7] = ["http", "kv", "files", "clock", "random", "log", "config"];
const PATTERNS: [&str; 7] = ["*", "catalogue/*", "a", "b", "catalogue/a", "catalogue/web", "catalogue/store"];
const HOSTS: [&str; 3] = ["x.test", "y.test", "w.x.test"];
const PATHS: [&str; 4] = ["/*", "/p/*", "/p/q", "/r"];

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

/// A policy of some kind.
pub(super) fn policy(chance: &mut Chance) -> String {
    let mut text = String::new();
    let list = |names: &[&&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    if chance.one_in(2) {
        let _ = write!(text, "[tools]\nallow = [\"*\", {}]\n", list(&chance.some(&PATTERNS[1..])));
        if chance.one_in(2) {
            let _ = writeln!(text, "deny = [{}]", list(&[chance.of(&PATTERNS[2..])]));
        }
    }
    if chance.one_in(2) {
        let _ = writeln!(text, "[limits]\nfuel = {}", (1 + chance.below(5)) * 100_000_000);
        if chance.one_in(2) {
            let _ = writeln!(
                text,
                "deadline = \"{}s\"\nmemory_bytes = \"{}MiB\"",
                1 + chance.below(9),
                8 << chance.below(4)
            );
        }
    }
    for _ in 0..1 + chance.below(4) {
        let mut tools = chance.some(&PATTERNS);
        tools.push(chance.of(&PATTERNS));
        let _ = writeln!(text, "[[grant]]\ntools = [{}]", list(&tools));
        let access = |chance: &mut Chance| *chance.of(&["read-only", "read-write"]);
        if chance.one_in(2) {
            let (name, access) = (*chance.of(&["k", "l"]), access(chance));
            let _ = writeln!(text, "kv = [{{ bucket = \"{name}\", access = \"{access}\" }}]");
        }
        if chance.one_in(2) {
            let (name, access) = (*chance.of(&["v", "w"]), access(chance));
            let _ = writeln!(text, "files = [{{ volume = \"{name}\", access = \"{access}\" }}]");
        }
        if chance.one_in(2) {
            let (host, path) = (*chance.of(&["*", "*.x.test", "x.test", "y.test"]), *chance.of(&PATHS));
            let methods = *chance.of(&["\"GET\"", "\"GET\", \"POST\"", "\"*\""]);
            let _ = writeln!(text, "http = [{{ host = \"{host}\", methods = [{methods}], paths = [\"{path}\"] }}]");
        }
        if chance.one_in(3) {
            let _ = writeln!(text, "clock = \"{}\"", chance.of(&["frozen", "coarse", "real"]));
        }
        if chance.one_in(3) {
            let _ = writeln!(text, "random = \"{}\"", chance.of(&["seeded", "secure"]));
        }
        if chance.one_in(3) {
            let _ = writeln!(text, "log = \"{}\"", chance.of(&LogLevel::ALL).as_str());
        }
        if chance.one_in(3) {
            let _ = writeln!(text, "config = {{ {} = \"value\" }}", chance.of(&["one", "two"]));
        }
    }
    text
}

/// Ceilings: the built-in one, and two that take something away.
pub(super) fn ceilings() -> Vec<Ceiling> {
    let low = "[tools]\ndeny = [\"b\"]\n[limits]\nfuel = 250_000_000\n[[grant]]\ntools = [\"*\", \"catalogue/*\"]\n\
        kv = { access = \"read-only\" }\nfiles = true\nhttp = [{ host = \"*.x.test\" }, { host = \"x.test\" }]\n\
        clock = \"coarse\"\nrandom = true\nlog = \"warn\"\n";
    let lower = "[[grant]]\ntools = [\"catalogue/*\"]\nkv = true\nhttp = true\nlog = true\nconfig = true\n";
    vec![Ceiling::builtin(), Ceiling::parse(low).unwrap(), Ceiling::parse(lower).unwrap()]
}

/// The packages of an owner, each in two versions that need different things.
fn rows(owner: &TenantId, catalogue: bool, policy: Option<&str>) -> TenantRows {
    let mut chance = Chance::new(if catalogue { 7 } else { 8 });
    let (created, digest_key) = (SystemTime::UNIX_EPOCH, [7; 32]);
    let tenant = TenantRow { id: owner.clone(), suspended: false, digest_key, created };
    let policy =
        policy.map(|text| PolicyRow { digest: Digest::of(text.as_bytes()), text: text.into(), since: created });
    let mut rows = TenantRows {
        tenant,
        policy,
        access: None,
        principals: vec![],
        packages: vec![],
        versions: vec![],
        components: vec![],
        secret_key: None,
        secrets: vec![],
        recalls: vec![],
    };
    for name in PACKAGES.iter().filter_map(|name| match name.strip_prefix("catalogue/") {
        Some(name) => catalogue.then_some(name),
        None => (!catalogue).then_some(*name),
    }) {
        let versions = [Version::new(1, 0, 0), Version::new(2, 0, 0)];
        let (promoted, package) = (versions.to_vec(), name.parse::<crate::id::PackageName>().unwrap());
        rows.packages.push(PackageRow { tenant: owner.clone(), name: package.clone(), promoted, rolled_back: None });
        for version in versions {
            let digest = Digest::of(format!("{owner}/{name}@{version}").as_bytes());
            let facts = serde_json::to_string(&admission(digest, name)).unwrap();
            rows.components.push(ComponentRow { tenant: owner.clone(), digest, bytes: 1, facts, admitted: created });
            let mut required: BTreeSet<&str> = BTreeSet::new();
            if chance.one_in(2) {
                required.insert(chance.word(&KINDS[..3]));
            }
            let optional: BTreeSet<&str> = KINDS.into_iter().filter(|_| !chance.one_in(4)).collect();
            rows.versions.push(VersionRow {
                tenant: owner.clone(),
                package: package.clone(),
                version,
                component: digest,
                needs: serde_json::json!({"required": required, "optional": optional}).to_string(),
                limits: (*chance.of(&["{}", "{\"fuel\": 150000000}", "{\"deadline\": \"1500ms\"}"])).to_owned(),
                deprecated: None,
                signature: None,
                signer: None,
                publisher: None,
                approved: None,
                published: created,
            });
        }
    }
    rows
}

fn admission(digest: Digest, name: &str) -> Admission {
    let definition = |name: &str| Definition {
        name: name.parse().unwrap(),
        title: None,
        description: "It does something.".to_owned(),
        input_schema: serde_json::json!({"type": "object"}),
        output_schema: None,
        hints: Hints::default(),
    };
    Admission { digest, inspection: Inspection::for_test(), definitions: vec![definition(name), definition("other")] }
}

/// Callers of the tenant, one for each policy and ceiling: their values are built as a host builds them.
pub(super) struct World {
    pub(super) policies: Vec<String>,
    pub(super) ceilings: Vec<Ceiling>,
    tenants: Vec<Arc<Tenant>>,
    platforms: Vec<Arc<Platform>>,
    /// The keys that calls are made with.
    pub(super) keys: super::super::Keys,
}

impl World {
    pub(super) fn new(policies: Vec<String>) -> Self {
        let catalogue = build_tenant(rows(&TenantId::platform(), true, None), None).unwrap().packages;
        let build = |text: &String| Arc::new(build_tenant(rows(&tenant(), false, Some(text)), None).unwrap());
        let tenants = policies.iter().map(build).collect();
        let ceilings = ceilings();
        let platform = |(nth, ceiling): (usize, &Ceiling)| {
            let (ceiling, catalogue) = (Arc::new(ceiling.clone()), Arc::clone(&catalogue));
            Arc::new(Platform {
                generation: nth as u64,
                ceiling,
                access: Rules::none(Side::Platform),
                catalogue,
                recalls: Arc::default(),
                secrets: Arc::default(),
            })
        };
        let platforms = ceilings.iter().enumerate().map(platform).collect();
        Self { policies, ceilings, tenants, platforms, keys: super::super::Keys::new() }
    }

    /// Who asks under a policy and a ceiling.
    pub(super) fn caller(&self, policy: usize, ceiling: usize) -> Caller {
        let principal = Arc::new(Principal {
            id: PrincipalId::new(),
            tenant: tenant(),
            name: "agent".into(),
            scopes: Scope::ALL.into_iter().collect(),
            created: SystemTime::UNIX_EPOCH,
        });
        let (tenant, platform) = (Arc::clone(&self.tenants[policy]), Arc::clone(&self.platforms[ceiling]));
        Caller { principal, tenant, platform, key: KeyHash::from_bytes([0; 32]) }
    }

    /// The same for a key, and with access rules of the tenant.
    pub(super) fn ruled(&self, policy: usize, ceiling: usize, access: &str, key: &Principal) -> Caller {
        let mut rows = rows(&tenant(), false, Some(&self.policies[policy]));
        let (digest, since) = (Digest::of(access.as_bytes()), SystemTime::UNIX_EPOCH);
        rows.access = Some(PolicyRow { digest, text: access.to_owned(), since });
        let tenant = Arc::new(build_tenant(rows, None).unwrap());
        let (principal, platform) = (Arc::new(key.clone()), Arc::clone(&self.platforms[ceiling]));
        Caller { principal, tenant, platform, key: KeyHash::from_bytes([0; 32]) }
    }

    /// The texts that a host keeps.
    pub(super) fn texts(&self) -> BTreeMap<Digest, String> {
        let policies = self.policies.iter().map(|text| (Digest::of(text.as_bytes()), text.clone()));
        policies.chain(self.ceilings.iter().map(|ceiling| (ceiling.digest(), ceiling.text().to_owned()))).collect()
    }
}

/// Some tool of some package in some version.
pub(super) fn tool(chance: &mut Chance) -> (ToolName, Version) {
    let package: PackageRef = chance.of(&PACKAGES).parse().unwrap();
    let name = if chance.one_in(3) { "other" } else { package.name.as_str() };
    let definition = name.parse().unwrap();
    (ToolName::new(package, definition), Version::new(1 + chance.below(2) as u64, 0, 0))
}

/// What a call tried to do, as a guest would; what of it was granted it then used.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Http { method: &'static str, host: &'static str, path: &'static str },
    Kv(Touch, &'static str),
    Files(Touch, &'static str),
    Clock,
    Random,
    Log(LogLevel),
    Config(&'static str),
}

pub(super) fn wishes(chance: &mut Chance) -> Vec<Wish> {
    let touch = |chance: &mut Chance| *chance.of(&[Touch::Read, Touch::Write]);
    (0..chance.below(5))
        .map(|_| match chance.below(7) {
            0 => {
                let paths = ["/", "/p/q", "/p/z", "/r"];
                Wish::Http {
                    method: chance.word(&["GET", "POST"]),
                    host: chance.word(&HOSTS),
                    path: chance.word(&paths),
                }
            }
            1 => Wish::Kv(touch(chance), chance.word(&["k", "l"])),
            2 => Wish::Files(touch(chance), chance.word(&["v", "w"])),
            3 => Wish::Clock,
            4 => Wish::Random,
            5 => Wish::Log(*chance.of(&LogLevel::ALL)),
            _ => Wish::Config(chance.word(&["one", "two"])),
        })
        .collect()
}

impl Wish {
    /// What becomes of it under `grants`: the use that capabilities would note.
    pub(super) fn granted(&self, grants: &Grants) -> Option<CapabilityUse> {
        let may = |access: Access, touch: Touch| access == Access::ReadWrite || touch == Touch::Read;
        match self {
            Self::Http { method, host, path } => {
                let target = HttpTarget::read("https", host, method, path).unwrap();
                let matched = grants.http.as_ref()?.decide(&target).ok()?;
                Some(CapabilityUse::Http {
                    host: (*host).to_owned(),
                    method: (*method).to_owned(),
                    path: matched.tenant.path_pattern(&target).unwrap().to_owned(),
                    port: target.port,
                    scheme: target.scheme,
                })
            }
            Self::Kv(access, name) => {
                let grant = grants.kv.iter().find(|grant| grant.bucket == *name)?;
                let used = CapabilityUse::Kv { access: *access, bucket: (*name).to_owned() };
                may(grant.access, *access).then_some(used)
            }
            Self::Files(access, name) => {
                let grant = grants.files.iter().find(|grant| grant.volume == *name)?;
                let (mount, volume) = (grant.mount.clone(), (*name).to_owned());
                may(grant.access, *access).then_some(CapabilityUse::Files { access: *access, mount, volume })
            }
            Self::Clock => (*grants.clock != Clock::Frozen).then_some(CapabilityUse::Clock { shows: *grants.clock }),
            Self::Random => (*grants.random == Random::Secure).then_some(CapabilityUse::Random {}),
            Self::Log(level) => {
                let kept = grants.log.as_ref().is_some_and(|least| level >= &**least);
                kept.then_some(CapabilityUse::Log { level: *level })
            }
            Self::Config(key) => {
                grants.config.contains_key(*key).then(|| CapabilityUse::Config { key: (*key).to_owned() })
            }
        }
    }
}

/// What policy says of calls of a tool, under a policy and a ceiling.
pub(super) fn decision(caller: &Caller, tool: &ToolName, version: &Version) -> Arc<Decision> {
    let version = crate::id::VersionRequest::Exact(version.clone());
    let request = crate::id::ToolRequest { name: tool.clone(), version: Some(version) };
    let found = caller.resolve(&request).unwrap();
    caller.tenant.decide(&caller.platform, &found.package, &found.version)
}
