//! `cofferdam sign`: a signed note that a component is a version of a package, made offline, to publish it with.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use semver::Version;
use serde::Serialize;

use super::style::{GOOD, QUIET, STRONG, paint};
use super::{Exit, Failure, Output, Result, build, files};
use crate::id::{Digest, PackageName};
use crate::registry::{PrivateKey, Statement};

/// A signing key's text, in bytes.
const KEY_BYTES_MAX: u64 = 1 << 10;

/// Sign a component, or make a key to sign with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam sign --new-key release.key --name release.example
  cofferdam sign tools/notes --key release.key > notes.sig
  cofferdam push tools/notes --signature notes.sig

The signature says that this very component is this version of this package; for anything else it is good for nothing.
The public key that --new-key prints goes into [trust] keys: of the policy for the tenant's own packages, of platform.toml
for the catalogue.")]
pub(super) struct Sign {
    /// The tool's folder, or a component; the manifest beside it says the package's name and version
    #[arg(value_name = "DIR|FILE", default_value = ".", conflicts_with = "new_key")]
    path: PathBuf,
    /// The signing key's file
    #[arg(long, value_name = "FILE", required_unless_present = "new_key", conflicts_with = "new_key")]
    key: Option<PathBuf>,
    /// Sign it as this version instead of the manifest's
    #[arg(long, value_name = "VERSION", conflicts_with = "new_key")]
    as_version: Option<Version>,
    /// Make a new signing key in this file, which must not be there, and print its public key
    #[arg(long, value_name = "FILE", requires = "name")]
    new_key: Option<PathBuf>,
    /// What to call the new key, such as the name of a domain
    #[arg(long, value_name = "NAME", requires = "new_key")]
    name: Option<String>,
}

/// What was signed.
#[derive(Debug, Serialize)]
struct Signed {
    package: PackageName,
    version: Version,
    component: Digest,
    /// The key's name and id.
    signer: String,
    /// The signed note.
    note: String,
}

/// A key that was made.
#[derive(Debug, Serialize)]
struct Made {
    /// Where the signing key is.
    file: PathBuf,
    /// Its public key.
    public_key: String,
}

impl Sign {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        if let (Some(file), Some(name)) = (&self.new_key, &self.name) {
            let made = make(file, name)?;
            output.show(&made, |made| format!("{}\n", made.public_key))?;
            let kept = file.display();
            output.note(format_args!("{} keep {kept} secret; the line above is its public key", paint(GOOD, "✓")));
            return Ok(Exit::Ok);
        }
        let Some(key) = &self.key else { return Err(Failure::usage("there is no key", "name one with --key")) };
        let key = PrivateKey::parse(&files::text(key, "signing key", KEY_BYTES_MAX)?)?;
        let packaged = build::folder_or_component(&self.path)?;
        output.note(build::built(&packaged));
        let statement = Statement {
            package: packaged.package.clone(),
            version: self.as_version.unwrap_or_else(|| packaged.version.clone()),
            component: Digest::of(&packaged.bytes),
        };
        let note = statement.sign(&key)?;
        let Statement { package, version, component } = statement;
        let signed = Signed { package, version, component, signer: key.short(), note };
        // The note alone: what is redirected into a file is the signature.
        output.show(&signed, |signed| signed.note.clone())?;
        let name = paint(STRONG, format_args!("{} {}", signed.package, signed.version));
        output.note(format_args!("{name} signed by {} {}", signed.signer, paint(QUIET, signed.component)));
        Ok(Exit::Ok)
    }
}

fn make(file: &Path, name: &str) -> Result<Made> {
    let (secret, public_key) = PrivateKey::generate(name)?;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    let written = opened.and_then(|mut opened| {
        opened.write_all(format!("{secret}\n").as_bytes())?;
        opened.sync_all()
    });
    written
        .map_err(|error| Failure::invalid(format!("{}: {error}", file.display()), "name a file that is not there"))?;
    Ok(Made { file: file.to_owned(), public_key })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::policy::PublicKey;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_signs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("release.key");
        let made = make(&file, "release.example").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(make(&file, "release.example").is_err(), "overwritten");
        let key = PrivateKey::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let (package, version) = ("notes".parse().unwrap(), Version::new(1, 0, 0));
        let statement = Statement { package, version, component: Digest::of(b"x") };
        let public: PublicKey = made.public_key.parse().unwrap();
        assert!(statement.signer(&statement.sign(&key).unwrap(), &[public]).is_ok());
    }
}
