//! `cofferdam policy diff`: what another policy would change, by what it does and not by its text.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Method;

use super::{TOML, ceiling, policy, text};
use crate::cli::client::Client;
use crate::cli::connection::Connection;
use crate::cli::style::{BAD, CARE, GOOD, paint, plain};
use crate::cli::{Exit, Output, Result};
use crate::policy::{Effect, EffectKind, Effects, diff_offline};

/// With two files: offline. With one: compared by a host with the policy in force.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The policy before; alone: the new policy, compared by a host with the one in force
    before: PathBuf,
    /// The policy after
    after: Option<PathBuf>,
    /// The platform's ceiling that both stand under [default: the built-in one]
    #[arg(long, value_name = "FILE", requires = "after")]
    ceiling: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Diff {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let effects = match &self.after {
            Some(after) => offline(&self.before, after, self.ceiling.as_deref())?,
            None => {
                let text = text(&self.before)?;
                Client::new(&self.connection)?.send_text(Method::POST, &["v1", "policy", "diff"], TOML, text)?
            }
        };
        output.show(&effects, shown)?;
        Ok(Exit::Ok)
    }
}

fn offline(before: &Path, after: &Path, ceiling_file: Option<&Path>) -> Result<Effects> {
    Ok(diff_offline(&ceiling(ceiling_file)?, &policy(before)?, &policy(after)?))
}

fn shown(effects: &Effects) -> String {
    if effects.is_empty() {
        return "nothing changes\n".to_owned();
    }
    let mut text = String::new();
    let packages = effects.packages.iter().map(|package| (package.package.as_str(), &package.effects));
    let packages = packages.map(|(package, effects)| (package.to_owned(), effects));
    let routes = effects.routes.iter().map(|route| (route.route.to_string(), &route.effects));
    let general = std::iter::once(("every call".to_owned(), &effects.general));
    for (what, effects) in packages.chain(routes).chain(general) {
        text.extend(effects.iter().map(|effect| format!("{} {what} {}\n", sign(effect), plain(&effect.to_string()))));
    }
    if effects.packages_left_out > 0 {
        text += &format!("{} more packages are not compared\n", effects.packages_left_out);
    }
    text
}

fn sign(effect: &Effect) -> String {
    match effect.kind {
        EffectKind::Gains => paint(CARE, "+"),
        EffectKind::Loses => paint(GOOD, "-"),
        EffectKind::Changes => paint(CARE, "~"),
        EffectKind::Unclear => paint(BAD, "?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_are_compared_offline() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, methods: &str| {
            let path = folder.path().join(name);
            let row = "[[grant]]\ntools = [\"catalogue/http-fetch\"]\n";
            std::fs::write(&path, format!("{row}http = [{{ host = \"api.example.com\", methods = [{methods}] }}]\n"))
                .unwrap();
            path
        };
        let (old, new) = (file("old.toml", "\"GET\""), file("new.toml", "\"GET\", \"POST\""));
        let text = |before, after| -> String {
            let shown = shown(&offline(before, after, None).unwrap());
            anstream::adapter::strip_str(&shown).collect()
        };
        assert_eq!(text(&old, &new), "+ catalogue/http-fetch gains POST to https://api.example.com/*\n");
        assert_eq!(text(&new, &old), "- catalogue/http-fetch loses POST to https://api.example.com/*\n");
        assert_eq!(text(&old, &old), "nothing changes\n");
    }
}
