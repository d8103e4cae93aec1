//! Could a call do this? One use, held against what was weighed.

use super::uses::{Use, UseAnswer};
use crate::id::PackageRef;
use crate::policy::call::CallRule;
use crate::policy::decide::{Denied, Layer, Subject};
use crate::policy::grant::{Access, GrantKind};
use crate::policy::http::{HttpGrant, HttpRule, HttpTarget, Scheme};
use crate::policy::parse::{NAME_RULE, is_name};
use crate::policy::problem::{nearest, shown};
use crate::policy::rows::{At, Store};
use crate::policy::weigh::{Given, Layers, Weighed, ask_platform, example, lines};
use crate::policy::words;

/// What was found out, before it is put together with what was asked.
pub(super) struct Found {
    pub(super) allowed: bool,
    pub(super) rule: String,
    nearest: Option<String>,
    remedy: Option<String>,
}

impl Found {
    fn allowed(rule: String) -> Self {
        Self { allowed: true, rule, nearest: None, remedy: None }
    }

    fn refused(rule: String, nearest: Option<String>, remedy: String) -> Self {
        Self { allowed: false, rule, nearest, remedy: Some(remedy) }
    }
}

/// Whether a call could do `asked`; `denied` where none would start.
pub(super) fn answer(asked: &Use, weighed: &Weighed<'_>, denied: Option<&Denied>) -> UseAnswer {
    let found = match denied {
        Some(denied) => {
            let remedy = mend(asked, weighed).unwrap_or_else(|| denied.remedy.clone());
            Found::refused(denied.rule.clone(), denied.nearest.clone(), remedy)
        }
        None => find(asked, weighed),
    };
    let Found { allowed, rule, nearest, remedy } = found;
    let note = (allowed && asked.kind() == GrantKind::Http).then(|| {
        "it fails where the host's address is private, loopback, link-local or of a metadata service, unless the \
         ceiling's [egress] excepts it; header fields and quotas are not looked at here"
            .to_owned()
    });
    UseAnswer { asked: asked.clone(), allowed, rule, note, nearest, remedy }
}

/// Lines for the policy that let a call start that lacks what its package requires, and do `asked` then; absent where the
/// policy alone cannot.
fn mend(asked: &Use, weighed: &Weighed<'_>) -> Option<String> {
    weighed.gate.as_ref().ok()?;
    let target = match asked {
        Use::Http { method, url } => Some(read_target(method, url).ok()?),
        _ => None,
    };
    let entry = entry(asked, target.as_ref()).ok()?;
    let Subject { package, needs, .. } = weighed.layers.subject;
    let wanted = GrantKind::ALL.iter().filter(|kind| needs.required.contains(kind) || **kind == asked.kind());
    let lacking = wanted.filter(|kind| !weighed.given.iter().any(|given| given.kind == **kind));
    let line = |kind: &GrantKind| {
        let withheld = weighed.withheld.iter().find(|withheld| withheld.kind == *kind)?;
        let entry = entry.clone().filter(|_| *kind == asked.kind());
        (withheld.layer == Layer::Policy).then(|| entry.unwrap_or_else(|| example(package, *kind)))
    };
    Some(lines(package, &lacking.map(line).collect::<Option<Vec<_>>>()?))
}

