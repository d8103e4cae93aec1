//! Signatures on components: a signed note (C2SP, Ed25519) over what a version of a package is. Made by whoever builds it,
//! with a key that no host has; checked here, in process, against keys that policy names.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use semver::Version;
use signed_note::{Note, NoteError, Signer as _, StandardSigner, VerifierList, key_id};

use crate::error::{Code, Error, Result};
use crate::id::{Digest, PackageName};
use crate::policy::PublicKey;

/// A note's length, in bytes.
pub const NOTE_BYTES_MAX: usize = 4 << 10;
/// What kind of statement it is: the note's first line.
const KIND: &str = "cofferdam component v1";
/// Ed25519, in the notes' own numbering.
const ALGORITHM: u8 = 1;

/// What is signed: that this component is this version of this package. So a signature is good for no other component, name
/// or version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The package's name.
    pub package: PackageName,
    /// The version.
    pub version: Version,
    /// The component.
    pub component: Digest,
}

impl Statement {
    /// The note's text.
    fn text(&self) -> String {
        let Self { package, version, component } = self;
        format!("{KIND}\npackage {package}\nversion {version}\ncomponent {component}\n")
    }

    /// The signed note.
    ///
    /// # Errors
    ///
    /// When the key cannot sign.
    pub fn sign(&self, key: &PrivateKey) -> Result<String> {
        let mut note = Note::new(self.text().as_bytes(), &[]).map_err(Error::internal)?;
        note.add_sigs(&[&key.0]).map_err(Error::internal)?;
        String::from_utf8(note.to_bytes()).map_err(Error::internal)
    }

    /// Who of `keys` signed this statement, by the name and id of the key. A note may have further signatures.
    ///
    /// # Errors
    ///
    /// `invalid-request`: it is no signed note, is about something else, is signed by none of them, or a signature that
    /// names one of them is not by it.
    pub fn signer(&self, note: &str, keys: &[PublicKey]) -> Result<String> {
        let invalid = |what: String, next: &str| {
            Error::new(Code::InvalidRequest, format!("the signature does not hold: {what}")).next(next.to_owned())
        };
        if note.len() > NOTE_BYTES_MAX {
            let (bytes, most) = (note.len(), NOTE_BYTES_MAX);
            return Err(invalid(format!("it has {bytes} bytes, and {most} at most"), "send the note that was made"));
        }
        let parsed = Note::from_bytes(note.as_bytes())
            .map_err(|error| invalid(format!("it is no signed note: {error}"), "make one with `cofferdam sign`"))?;
        if parsed.text() != self.text().as_bytes() {
            return Err(invalid(
                format!("it is not about {} {} as {}", self.package, self.version, self.component),
                "sign this very component, under this name and version",
            ));
        }
        let verifiers = keys.iter().map(|key| Box::new(key.verifier().clone()) as Box<dyn signed_note::Verifier>);
        match parsed.verify(&VerifierList::new(verifiers.collect())) {
            Ok((verified, _)) => {
                let signer = verified.first().map(|signature| format!("{}+{:08x}", signature.name(), signature.id()));
                signer.ok_or_else(|| Error::internal("a note was verified by nobody"))
            }
            Err(NoteError::InvalidSignature { name, id }) => {
                Err(invalid(format!("it names the key {name}+{id:08x}, which did not sign it"), "sign it anew"))
            }
            Err(_) => {
                let known: Vec<String> = keys.iter().map(PublicKey::short).collect();
                let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
                Err(invalid(
                    format!("it is by no key that [trust] keys names ({known})"),
                    "sign it with one of those, or have its key named there",
                ))
            }
        }
    }
}

/// What signs. Its debug form shows its name alone.
pub struct PrivateKey(StandardSigner);

