//! The smallest grant that covers given uses, written as a policy writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::call::Passing;
use super::grant::{Access, FilesGrant, Grant, GrantKind, Grants, SCRATCH};
use super::weigh::Defaults;
use crate::id::{PackageRef, SecretName};
use crate::uses::{CapabilityUse, Clock, LogLevel, Scheme, Touch};

/// Buckets, volumes or settings that one `[[grant]]` may name; what is more goes into another.
const ENTRIES_MAX: usize = 100;
/// Methods of one rule.
const METHODS_MAX: usize = 16;
/// Paths of one rule.
const PATHS_MAX: usize = 100;
/// What is granted so that calls start, by its name.
const UNUSED: &str = "unused";

/// Lines for a policy, and what they leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Smallest {
    /// One or more `[[grant]]`, TOML; empty where nothing has to be granted. Routes to models and prompts are the policy's
    /// own; what stands for one that is required and not used comes with the text.
    pub text: String,
    /// Kinds that the package requires and did not use: granted so that calls start, and of no use for anything.
    pub formal: Vec<GrantKind>,
    /// Uses that no rule can be written for, or that contradict others of an earlier policy.
    pub impossible: Vec<CapabilityUse>,
    /// Settings whose values are not known any more: written as empty texts.
    pub valueless: Vec<String>,
}

/// Writes what `package` has to be granted for `uses`, and for the kinds that it requires. Quotas and values of settings
/// are taken from what it holds at `present`.
pub fn smallest<'a>(
    package: &PackageRef,
    uses: impl IntoIterator<Item = &'a CapabilityUse>,
    required: &BTreeSet<GrantKind>,
    present: Option<&Grants>,
) -> Smallest {
    let mut writer = Writer { present, ..Writer::default() };
    // What is held now first: of two places of a volume that is the one to keep.
    let (held, others): (Vec<_>, Vec<_>) = uses.into_iter().partition(|used| writer.is_at_its_place(used));
    for used in held.into_iter().chain(others) {
        writer.take(used);
    }
    for kind in required {
        writer.require(*kind);
    }
    writer.write(package)
}

/// What is to be granted, kind by kind.
#[derive(Default)]
struct Writer<'a> {
    present: Option<&'a Grants>,
    buckets: BTreeMap<String, Access>,
    /// By their place.
    volumes: BTreeMap<String, (String, Access)>,
    requests: BTreeMap<Where, BTreeSet<String>>,
    /// What requests to a host left with, as a policy writes it.
    credentials: BTreeMap<(Scheme, String), String>,
    clock: Option<Clock>,
    random: bool,
    log: Option<LogLevel>,
    settings: BTreeMap<String, String>,
    /// Whether `config` is to be there even if it is empty.
    config: bool,
    calls: BTreeSet<PackageRef>,
    /// Routes to models, and prompts: each that was used and the policy has.
    models: BTreeSet<String>,
    prompts: BTreeSet<String>,
    done: Smallest,
}

/// What a request was to, but for its method.
type Where = (Scheme, String, u16, String);