pub(super) fn find(asked: &Use, weighed: &Weighed<'_>) -> Found {
    let target = match asked {
        Use::Http { method, url } => match read_target(method, url) {
            Ok(target) => Some(target),
            Err(rule) => {
                let remedy = "ask about another request: none can be like this".to_owned();
                return Found::refused(format!("no such request: {rule}"), None, remedy);
            }
        },
        _ => None,
    };
    let kind = asked.kind();
    let entry = entry(asked, target.as_ref());
    if !weighed.given.iter().any(|given| given.kind == kind) {
        return nothing_of(kind, entry, weighed);
    }
    match (asked, target) {
        (Use::Http { .. }, Some(target)) => request(&target, entry, weighed),
        (Use::Model { route: name }, _) => {
            let held = weighed.given.iter().find(|given| given.kind == kind && given.name == *name);
            one_named("model route", name, held, entry, weighed)
        }
        (Use::Prompt { name }, _) => {
            let held = weighed.given.iter().find(|given| given.kind == kind);
            one_named("prompt", name, held.filter(|_| weighed.grants.prompt.contains_key(name)), entry, weighed)
        }
        (Use::Call { package }, _) => tool(package, entry, weighed),
        (Use::Kv { bucket, access }, _) => {
            let place = format!("bucket {}", shown(bucket));
            let held = weighed.grants.kv.iter().find(|grant| grant.bucket == *bucket);
            store(kind, &place, held.map(|grant| (&*grant.bucket, grant.access)), *access, entry, weighed)
        }
        (Use::Files { volume, path, access }, _) => {
            let mut held = weighed.grants.files.iter().filter(|grant| {
                volume.as_ref().is_none_or(|volume| *volume == grant.volume)
                    && path.as_ref().is_none_or(|path| is_below(path, &grant.mount))
            });
            let held = match path {
                // Of places that lie within each other the innermost is meant.
                Some(_) => held.max_by_key(|grant| grant.mount.len()),
                None => held.next(),
            };
            let place = match (volume, path) {
                (Some(volume), _) => format!("volume {}", shown(volume)),
                (None, Some(path)) => format!("a volume at {}", shown(path)),
                (None, None) => "a volume".to_owned(),
            };
            store(kind, &place, held.map(|grant| (&*grant.mount, grant.access)), *access, entry, weighed)
        }
        _ => {
            let given = weighed.given.iter().filter(|given| given.kind == kind);
            Found::allowed(words::rules(given.flat_map(|given| given.by.clone())))
        }
    }
}

/// What a grant would have to say for `asked`; where there can be no such thing, why.
fn entry(asked: &Use, target: Option<&HttpTarget>) -> Result<Option<String>, String> {
    let named = |name: &str| match is_name(name) {
        true => Ok(()),
        false => Err(format!("use a name that there can be: {NAME_RULE}")),
    };
    Ok(match asked {
        Use::Http { .. } => target.map(http_entry).transpose()?,
        Use::Kv { bucket, access } => {
            named(bucket)?;
            let access = (*access).min(Access::ReadWrite);
            Some(format!("kv = [{{ bucket = \"{bucket}\", access = \"{}\" }}]", access.as_str()))
        }
        Use::Files { volume, path, access } => {
            let top = path.as_deref().and_then(|path| path.strip_prefix('/')).and_then(|path| path.split('/').next());
            let top = top.filter(|top| is_name(top));
            if *access == Access::Scratch {
                let mount = top.map(|top| format!("mount = \"/{top}\", ")).unwrap_or_default();
                return Ok(Some(format!("files = [{{ {mount}access = \"scratch\" }}]")));
            }
            let name = volume.as_deref().or(top).unwrap_or("workspace");
            named(name)?;
            let mount = top.map(|top| format!(", mount = \"/{top}\"")).unwrap_or_default();
            Some(format!("files = [{{ volume = \"{name}\"{mount}, access = \"{}\" }}]", access.as_str()))
        }
        Use::Model { route: name } | Use::Prompt { name } => {
            named(name)?;
            Some(format!("{} = [\"{name}\"]", asked.kind()))
        }
        Use::Call { package } => Some(format!("call = [\"{package}\"]")),
        Use::Clock {} | Use::Random {} | Use::Log {} | Use::Config {} => None,
    })
}

/// Nothing of `kind` is held: what withholds it answers, or that nobody asked for it.
fn nothing_of(kind: GrantKind, entry: Result<Option<String>, String>, weighed: &Weighed<'_>) -> Found {
    let package = weighed.layers.subject.package;
    let Some(withheld) = weighed.withheld.iter().find(|withheld| withheld.kind == kind) else {
        let rule = format!("package: {kind} is not among the needs of {package}");
        let remedy =
            format!("publish a version of {package} that has \"{kind}\" in its [needs], and grant it in the policy");
        return Found::refused(rule, None, remedy);
    };
    let remedy = match (withheld.layer, entry) {
        (Layer::Policy, Ok(Some(entry))) => lines(package, &[entry]),
        (Layer::Policy, Err(impossible)) => impossible,
        _ => withheld.remedy.clone(),
    };
    Found::refused(withheld.rule.clone(), weighed.layers.nearest(withheld), remedy)
}

