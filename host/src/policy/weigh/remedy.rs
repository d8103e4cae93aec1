//! What came nearest, and what would have to change.

use super::Layers;
use crate::id::PackageRef;
use crate::policy::decide::{Layer, Withheld};
use crate::policy::grant::GrantKind;
use crate::policy::rows::{File, Source};

/// Patterns that a name is compared with. Bounds what a refusal costs.
const COMPARED_MAX: usize = 256;
/// From here on two names are much alike.
const ALIKE: f64 = 0.85;

/// Lines for the tenant's policy that give `kinds` to `package`: an example of each, to be filled in.
pub(in crate::policy) fn snippet(package: &PackageRef, kinds: &[GrantKind]) -> String {
    lines(package, &kinds.iter().map(|kind| example(package, *kind)).collect::<Vec<_>>())
}

/// A line that gives `kind` to `package`, to be filled in.
pub(in crate::policy) fn example(package: &PackageRef, kind: GrantKind) -> String {
    match kind {
        GrantKind::Http => "http = [{ host = \"api.example.com\" }]".to_owned(),
        GrantKind::Kv => format!("kv = [{{ bucket = \"{}\", access = \"read-write\" }}]", package.name),
        GrantKind::Files => "files = [{ volume = \"workspace\", access = \"read-only\" }]".to_owned(),
        GrantKind::Clock => "clock = \"coarse\"".to_owned(),
        GrantKind::Random => "random = \"secure\"".to_owned(),
        GrantKind::Log => "log = \"info\"".to_owned(),
        GrantKind::Config => "config = { name = \"value\" }".to_owned(),
        GrantKind::Call => "call = [\"catalogue/text\"]".to_owned(),
        GrantKind::Model => "model = [\"answers\"]".to_owned(),
        GrantKind::Prompt => format!("prompt = [\"{}\"]", package.name),
    }
}

/// Lines for the tenant's policy: a grant for `package` that says `given`.
pub(in crate::policy) fn lines(package: &PackageRef, given: &[String]) -> String {
    format!("add to the policy:\n[[grant]]\ntools = [\"{package}\"]\n{}", given.join("\n"))
}

/// Whom to ask for what the ceiling withholds.
pub(in crate::policy) fn ask_platform(package: &PackageRef, kind: GrantKind) -> String {
    format!("ask the platform team: its ceiling has to give {kind} to {package}, and the policy to grant it")
}

/// The rule that came nearest to giving what is withheld. Of the ceiling only rows that name the package are told: its
/// other rows can be about other tenants' packages.
pub(super) fn nearest_grant(layers: &Layers<'_>, withheld: &Withheld) -> Option<String> {
    let kind = withheld.kind;
    match withheld.layer {
        Layer::Package => None,
        Layer::Ceiling => layers.ceiling_rows.first().map(|row| {
            let what = row.name(layers.subject.package);
            let source = Source { file: layers.ceiling.file, line: row.line, what };
            format!("{source} names it")
        }),
        // Some row speaks of it and gives nothing: that is the rule itself.
        Layer::Policy if layers.tenant_rows.iter().any(|row| row.gives.speaks_of(kind).is_some()) => None,
        Layer::Policy => {
            let alike = most_alike(layers, kind);
            match (alike, layers.tenant_rows.first()) {
                (Some((alike, near)), None) if alike > 0.0 => Some(near),
                (Some((alike, near)), Some(_)) if alike > ALIKE => Some(near),
                (_, Some(row)) => Some(format!("{} names it, and gives no {kind}", layers.row_name(row).1)),
                _ => None,
            }
        }
    }
}

/// The tenant's row that gives `kind` to the package most alike, and how much alike that is.
fn most_alike(layers: &Layers<'_>, kind: GrantKind) -> Option<(f64, String)> {
    let package = layers.subject.package.to_string();
    let rows = layers.policy.rules().grants.all.iter();
    let rows = rows.filter_map(|row| row.gives.speaks_of(kind).map(|line| (row, line)));
    rows.flat_map(|(row, line)| row.tools.iter().map(move |pattern| (row, line, pattern)))
        .take(COMPARED_MAX)
        .map(|(row, line, pattern)| (strsim::jaro_winkler(&package, &pattern.to_string()), row, line, pattern))
        .max_by(|(a, ..), (b, ..)| a.total_cmp(b))
        .map(|(alike, row, line, pattern)| {
            let what = format!("[[grant]] {} gives {kind} to \"{pattern}\"", row.number);
            (alike, Source { file: File::Policy, line, what }.to_string())
        })
}
