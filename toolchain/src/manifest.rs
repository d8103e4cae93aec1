//! A tool's manifest, `cofferdam.toml`: under which name and version a folder's component is published, and what it needs.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// The file's name, in a tool's folder.
pub const MANIFEST: &str = "cofferdam.toml";

/// What `cofferdam.toml` says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Manifest {
    /// What is published.
    pub package: Package,
    /// The kinds of grant that the tool uses. Absent: none is required, and every kind that its imports imply is
    /// optional.
    pub needs: Option<Needs>,
    /// The most that a call needs, as written: the host checks keys and values (they are those of a call's limits).
    #[serde(default)]
    pub limits: toml::Table,
}

/// The name and version under which a component is published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Package {
    /// As written: the host, whose rule it is, checks the name.
    pub name: String,
    /// Once published, a version's content never changes.
    pub version: semver::Version,
}

/// Kinds of grant that a tool uses. What is in neither list is never given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Needs {
    /// Without these a call is denied before it starts.
    #[serde(default)]
    pub required: BTreeSet<Need>,
    /// Used where granted.
    #[serde(default)]
    pub optional: BTreeSet<Need>,
}

/// A kind of grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the policy's, where each is described")]
pub enum Need {
    Http,
    Kv,
    Files,
    Clock,
    Random,
    Log,
    Config,
    Call,
    Model,
    Prompt,
}

impl Need {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Http,
        Self::Kv,
        Self::Files,
        Self::Clock,
        Self::Random,
        Self::Log,
        Self::Config,
        Self::Call,
        Self::Model,
        Self::Prompt,
    ];

    /// Its name in manifests and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Kv => "kv",
            Self::Files => "files",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Log => "log",
            Self::Config => "config",
            Self::Call => "call",
            Self::Model => "model",
            Self::Prompt => "prompt",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Manifest {
    /// Reads the manifest of the tool in `folder`; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or as [`Manifest::parse`].
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(MANIFEST);
        match fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text).map(Some).with_context(|| format!("{} is not valid", file.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
        }
    }

    /// Reads a manifest's text.
    ///
    /// # Errors
    /// When it is no TOML, a key is unknown (the nearest known one is named), one is missing, or a value does not fit.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: toml::Table = text.parse()?;
        known("", &raw, &["package", "needs", "limits"])?;
        let table = |key: &str| raw.get(key).and_then(toml::Value::as_table);
        if let Some(package) = table("package") {
            known("package.", package, &["name", "version"])?;
        }
        if let Some(needs) = table("needs") {
            known("needs.", needs, &["required", "optional"])?;
            for kind in needs.values().filter_map(toml::Value::as_array).flatten().filter_map(toml::Value::as_str) {
                let all = Need::ALL.map(Need::as_str);
                ensure!(all.contains(&kind), "unknown kind of grant {kind:?}{}", advice(kind, &all));
            }
        }
        // From the text once more, since this way an error shows the line.
        let manifest: Self = toml::from_str(text)?;
        if let Some(needs) = &manifest.needs
            && let Some(both) = needs.required.intersection(&needs.optional).next()
        {
            bail!("{both:?} is in needs.required and in needs.optional: keep it in one of them", both = both.as_str());
        }
        Ok(manifest)
    }
}

/// Refuses keys that nobody would read.
fn known(place: &str, table: &toml::Table, keys: &[&str]) -> Result<()> {
    match table.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => bail!("unknown key \"{place}{key}\"{}", advice(key, keys)),
        None => Ok(()),
    }
}

/// What may have been meant by `text`, and what there is.
fn advice(text: &str, known: &[&str]) -> String {
    let near = |name: &&str| strsim::damerau_levenshtein(text, name);
    let all = known.join(", ");
    match known.iter().min_by_key(|name| near(name)).filter(|name| near(name) <= 3.min(name.len() / 2)) {
        Some(name) => format!(": did you mean {name:?}? (known: {all})"),
        None => format!(" (known: {all})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        [package]
        name = "http-fetch"
        version = "1.0.0"
        [needs]
        required = ["http"]
        optional = ["log"]
        [limits]
        deadline = "15s"
    "#;

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = Manifest::parse(WHOLE).unwrap();
        assert_eq!(manifest.package, Package { name: "http-fetch".into(), version: semver::Version::new(1, 0, 0) });
        assert_eq!(manifest.needs, Some(Needs { required: [Need::Http].into(), optional: [Need::Log].into() }));
        assert_eq!(manifest.limits["deadline"].as_str(), Some("15s"));
    }

    #[test]
    fn absent_needs_are_not_empty_needs() {
        let package = "[package]\nname = \"x\"\nversion = \"1.2.3\"\n";
        assert_eq!(Manifest::parse(package).unwrap().needs, None);
        assert_eq!(Manifest::parse(&format!("{package}[needs]\n")).unwrap().needs, Some(Needs::default()));
    }

    #[test]
    fn what_nobody_would_read_is_refused_with_the_nearest_known() {
        let refused = |from: &str, to: &str| Manifest::parse(&WHOLE.replace(from, to)).unwrap_err().to_string();
        for (from, to, says) in [
            ("[limits]", "[limit]", r#"unknown key "limit": did you mean "limits"?"#),
            ("version", "verison", r#"unknown key "package.verison": did you mean "version"?"#),
            ("optional", "optionl", r#"unknown key "needs.optionl": did you mean "optional"?"#),
            ("\"http\"]", "\"htpp\"]", r#"unknown kind of grant "htpp": did you mean "http"?"#),
            ("\"http\"]", "\"sockets\"]", r#"unknown kind of grant "sockets" (known: http, kv,"#),
            ("\"log\"]", "\"http\"]", r#""http" is in needs.required and in needs.optional"#),
            ("1.0.0", "1.0", "unexpected end of input while parsing minor version number"),
            ("name", "#name", "missing field `name`"),
        ] {
            let error = refused(from, to);
            assert!(error.contains(says), "{to}: {error}");
        }
    }

    #[test]
    fn a_folder_without_a_manifest_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        fs::write(folder.path().join(MANIFEST), "x").unwrap();
        assert!(format!("{:#}", Manifest::read(folder.path()).unwrap_err()).contains("cofferdam.toml is not valid"));
    }
}