/// A tool that would be called.
fn tool(called: &PackageRef, entry: Result<Option<String>, String>, weighed: &Weighed<'_>) -> Found {
    let kind = GrantKind::Call;
    let Some(grant) = &weighed.grants.call else { return nothing_of(kind, entry, weighed) };
    let layers = &weighed.layers;
    let package = layers.subject.package;
    let named = |rule: &CallRule| rule.names(called);
    match grant.decide(called) {
        Ok(_) => {
            let tenant = layers.tenant_rows.iter().find_map(|row| {
                let at = row.gives.call.iter().find(|at| named(&at.value))?;
                Some(layers.tenant_source(row, kind, at.line))
            });
            let ceiling = layers.ceiling_rows.iter().find_map(|row| {
                let at = row.gives.call.iter().find(|at| named(&at.value))?;
                Some(layers.ceiling_source(row, kind, at.line))
            });
            Found::allowed(words::rules([tenant, ceiling].into_iter().flatten()))
        }
        Err(refusal) => {
            let is_tenants = layers.tenant_rows.iter().flat_map(|row| &row.gives.call).any(|at| named(&at.value));
            let remedy = match entry {
                Ok(entry) if !is_tenants => lines(package, &entry.into_iter().collect::<Vec<_>>()),
                _ => ask_platform(package, kind),
            };
            Found::refused(format!("default: {}", refusal.rule), refusal.nearest, remedy)
        }
    }
}

/// A route or a prompt, by the grant that it is `held` by.
fn one_named(
    what: &str,
    name: &str,
    held: Option<&Given>,
    entry: Result<Option<String>, String>,
    weighed: &Weighed<'_>,
) -> Found {
    let package = weighed.layers.subject.package;
    match (held, entry) {
        (Some(given), _) => Found::allowed(words::rules(given.by.iter().cloned())),
        (None, entry) => {
            let remedy = entry.map_or_else(|why| why, |entry| lines(package, &entry.into_iter().collect::<Vec<_>>()));
            Found::refused(format!("default: no [[grant]] gives {what} {} to {package}", shown(name)), None, remedy)
        }
    }
}

/// A bucket or a volume: `held` is its name or place and the access that is granted.
fn store(
    kind: GrantKind,
    place: &str,
    held: Option<(&str, Access)>,
    access: Access,
    entry: Result<Option<String>, String>,
    weighed: &Weighed<'_>,
) -> Found {
    let layers = &weighed.layers;
    let package = layers.subject.package;
    let Some((name, granted)) = held else {
        let rule = format!("default: no [[grant]] gives {place} to {package}");
        return match entry {
            Ok(entry) => {
                let remedy = lines(package, &entry.into_iter().collect::<Vec<_>>());
                Found::refused(rule, near_store(place, weighed, kind), remedy)
            }
            Err(impossible) => Found::refused(rule, None, impossible),
        };
    };
    let given = weighed.given.iter().find(|given| given.kind == kind && given.name == name);
    if granted >= access {
        return Found::allowed(given.map(|given| words::rules(given.by.iter().cloned())).unwrap_or_default());
    }
    // Which of the files says so: the tenant's rows alone would have allowed it, or not.
    let (tenant, ceiling) = tenant_access(layers, kind, name);
    if tenant < access {
        let rule = given.and_then(|given| given.by.first().cloned()).unwrap_or_default();
        let remedy = format!("say access = \"{}\" there", access.as_str());
        Found::refused(format!("{rule}: access is {}", tenant.as_str()), None, remedy)
    } else {
        let nearest = given.and_then(|given| given.by.first().cloned());
        Found::refused(ceiling, nearest, ask_platform(package, kind))
    }
}

/// What the tenant's rows say of a bucket or a place, and the ceiling's rules.
fn tenant_access(layers: &Layers<'_>, kind: GrantKind, name: &str) -> (Access, String) {
    let stores = layers.tenant_rows.iter().flat_map(|row| match kind {
        GrantKind::Kv => row.gives.kv.iter().filter(|at| at.value.name == name).collect::<Vec<&At<Store>>>(),
        _ => row.gives.files.iter().filter(|at| at.value.mount == name).collect(),
    });
    let access = stores.map(|at| at.value.quota.access).max().unwrap_or(Access::ReadOnly);
    (access, words::rules(layers.ceiling_sources(kind)))
}