impl Writer<'_> {
    /// Whether it is no use of a volume, or one of a volume where it is now.
    fn is_at_its_place(&self, used: &CapabilityUse) -> bool {
        let CapabilityUse::Files { mount: place, volume: name, .. } = used else { return true };
        let held = self.present.map(|grants| grants.files.as_slice()).unwrap_or_default();
        held.iter().any(|grant| grant.mount == *place && grant.volume == *name)
    }

    fn take(&mut self, used: &CapabilityUse) {
        match used {
            CapabilityUse::Clock { shows } => self.clock = self.clock.max(Some(*shows)),
            CapabilityUse::Random {} => self.random = true,
            CapabilityUse::Log { level } => {
                self.log = Some(self.log.map_or(*level, |least| least.min(*level)));
            }
            CapabilityUse::Config { key } => self.setting(key),
            CapabilityUse::Call { package } => _ = self.calls.insert(package.clone()),
            CapabilityUse::Kv { access, bucket } => {
                let wider = self.buckets.entry(bucket.clone()).or_insert(Access::ReadOnly);
                *wider = (*wider).max(access_for(*access));
            }
            CapabilityUse::Files { access, mount, volume } => {
                // A package has a volume at one place, and a place has one volume.
                // Scratch folders are as many as there are places for them.
                let other = |(place, (name, _)): (&String, &(String, Access))| {
                    (place == mount) != (name == volume) && !(name == SCRATCH && volume == SCRATCH)
                };
                if self.volumes.iter().any(other) {
                    self.done.impossible.push(used.clone());
                    return;
                }
                let (_, wider) = self.volumes.entry(mount.clone()).or_insert((volume.clone(), Access::ReadOnly));
                *wider = (*wider).max(access_for(*access));
            }
            CapabilityUse::Http { host, method, path, port, scheme } => {
                // A rule would take these words for patterns.
                if host.contains('*') || method.contains('*') {
                    self.done.impossible.push(used.clone());
                    return;
                }
                let place = (*scheme, host.clone(), *port, path.clone());
                self.requests.entry(place).or_default().insert(method.clone());
            }
            CapabilityUse::Secret { host, name, .. } => self.secret(used, host, name),
            CapabilityUse::Model { route, .. } => one_of(&mut self.models, route, used, &mut self.done),
            CapabilityUse::Prompt { name } => one_of(&mut self.prompts, name, used, &mut self.done),
        }
    }

    /// A secret goes where it goes now, as it goes now: how it went is in no record.
    fn secret(&mut self, used: &CapabilityUse, host: &str, name: &SecretName) {
        let held = self.present.and_then(|grants| grants.http.as_ref());
        match held.and_then(|grant| grant.sending(name, host)) {
            Some((scheme, credential)) => {
                self.credentials.insert((scheme, host.to_owned()), credential.to_string());
            }
            None => self.done.impossible.push(used.clone()),
        }
    }

    fn setting(&mut self, key: &str) {
        self.config = true;
        let value = self.present.and_then(|grants| grants.config.get(key)).cloned();
        if value.is_none() && !self.settings.contains_key(key) {
            self.done.valueless.push(key.to_owned());
        }
        self.settings.insert(key.to_owned(), value.unwrap_or_default());
    }

    /// Grants the least of a kind that a call does not start without, where nothing of it was used.
    fn require(&mut self, kind: GrantKind) {
        let missing = match kind {
            GrantKind::Http => self.requests.is_empty(),
            GrantKind::Kv => self.buckets.is_empty(),
            GrantKind::Files => self.volumes.is_empty(),
            GrantKind::Clock => self.clock.is_none(),
            GrantKind::Random => !self.random,
            GrantKind::Log => self.log.is_none(),
            GrantKind::Config => !self.config,
            GrantKind::Call => self.calls.is_empty(),
            GrantKind::Model => self.models.is_empty(),
            GrantKind::Prompt => self.prompts.is_empty(),
        };
        if !missing {
            return;
        }
        self.done.formal.push(kind);
        match kind {
            // No name is below `.invalid`, RFC 2606 says so.
            GrantKind::Http => {
                let place = (Scheme::Https, format!("{UNUSED}.invalid"), Scheme::Https.port(), "/".to_owned());
                self.requests.insert(place, BTreeSet::from(["GET".to_owned()]));
            }
            GrantKind::Kv => _ = self.buckets.insert(UNUSED.to_owned(), Access::ReadOnly),
            GrantKind::Files => {
                self.volumes.insert(format!("/{UNUSED}"), (UNUSED.to_owned(), Access::ReadOnly));
            }
            GrantKind::Clock => self.clock = Some(Clock::Coarse),
            GrantKind::Random => self.random = true,
            GrantKind::Log => self.log = Some(LogLevel::Critical),
            GrantKind::Config => self.config = true,
            // Of the tenant's own: there may be one of that name, which is then the tenant's to see to.
            GrantKind::Call => self.calls.extend(UNUSED.parse()),
            GrantKind::Model => _ = self.models.insert(UNUSED.to_owned()),
            GrantKind::Prompt => _ = self.prompts.insert(UNUSED.to_owned()),
        }
    }

    fn write(mut self, package: &PackageRef) -> Smallest {
        let buckets: Vec<String> = self.buckets.iter().map(|(name, access)| self.bucket(name, *access)).collect();
        let volumes: Vec<String> =
            self.volumes.iter().map(|(mount, (name, access))| self.volume(name, mount, *access)).collect();
        let settings: Vec<String> =
            self.settings.iter().map(|(key, value)| format!("{} = {}", key_of(key), quoted(value))).collect();
        let rules = self.rules();
        let calls: Vec<String> = self.calls.iter().map(|called| self.called(called)).collect();
        let words = self.words();
        let mut text = String::new();
        let grants = [&buckets, &volumes, &settings].map(|list| list.len().div_ceil(ENTRIES_MAX));
        let grants = grants
            .into_iter()
            .max()
            .unwrap_or(0)
            .max(usize::from(!rules.is_empty() || !words.is_empty() || !calls.is_empty()));
        for nth in 0..grants.max(usize::from(self.config)) {
            let separator = if nth > 0 { "\n" } else { "" };
            let _ = writeln!(text, "{separator}[[grant]]\ntools = [{}]", quoted(&package.to_string()));
            list(&mut text, "kv", part(&buckets, nth));
            list(&mut text, "files", part(&volumes, nth));
            if nth == 0 {
                list(&mut text, "http", &rules);
                text.push_str(&words);
                list(&mut text, "call", &calls);
            }
            let settings = part(&settings, nth);
            if !settings.is_empty() || (nth == 0 && self.config) {
                let padding = if settings.is_empty() { "" } else { " " };
                let _ = writeln!(text, "config = {{{padding}{}{padding}}}", settings.join(", "));
            }
        }
        if self.done.formal.contains(&GrantKind::Model) {
            let choice = format!("{{ provider = \"{UNUSED}\", model = \"{UNUSED}\" }}");
            let _ = writeln!(text, "\n[[model]]\nname = \"{UNUSED}\"\nchoices = [{choice}]");
        }
        if self.done.formal.contains(&GrantKind::Prompt) {
            let _ = writeln!(text, "\n[prompts]\n{UNUSED} = \"\"");
        }
        self.done.text = text;
        self.done
    }

    /// A package that was called, with what such calls hold now.
    fn called(&self, package: &PackageRef) -> String {
        let held = self.present.and_then(|grants| grants.call.as_ref());
        match held.and_then(|grant| grant.decide(package).ok()) {
            Some(Passing::Own) => format!("{{ tool = \"{package}\", grants = \"own\" }}"),
            Some(Passing::Caller) | None => format!("\"{package}\""),
        }
    }

    /// Clock, random, log, models and prompts.
    fn words(&self) -> String {
        let mut text = String::new();
        if let Some(shows) = self.clock {
            let _ = writeln!(text, "clock = \"{}\"", shows.as_str());
        }
        if self.random {
            text.push_str("random = \"secure\"\n");
        }
        if let Some(level) = self.log {
            let _ = writeln!(text, "log = \"{}\"", level.as_str());
        }
        for (key, names) in [("model", &self.models), ("prompt", &self.prompts)] {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                let _ = writeln!(text, "{key} = [{}]", names.join(", "));
            }
        }
        text
    }

    /// A bucket, with the quotas that it has now where they are not what holds without any.
    fn bucket(&self, name: &str, access: Access) -> String {
        let mut keys = format!("bucket = {}, access = \"{}\"", quoted(name), access.as_str());
        let held = self.present.and_then(|grants| grants.kv.iter().find(|grant| grant.bucket == name));
        if let Some(grant) = held {
            quota(&mut keys, "bytes_max", grant.bytes_max, Defaults::BUCKET.bytes);
            quota(&mut keys, "keys_max", grant.keys_max, Defaults::BUCKET.items);
        }
        format!("{{ {keys} }}")
    }

    fn volume(&self, name: &str, mount: &str, access: Access) -> String {
        let mut keys = match name {
            SCRATCH => format!("mount = {}, access = \"scratch\"", quoted(mount)),
            _ => format!("volume = {}, mount = {}, access = \"{}\"", quoted(name), quoted(mount), access.as_str()),
        };
        let same = |grant: &&Grant<FilesGrant>| grant.volume == name && (name != SCRATCH || grant.mount == mount);
        let held = self.present.and_then(|grants| grants.files.iter().find(same));
        if let Some(grant) = held {
            quota(&mut keys, "bytes_max", grant.bytes_max, Defaults::VOLUME.bytes);
            quota(&mut keys, "files_max", grant.files_max, Defaults::VOLUME.items);
        }
        format!("{{ {keys} }}")
    }

    /// Rules for exactly the requests there were: what shares a rule has every method of it and every path.
    fn rules(&self) -> Vec<String> {
        let mut rules: BTreeMap<(Scheme, &str, u16, &BTreeSet<String>), Vec<&str>> = BTreeMap::new();
        for ((scheme, host, port, path), methods) in &self.requests {
            rules.entry((*scheme, host, *port, methods)).or_default().push(path);
        }
        let mut written = Vec::new();
        for ((scheme, host, port, methods), paths) in rules {
            let methods: Vec<String> = methods.iter().map(|method| quoted(method)).collect();
            let paths: Vec<String> = paths.into_iter().map(quoted).collect();
            for methods in methods.chunks(METHODS_MAX) {
                for paths in paths.chunks(PATHS_MAX) {
                    let mut keys = format!("host = {}", quoted(host));
                    if scheme == Scheme::Http {
                        keys.push_str(", scheme = \"http\"");
                    }
                    if port != scheme.port() {
                        let _ = write!(keys, ", port = {port}");
                    }
                    let (methods, paths) = (methods.join(", "), paths.join(", "));
                    let credential = self.credentials.get(&(scheme, host.to_owned()));
                    let credential = credential.map(|written| format!(", credential = {written}")).unwrap_or_default();
                    written.push(format!("{{ {keys}, methods = [{methods}], paths = [{paths}]{credential} }}"));
                }
            }
        }
        written
    }
}

