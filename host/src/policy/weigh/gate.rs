//! `[tools]` of both files: whether a package may be called at all.

use super::Layers;
use crate::id::PackageRef;
use crate::policy::decide::Denied;
use crate::policy::pattern::Pattern;
use crate::policy::problem::nearest;
use crate::policy::rows::{At, File, Source, Tools};

/// Patterns that a refused name is compared with. Bounds what a refusal costs.
const COMPARED_MAX: usize = 256;

/// The rule of the tenant's file that allows the package; the ceiling is asked first.
pub(super) fn gate(layers: &Layers<'_>) -> Result<String, Denied> {
    let package = layers.subject.package;
    let (policy, ceiling) = (layers.policy.rules(), layers.ceiling.rules());
    ask(&ceiling.tools, layers.ceiling.file, package)?;
    ask(&policy.tools, File::Policy, package)
}

fn ask(tools: &Tools, file: File, package: &PackageRef) -> Result<String, Denied> {
    let named = |key: &str, at: &At<Pattern>| {
        Source { file, line: at.line, what: format!("[tools] {key} \"{}\"", at.value) }.to_string()
    };
    let reason = match file {
        File::Policy => format!("the policy does not let {package} be called"),
        File::Ceiling | File::BuiltIn => format!("the platform does not let {package} be called"),
    };
    let allowed = match &tools.allow {
        None => Some(format!("default: [tools] allow \"{}\"", Pattern::Every(package.origin))),
        Some(_) => tools.allows(package).map(|at| named("allow", at)),
    };
    if let Some(denies) = tools.denies(package) {
        return Err(Denied {
            reason,
            rule: named("deny", denies),
            nearest: allowed.map(|rule| format!("{rule}, but deny wins")),
            remedy: match file {
                File::Policy => format!("take \"{}\" out of deny in [tools] of the policy", denies.value),
                File::Ceiling | File::BuiltIn => "ask the platform team: its ceiling denies the package".to_owned(),
            },
        });
    }
    if let Some(rule) = allowed {
        return Ok(rule);
    }
    let denied = match file {
        File::Policy => Denied {
            reason,
            rule: format!("default: no rule allows {package}"),
            nearest: nearest_allowed(tools, package).map(|at| named("allow", at)),
            remedy: match tools.allow_line {
                Some(line) => format!("add \"{package}\" to allow in [tools] of the policy, line {line}"),
                None => format!("add \"{package}\" to allow in [tools] of the policy"),
            },
        },
        // What else the ceiling allows can name packages of other tenants.
        File::Ceiling | File::BuiltIn => Denied {
            reason,
            rule: format!("default: no rule of the ceiling allows {package}"),
            nearest: None,
            remedy: "ask the platform team: its ceiling does not allow the package".to_owned(),
        },
    };
    Err(denied)
}

fn nearest_allowed<'a>(tools: &'a Tools, package: &PackageRef) -> Option<&'a At<Pattern>> {
    let allow = tools.allow.as_deref().unwrap_or_default();
    let texts: Vec<String> = allow.iter().take(COMPARED_MAX).map(|at| at.value.to_string()).collect();
    let near = nearest(&package.to_string(), texts.iter().map(String::as_str))?;
    texts.iter().position(|text| text == near).and_then(|nth| allow.get(nth))
}