/// What of the same kind is held and most like what was asked for.
fn near_store(place: &str, weighed: &Weighed<'_>, kind: GrantKind) -> Option<String> {
    let held: Vec<&Given> = weighed.given.iter().filter(|given| given.kind == kind).collect();
    let near = nearest(place, held.iter().map(|given| given.what.as_str()));
    let given = near.and_then(|near| held.iter().find(|given| given.what == near)).or(held.first())?;
    let by = given.by.first()?;
    Some(format!("{by}: {}", given.what))
}

/// Whether `path` is at or below `mount`.
fn is_below(path: &str, mount: &str) -> bool {
    match path.strip_prefix(mount.strip_suffix('/').unwrap_or(mount)) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

fn request(target: &HttpTarget, entry: Result<Option<String>, String>, weighed: &Weighed<'_>) -> Found {
    let layers = &weighed.layers;
    let package = layers.subject.package;
    let Some(grant) = &weighed.grants.http else { return nothing_of(GrantKind::Http, entry, weighed) };
    match grant.decide(target) {
        Ok(matched) => {
            let tenant = layers.tenant_rows.iter().find_map(|row| {
                let at = row.gives.http.iter().find(|at| at.value == *matched.tenant)?;
                Some(layers.tenant_source(row, GrantKind::Http, at.line))
            });
            let ceiling = layers.ceiling_rows.iter().find_map(|row| {
                let at = row.gives.http.iter().find(|at| at.value == *matched.ceiling)?;
                Some(layers.ceiling_source(row, GrantKind::Http, at.line))
            });
            Found::allowed(words::rules([tenant, ceiling].into_iter().flatten()))
        }
        Err(refusal) => {
            // Against themselves, the tenant's rules show whether it is they that refuse.
            let rules: Vec<HttpRule> =
                layers.tenant_rows.iter().flat_map(|row| &row.gives.http).map(|at| at.value.clone()).collect();
            let remedy = match HttpGrant::new(rules.clone(), rules, Vec::new()).decide(target) {
                Ok(_) => ask_platform(package, GrantKind::Http),
                Err(_) => match http_entry(target) {
                    Ok(entry) => lines(package, &[entry]),
                    Err(impossible) => impossible,
                },
            };
            let nearest = refusal.nearest.map(|nearest| located(layers, nearest));
            Found::refused(format!("default: {}", refusal.rule), nearest, remedy)
        }
    }
}

/// `nearest` with the line of the rule that it begins with, where it is the tenant's.
fn located(layers: &Layers<'_>, nearest: String) -> String {
    let rows = layers.tenant_rows.iter().flat_map(|row| row.gives.http.iter().map(move |at| (row, at)));
    let found = rows.into_iter().find(|(_, at)| nearest.starts_with(&format!("{}: ", at.value)));
    match found {
        Some((row, at)) => format!("{}: {nearest}", layers.tenant_source(row, GrantKind::Http, at.line)),
        None => nearest,
    }
}

/// Takes a URL apart without changing any of it: what it is read as is for the rules' own reader.
fn read_target(method: &str, url: &str) -> Result<HttpTarget, String> {
    let (scheme, rest) = url.split_once("://").ok_or("a URL begins with https:// or http://")?;
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    HttpTarget::read(scheme, authority, method, path).map_err(|refusal| refusal.rule)
}

/// The smallest rule that matches `target`; none where a rule would take its words for patterns.
fn http_entry(target: &HttpTarget) -> Result<String, String> {
    let host = target.host.to_string();
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if !host.bytes().all(lawful) || target.path.contains('*') || target.method.contains('*') {
        return Err("ask about another request: no rule can be for this one alone".to_owned());
    }
    let mut keys = format!("host = \"{host}\"");
    if target.scheme == Scheme::Http {
        keys.push_str(", scheme = \"http\"");
    }
    if target.port != target.scheme.port() {
        keys.push_str(&format!(", port = {}", target.port));
    }
    Ok(format!("http = [{{ {keys}, methods = [\"{}\"], paths = [\"{}\"] }}]", target.method, target.path))
}
