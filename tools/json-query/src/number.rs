//! From jaq's values, which are more than JSON, to JSON.

use cofferdam_sdk::Error;
use jaq_json::{Num, Val};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// A value's JSON text. What JSON has not is what jq makes of it: not-a-number is null, infinities are the largest
/// numbers, and a key that is not text is its JSON text.
///
/// # Errors
///
/// [`Error::internal`] where it has none.
pub(crate) fn to_json(value: &Val) -> Result<Box<RawValue>, Error> {
    to_raw_value(&Json(value)).map_err(|error| Error::internal(format!("a result has no JSON form: {error}")))
}

struct Json<'a>(&'a Val);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Val::Null => serializer.serialize_unit(),
            Val::Bool(value) => serializer.serialize_bool(*value),
            Val::Num(number) => number_to_json(number, serializer),
            Val::BStr(bytes) | Val::TStr(bytes) => serializer.serialize_str(&String::from_utf8_lossy(bytes)),
            Val::Arr(values) => {
                let mut sequence = serializer.serialize_seq(Some(values.len()))?;
                for value in values.iter() {
                    sequence.serialize_element(&Json(value))?;
                }
                sequence.end()
            }
            Val::Obj(values) => {
                let mut map = serializer.serialize_map(Some(values.len()))?;
                for (key, value) in values.iter() {
                    match key {
                        Val::BStr(bytes) | Val::TStr(bytes) => {
                            map.serialize_entry(&String::from_utf8_lossy(bytes), &Json(value))?;
                        }
                        other => map.serialize_entry(&other.to_string(), &Json(value))?,
                    }
                }
                map.end()
            }
        }
    }
}

fn number_to_json<S: Serializer>(number: &Num, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Num::Int(value) => serializer.serialize_i64(*value as i64),
        Num::Float(value) => float_to_json(*value, serializer),
        // Its digits are more than a 64-bit integer has, or written with a point.
        Num::BigInt(_) | Num::Dec(_) => float_to_json(number.to_string().parse().unwrap_or(f64::NAN), serializer),
    }
}

fn float_to_json<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() {
        return serializer.serialize_unit();
    }
    let value = value.clamp(f64::MIN, f64::MAX);
    // As jq writes it: 2, not 2.0, as long as every digit of it is certain.
    if value.fract() == 0.0 && value.abs() < (1_u64 << 53) as f64 {
        return serializer.serialize_i64(value as i64);
    }
    serializer.serialize_f64(value)
}