impl PrivateKey {
    /// Makes a key of this name: its text, which is to be kept secret, and the text of its public key.
    ///
    /// # Errors
    ///
    /// `invalid-request` for a name that there cannot be; when the operating system gives no random bytes.
    pub fn generate(name: &str) -> Result<(String, String)> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(Error::internal)?;
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        let id = key_id(name, &[&[ALGORITHM], public.as_bytes().as_slice()].concat());
        let public = signed_note::new_ed25519_verifier_key(name, &public);
        // Whether there can be such a name is for the reader of public keys to say.
        public.parse::<PublicKey>().map_err(|error| Error::new(Code::InvalidRequest, format!("{name:?}: {error}")))?;
        let secret = STANDARD.encode([&[ALGORITHM], seed.as_slice()].concat());
        Ok((format!("PRIVATE+KEY+{name}+{id:08x}+{secret}"), public))
    }

    /// Reads a key's text.
    ///
    /// # Errors
    ///
    /// `invalid-request`. Nothing of the text is in it.
    pub fn parse(text: &str) -> Result<Self> {
        StandardSigner::new(text.trim()).map(Self).map_err(|error| {
            Error::new(Code::InvalidRequest, format!("the signing key cannot be read: {error}"))
                .next("a signing key is PRIVATE+KEY+NAME+ID+KEY, as `cofferdam sign --new-key` makes it")
        })
    }

    /// Its name and id.
    pub fn short(&self) -> String {
        format!("{}+{:08x}", self.0.name(), self.0.key_id())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> (PrivateKey, PublicKey) {
        let (secret, public) = PrivateKey::generate(name).unwrap();
        (PrivateKey::parse(&secret).unwrap(), public.parse().unwrap())
    }

    fn statement() -> Statement {
        let (package, version) = ("notes".parse().unwrap(), Version::new(1, 2, 0));
        Statement { package, version, component: Digest::of(b"component") }
    }

    #[test]
    fn a_statement_is_signed_and_says_who_did() {
        let ((secret, public), (_, other)) = (key("release.example"), key("other.example"));
        let note = statement().sign(&secret).unwrap();
        assert!(note.starts_with("cofferdam component v1\npackage notes\nversion 1.2.0\ncomponent sha256:"), "{note}");
        assert_eq!(statement().signer(&note, &[other, public.clone()]).unwrap(), public.short());
        assert_eq!(secret.short(), public.short());
        assert!(!format!("{secret:?}").contains("PRIVATE"));
    }

    /// Refused.
    #[test]
    fn hostile_a_signature_of_something_else_does_not_hold() {
        let (secret, public) = key("release.example");
        let keys = [public];
        let note = statement().sign(&secret).unwrap();
        for other in [
            Statement { package: "nates".parse().unwrap(), ..statement() },
            Statement { version: Version::new(1, 2, 1), ..statement() },
            Statement { component: Digest::of(b"another"), ..statement() },
        ] {
            assert_eq!(other.signer(&note, &keys).unwrap_err().code(), Code::InvalidRequest);
            // The text of the one under the signature of the other.
            let forged = note.replace(&statement().text(), &other.text());
            assert!(other.signer(&forged, &keys).unwrap_err().message().contains("did not sign"), "{forged}");
        }
    }

    /// Refused.
    #[test]
    fn hostile_a_signature_by_another_key_does_not_hold_whatever_it_calls_itself() {
        let ((secret, public), (_, known)) = (key("release.example"), key("release.example"));
        let note = statement().sign(&secret).unwrap();
        assert!(statement().signer(&note, std::slice::from_ref(&known)).is_err());
        assert!(statement().signer(&note, &[]).is_err());
        // Under the name and the id of the known one.
        let line = note.lines().last().unwrap();
        let signature = STANDARD.decode(line.rsplit_once(' ').unwrap().1).unwrap();
        let id = u32::from_str_radix(known.short().rsplit_once('+').unwrap().1, 16).unwrap();
        let relabelled = STANDARD.encode([&id.to_be_bytes()[..], &signature[4..]].concat());
        let forged = note.replace(line.rsplit_once(' ').unwrap().1, &relabelled);
        assert!(statement().signer(&forged, &[known]).unwrap_err().message().contains("did not sign"), "{forged}");
        assert!(statement().signer(&note, &[public]).is_ok());
    }

    /// Refused.
    #[test]
    fn hostile_what_is_no_note_is_refused() {
        let (secret, public) = key("release.example");
        let note = statement().sign(&secret).unwrap();
        let unsigned = statement().text();
        let long = format!("{note}{}", "x".repeat(NOTE_BYTES_MAX));
        for bad in ["", "\n", "x", unsigned.as_str(), &note[..note.len() - 2], &note.replace('\n', "\r\n"), &long] {
            let error = statement().signer(bad, std::slice::from_ref(&public)).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest, "{bad:?}");
        }
        for name in ["", "a b", "a+b", "ä", &"x".repeat(200)] {
            assert!(PrivateKey::generate(name).is_err(), "{name:?}");
        }
        for text in ["", "PRIVATE+KEY+x+00000000+AAAA", "release.example+00000000+AAAA"] {
            assert!(PrivateKey::parse(text).is_err(), "{text:?}");
        }
    }
}
