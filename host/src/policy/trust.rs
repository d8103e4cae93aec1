//! Whose signatures count: keys of the platform's and of a tenant's, and whether versions need one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use signed_note::{StandardVerifier, Verifier as _};

/// A key whose signatures are known: a C2SP vkey of type 1 (Ed25519), such as `release.example+1d2c3b4a+AX…`.
#[derive(Clone)]
pub struct PublicKey {
    text: Arc<str>,
    verifier: StandardVerifier,
}

impl PublicKey {
    /// The name and the id, as signatures are recognised by.
    pub fn short(&self) -> String {
        format!("{}+{:08x}", self.verifier.name(), self.verifier.key_id())
    }

    /// What verifies with it.
    pub fn verifier(&self) -> &StandardVerifier {
        &self.verifier
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "a verifier key is NAME+ID+KEY, as `cofferdam sign --new-key` prints it";
        let verifier = StandardVerifier::new(text).map_err(|error| format!("{error}: {FORM}"))?;
        if !verifier.name().bytes().all(|byte| byte.is_ascii_graphic()) || verifier.name().len() > 100 {
            return Err("the name of a key is at most 100 printable ASCII characters".to_owned());
        }
        Ok(Self { text: text.into(), verifier })
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PublicKey {}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.short())
    }
}

/// `[trust]`: of the platform's file for the catalogue, of a tenant's for its own packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Keys whose signatures are known.
    pub keys: Vec<PublicKey>,
    /// Whether every version that is published needs a signature by one of them.
    pub require: bool,
}
