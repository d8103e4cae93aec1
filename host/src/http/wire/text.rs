//! Values whose JSON is a text of one spelling (and [`Json`], whose JSON is itself).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::id::{InvalidId, serde_by_text};

/// A moment, as RFC 3339 text in UTC with microseconds: `2026-03-01T12:00:00.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub SystemTime);

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        Self(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_micros(self.0).fmt(f)
    }
}

impl FromStr for Time {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        humantime::parse_rfc3339(text)
            .map(Self)
            .map_err(|_| InvalidId::new("time", text, "RFC 3339 in UTC, such as 2026-03-01T12:00:00Z"))
    }
}

/// A day in UTC, written `2026-03-01`. Inside: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u64);

const DAY: Duration = Duration::from_secs(86_400);
/// 9999-12-31: the last day that four digits of year can say.
const DAY_MAX: u64 = 2_932_896;

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = u32::try_from(self.0.min(DAY_MAX)).unwrap_or(u32::MAX);
        let text = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + DAY * days).to_string();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

impl FromStr for Day {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("day", text, "a day in UTC from 1970 on, such as 2026-03-01");
        let midnight = humantime::parse_rfc3339(&format!("{text:.10}T00:00:00Z")).map_err(|_| invalid())?;
        let since = midnight.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| invalid())?;
        let day = Self(since.as_secs() / DAY.as_secs());
        // One spelling only: what is cut off above, or a day that its month does not have, is no day.
        if day.to_string() == text { Ok(day) } else { Err(invalid()) }
    }
}

/// Bytes, as base64 text (RFC 4648 section 4, with padding).
#[derive(Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl fmt::Display for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base64::display::Base64Display::new(&self.0, &STANDARD).fmt(f)
    }
}

impl fmt::Debug for Base64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl FromStr for Base64 {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        STANDARD.decode(text).map(Self).map_err(|_| InvalidId::new("data", text, "base64 with padding"))
    }
}

/// A key's secret: shown once, on purpose, and never in a log line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself. Whoever calls this shows it to its owner or sends it to the host, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A JSON document that is passed on as it was written: numbers that no float holds stay what they are.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The document that `text` is.
    ///
    /// # Errors
    ///
    /// When it is not one JSON value.
    pub fn from_text(text: String) -> serde_json::Result<Self> {
        RawValue::from_string(text).map(Self)
    }

    /// The text, as it was written.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of a value: in a tagged enum serde has already read it as one.
        let value = serde_json::Value::deserialize(deserializer)?;
        serde_json::value::to_raw_value(&value).map(Self).map_err(serde::de::Error::custom)
    }
}

serde_by_text!(Time, Day, Base64);

/// How each looks in the OpenAPI document.
macro_rules! schemas {
    ($($name:ident: $schema:expr;)*) => {$(
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema.into()
            }
        }
        impl utoipa::ToSchema for $name {}
    )*};
}

fn string(description: &str) -> utoipa::openapi::ObjectBuilder {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .description(Some(description))
}

fn format(name: &str) -> Option<utoipa::openapi::schema::SchemaFormat> {
    Some(utoipa::openapi::schema::SchemaFormat::Custom(name.to_owned()))
}

schemas! {
    Time: string("A moment: RFC 3339 in UTC.").format(format("date-time"));
    Day: string("A day in UTC.").format(format("date"));
    Base64: string("Bytes: base64 with padding.").content_encoding("base64");
    Secret: string("A key. It is shown once: whoever has it acts as its principal.");
    Json: utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
        .description(Some("A JSON document, as the tool wrote it."));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_back_as_written_and_have_one_spelling() {
        for (text, day) in [("1970-01-01", 0), ("2024-02-29", 19_782), ("9999-12-31", DAY_MAX)] {
            assert_eq!(text.parse::<Day>().unwrap(), Day(day));
            assert_eq!(Day(day).to_string(), text);
        }
        for text in ["", "2023-02-29", "2024-1-1", "1969-12-31", "2024-01-01T", "2024-01-01 ", "ä024-01-01", "20240101"]
        {
            assert!(text.parse::<Day>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn times_have_microseconds() {
        let time: Time = "2026-03-01T12:00:00.5Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-03-01T12:00:00.500000Z");
        assert!("yesterday".parse::<Time>().is_err());
    }

    #[test]
    fn a_document_is_passed_on_as_it_was_written() {
        let text = "{\"big\": 123456789012345678901234567890, \"a\":\n1}";
        let json = Json::from_text(text.to_owned()).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        assert!(Json::from_text("{} {}".to_owned()).is_err());
    }

    #[test]
    fn a_secret_is_not_in_debug_output() {
        assert!(!format!("{:?}", Secret::new("cof_acme_x")).contains("cof"));
    }
}
