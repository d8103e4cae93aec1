//! Sessions, by the name that an agent gives them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::InvalidId;

/// A session of one principal: a text of the agent's own, which says nothing to the host but that calls belong together.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const RULE: &str = "1 to 128 letters, digits, '-', '_', '.' and ':'";
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        let good = (1..=128).contains(&text.len()) && text.bytes().all(plain);
        if good { Ok(Self(text.into())) } else { Err(InvalidId::new("session", text, RULE)) }
    }
}

textual!(SessionId);
