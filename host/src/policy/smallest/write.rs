//! How it is written: lists that are as long as they may be, rules that share methods, quotas where they are not the usual.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{ENTRIES_MAX, Smallest, UNUSED, Writer};
use crate::id::PackageRef;
use crate::policy::call::Passing;
use crate::policy::grant::{Access, FilesGrant, Grant, GrantKind, SCRATCH};
use crate::policy::weigh::Defaults;
use crate::uses::Scheme;

/// Methods of one rule.
const METHODS_MAX: usize = 16;
/// Paths of one rule.
const PATHS_MAX: usize = 100;

impl Writer<'_> {
    /// What stands in a policy.
    pub(super) fn write(mut self, package: &PackageRef) -> Smallest {
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
