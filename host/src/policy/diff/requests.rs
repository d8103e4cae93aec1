//! Requests: what one grant lets through and the other does not, exactly.

use super::held::Side;
use super::{Effect, EffectKind};
use crate::policy::grant::GrantKind;
use crate::policy::http::{Atom, Effort, Left};

/// What is gained and lost: all of it within one effort.
pub(super) fn compare(before: &Side<'_>, after: &Side<'_>) -> Vec<Effect> {
    let effort = Effort::new();
    let (Some(old), Some(new)) = (atoms(before, &effort), atoms(after, &effort)) else {
        let what = "requests: there are too many http rules to compare".to_owned();
        return vec![Effect::new(EffectKind::Unclear, what, Vec::new())];
    };
    let mut effects = lines(EffectKind::Gains, after, &new, &old, &effort);
    effects.extend(lines(EffectKind::Loses, before, &old, &new, &effort));
    effects
}

fn atoms(side: &Side<'_>, effort: &Effort) -> Option<Vec<Atom>> {
    match &side.grants.http {
        Some(http) if side.is_callable() => http.atoms(effort),
        _ => Some(Vec::new()),
    }
}

/// What is in `own` and not in `others`, methods to the same place on one line.
fn lines(kind: EffectKind, side: &Side<'_>, own: &[Atom], others: &[Atom], effort: &Effort) -> Vec<Effect> {
    let mut whole: Vec<Vec<&Atom>> = Vec::new();
    let mut effects = Vec::new();
    for atom in own {
        match atom.beyond(others, effort) {
            Left::Nothing => {}
            Left::All if !effort.take(whole.len()) => effects.push(Effect::new(kind, atom.to_string(), Vec::new())),
            Left::All => match whole.iter_mut().find(|line| line.iter().any(|known| known.is_beside(atom))) {
                Some(line) => line.push(atom),
                None => whole.push(vec![atom]),
            },
            Left::Some(target) => {
                let path = target.path_with_query();
                let what = format!(
                    "some of {atom}, such as {} {}://{}{path}",
                    target.method,
                    target.scheme,
                    target.authority()
                );
                effects.push(Effect::new(kind, what, by(side, atom, effort)));
            }
            Left::Unknown => {
                let what = format!("{atom}: there are too many http rules to compare");
                effects.push(Effect::new(EffectKind::Unclear, what, by(side, atom, effort)));
            }
        }
    }
    effects.extend(whole.into_iter().map(|line| {
        let mut methods: Vec<&str> = line.iter().map(|atom| atom.method()).collect();
        methods.sort_unstable();
        let methods = if methods == ["*"] { "every method".to_owned() } else { methods.join(", ") };
        let mut sources: Vec<String> = line.iter().flat_map(|atom| by(side, atom, effort)).collect();
        sources.dedup();
        Effect::new(kind, format!("{methods} to {}", line[0].place()), sources)
    }));
    effects
}

/// The tenant's rules that have to do with it; none where looking for them would take too long.
fn by(side: &Side<'_>, atom: &Atom, effort: &Effort) -> Vec<String> {
    let layers = &side.weighed.layers;
    let pieces = layers.tenant_rows.iter().flat_map(|row| &row.gives.http).map(|at| at.value.pieces()).sum();
    if !effort.take(pieces) {
        return Vec::new();
    }
    let rules = layers.tenant_rows.iter().flat_map(|row| row.gives.http.iter().map(move |at| (row, at)));
    let meeting = rules.filter(|(_, at)| at.value.meets(atom));
    meeting.map(|(row, at)| layers.tenant_source(row, GrantKind::Http, at.line)).collect()
}