/// Takes a name, of which one grant has as many as a list may have.
fn one_of(names: &mut BTreeSet<String>, name: &str, used: &CapabilityUse, done: &mut Smallest) {
    if names.contains(name) || names.len() < ENTRIES_MAX {
        names.insert(name.to_owned());
    } else {
        done.impossible.push(used.clone());
    }
}

const fn access_for(touch: Touch) -> Access {
    match touch {
        Touch::Read => Access::ReadOnly,
        Touch::Write => Access::ReadWrite,
    }
}

fn quota(keys: &mut String, key: &str, value: u64, default: u64) {
    if value != default {
        let _ = write!(keys, ", {key} = {value}");
    }
}

fn part(list: &[String], nth: usize) -> &[String] {
    list.chunks(ENTRIES_MAX).nth(nth).unwrap_or_default()
}

/// A list on one line, or one line for each of several.
fn list(text: &mut String, key: &str, entries: &[String]) {
    match entries {
        [] => {}
        [one] => _ = writeln!(text, "{key} = [{one}]"),
        several => {
            let _ = writeln!(text, "{key} = [");
            for entry in several {
                let _ = writeln!(text, "  {entry},");
            }
            text.push_str("]\n");
        }
    }
}

/// A key as TOML has it: bare where that is enough.
fn key_of(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { quoted(key) }
}

/// A text as TOML has it, whatever is in it.
fn quoted(text: &str) -> String {
    // A basic string knows JSON's escapes; what JSON leaves as it is and TOML does not is the control character 127.
    serde_json::to_string(text).unwrap_or_default().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::policy::{Ceiling, Decision, LimitsPatch, Needs, Policy, Subject, decide, lost};

    fn http(method: &str, host: &str, port: u16, path: &str) -> CapabilityUse {
        let scheme = if port == 443 { Scheme::Https } else { Scheme::Http };
        CapabilityUse::Http { host: host.into(), method: method.into(), path: path.into(), port, scheme }
    }

    fn files(access: Touch, mount: &str, volume: &str) -> CapabilityUse {
        CapabilityUse::Files { access, mount: mount.into(), volume: volume.into() }
    }

    fn kv(access: Touch, bucket: &str) -> CapabilityUse {
        CapabilityUse::Kv { access, bucket: bucket.into() }
    }

    fn package() -> PackageRef {
        "catalogue/tool".parse().unwrap()
    }

    const OPEN: &str = "[[grant]]\ntools = [\"catalogue/*\"]\nkv = true\nfiles = true\nclock = true\nrandom = true\n\
        log = true\nconfig = true\ncall = true\nmodel = true\nprompt = true\nhttp = [{ host = \"*\", methods = [\"*\"] }, \
        { host = \"*\", scheme = \"http\", port = 8080, methods = [\"*\"] }]\n";

    const NAMED: &str = "[[model]]\nname = \"answers\"\nchoices = [{ provider = \"acme\", model = \"small\" }]\n\
        [prompts]\nshort = \"In a word: {text}\"\n";

    fn model(route: &str) -> CapabilityUse {
        CapabilityUse::Model { provider: "acme".into(), route: route.into() }
    }

    /// Why not, of every use that a policy with this text would not grant.
    fn refused(text: &str, uses: &[CapabilityUse], required: &BTreeSet<GrantKind>) -> Vec<String> {
        let policy = Policy::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let policy = policy.beside(&Policy::parse(NAMED).unwrap());
        let ceiling = Ceiling::parse(OPEN).unwrap();
        let needs = Needs { required: required.clone(), optional: GrantKind::ALL.into_iter().collect() };
        let (package, limits) = (package(), LimitsPatch::default());
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        assert!(matches!(decide(&ceiling, &policy, &subject), Decision::Allowed(_)), "{text}");
        uses.iter().filter_map(|used| lost(&ceiling, &policy, &subject, used)).map(|lost| lost.rule).collect()
    }

    #[test]
    fn policy_suggest_writes_what_was_used_and_no_more() {
        let uses = [
            http("GET", "a.example", 443, "/v1/*"),
            http("POST", "a.example", 443, "/v1/*"),
            http("GET", "a.example", 443, "/v2/x"),
            http("GET", "b.example", 8080, "/*"),
            kv(Touch::Read, "seen"),
            kv(Touch::Read, "notes"),
            kv(Touch::Write, "notes"),
            files(Touch::Read, "/work", "work"),
            CapabilityUse::Clock { shows: Clock::Coarse },
            CapabilityUse::Random {},
            CapabilityUse::Log { level: LogLevel::Warn },
            model("answers"),
            CapabilityUse::Prompt { name: "short".into() },
        ];
        let written = smallest(&package(), &uses, &BTreeSet::new(), None);
        expect![[r#"
            [[grant]]
            tools = ["catalogue/tool"]
            kv = [
              { bucket = "notes", access = "read-write" },
              { bucket = "seen", access = "read-only" },
            ]
            files = [{ volume = "work", mount = "/work", access = "read-only" }]
            http = [
              { host = "b.example", scheme = "http", port = 8080, methods = ["GET"], paths = ["/*"] },
              { host = "a.example", methods = ["GET"], paths = ["/v2/x"] },
              { host = "a.example", methods = ["GET", "POST"], paths = ["/v1/*"] },
            ]
            clock = "coarse"
            random = "secure"
            log = "warn"
            model = ["answers"]
            prompt = ["short"]
        "#]]
        .assert_eq(&written.text);
        assert_eq!(refused(&written.text, &uses, &BTreeSet::new()), [""; 0]);
        for more in [
            http("PUT", "a.example", 443, "/v1/*"),
            http("POST", "a.example", 443, "/v2/x"),
            http("GET", "a.example", 443, "/v3"),
            http("GET", "c.example", 443, "/v1/*"),
            http("GET", "b.example", 443, "/*"),
            kv(Touch::Write, "seen"),
            kv(Touch::Read, "other"),
            files(Touch::Write, "/work", "work"),
            files(Touch::Read, "/other", "other"),
            CapabilityUse::Clock { shows: Clock::Real },
            CapabilityUse::Log { level: LogLevel::Info },
            CapabilityUse::Config { key: "x".into() },
            model("others"),
            CapabilityUse::Prompt { name: "long".into() },
        ] {
            assert_eq!(refused(&written.text, std::slice::from_ref(&more), &BTreeSet::new()).len(), 1, "{more}");
        }
    }

    #[test]
    fn policy_suggest_lets_calls_start_that_use_nothing_of_what_they_require() {
        let required = GrantKind::ALL.into_iter().collect();
        let written = smallest(&package(), &[], &required, None);
        assert_eq!(written.formal, GrantKind::ALL);
        assert_eq!(refused(&written.text, &[], &required), [""; 0]);
        assert_eq!(smallest(&package(), &[], &BTreeSet::new(), None), Smallest::default());
    }

    #[test]
    fn policy_suggest_is_a_policy_whatever_was_used() {
        let mut uses: Vec<_> = (0..250).map(|n| kv(Touch::Read, &format!("b{n}"))).collect();
        uses.extend((0..249).map(|n| CapabilityUse::Config { key: format!("\"\\\n\u{7f}é{n}") }));
        uses.push(CapabilityUse::Config { key: "a-bare_1".to_owned() });
        uses.extend((0..120).map(|n| http("GET", "a.example", 443, &format!("/{n}"))));
        uses.extend((0..20).map(|n| http(&format!("M{n}"), "[::1]", 8080, "/*")));
        let written = smallest(&package(), &uses, &BTreeSet::new(), None);
        assert_eq!(refused(&written.text, &uses, &BTreeSet::new()), [""; 0]);
        assert_eq!((written.valueless.len(), written.impossible.len()), (250, 0));
        // Words that a rule would take for patterns, and places that cannot both be.
        let impossible = [
            http("*", "a.example", 443, "/*"),
            http("GET", "*.example", 443, "/*"),
            files(Touch::Read, "/other", "work"),
            files(Touch::Read, "/work", "other"),
        ];
        let uses: Vec<_> = [files(Touch::Read, "/work", "work")].into_iter().chain(impossible.clone()).collect();
        let written = smallest(&package(), &uses, &BTreeSet::new(), None);
        assert_eq!(written.impossible, impossible);
        assert_eq!(refused(&written.text, &impossible, &BTreeSet::new()).len(), 4);
    }
}
