//! Values of WIT types to JSON text: never more of it than there is room for, however large the value.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use wasmtime::component::Val;

use super::{EXACT_MAX, Named, Shape};

/// Takes bytes up to a limit.
#[derive(Debug)]
pub struct Bounded {
    bytes: Vec<u8>,
    left: usize,
}

impl Bounded {
    /// Takes `bytes_max`.
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes: Vec::new(), left: usize::try_from(bytes_max).unwrap_or(usize::MAX) }
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Any `value` as JSON; `None` when it takes more than `bytes_max`.
pub fn spell(value: &impl Serialize, bytes_max: u64) -> serde_json::Result<Option<String>> {
    let mut room = Bounded::new(bytes_max);
    match serde_json::to_writer(&mut room, value) {
        Ok(()) => String::from_utf8(room.bytes).map(Some).map_err(serde::ser::Error::custom),
        Err(error) if error.io_error_kind() == Some(io::ErrorKind::FileTooLarge) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `value`, which is of the type of `shape`, as JSON.
///
/// # Errors
///
/// `None` when it takes more than `bytes_max`; a text when the value is of another type.
pub fn write(shape: &Shape, value: &Val, bytes_max: u64) -> Result<Option<String>, String> {
    spell(&Typed { shape, value }, bytes_max).map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
struct Typed<'a> {
    shape: &'a Shape,
    value: &'a Val,
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { shape, value } = *self;
        let typed = |shape, value| Typed { shape, value };
        match (shape, value) {
            (Shape::Bool, Val::Bool(value)) => to.serialize_bool(*value),
            (Shape::Int(_), Val::U8(value)) => to.serialize_u8(*value),
            (Shape::Int(_), Val::U16(value)) => to.serialize_u16(*value),
            (Shape::Int(_), Val::U32(value)) => to.serialize_u32(*value),
            (Shape::Int(_), Val::S8(value)) => to.serialize_i8(*value),
            (Shape::Int(_), Val::S16(value)) => to.serialize_i16(*value),
            (Shape::Int(_), Val::S32(value)) => to.serialize_i32(*value),
            (Shape::Int(_), Val::U64(value)) if i128::from(*value) > EXACT_MAX => to.collect_str(value),
            (Shape::Int(_), Val::U64(value)) => to.serialize_u64(*value),
            (Shape::Int(_), Val::S64(value)) if i128::from(*value).abs() > EXACT_MAX => to.collect_str(value),
            (Shape::Int(_), Val::S64(value)) => to.serialize_i64(*value),
            (Shape::F32, Val::Float32(value)) if value.is_finite() => to.serialize_f32(*value),
            (Shape::F32, Val::Float32(value)) => to.serialize_str(infinite(f64::from(*value))),
            (Shape::F64, Val::Float64(value)) if value.is_finite() => to.serialize_f64(*value),
            (Shape::F64, Val::Float64(value)) => to.serialize_str(infinite(*value)),
            (Shape::Char, Val::Char(value)) => to.serialize_char(*value),
            (Shape::String, Val::String(value)) => to.serialize_str(value),
            (Shape::Bytes, Val::List(values)) => to.serialize_str(&STANDARD.encode(bytes::<S>(values)?)),
            (Shape::List(item), Val::List(values)) | (Shape::FixedList(item, _), Val::FixedLengthList(values)) => {
                to.collect_seq(values.iter().map(|value| typed(item, value)))
            }
            (Shape::Map(key, of), Val::Map(pairs)) if **key == Shape::String => {
                // Of a key that is there twice, the last one counts, as it does in WIT.
                let mut members = BTreeMap::new();
                for (key, value) in pairs {
                    let Val::String(name) = key else { return Err(S::Error::custom("a name is no string")) };
                    members.insert(name, typed(of, value));
                }
                to.collect_map(members)
            }
            (Shape::Map(key, of), Val::Map(pairs)) => {
                to.collect_seq(pairs.iter().map(|(one, other)| [typed(key, one), typed(of, other)]))
            }
            (Shape::Tuple(shapes), Val::Tuple(values)) => {
                to.collect_seq(shapes.iter().zip(values).map(|(shape, value)| typed(shape, value)))
            }
            (Shape::Record(fields), Val::Record(values)) => to.collect_map(
                fields.iter().zip(values).map(|(field, (_, value))| (&field.name, typed(&field.of, value))),
            ),
            (Shape::Variant(cases), Val::Variant(name, payload)) => match (payload, of_case(cases, name)) {
                (None, _) => to.serialize_str(name),
                (Some(value), Some(shape)) => to.collect_map([(name, typed(shape, value))]),
                (Some(_), None) => Err(S::Error::custom("a case that holds nothing holds a value")),
            },
            (Shape::Enum(_), Val::Enum(name)) => to.serialize_str(name),
            (Shape::Flags(_), Val::Flags(names)) => to.collect_seq(names),
            (Shape::Option(_), Val::Option(None)) => to.serialize_unit(),
            (Shape::Option(some), Val::Option(Some(value))) => match **some {
                Shape::Option(_) => to.collect_map([("some", typed(some, value))]),
                _ => typed(some, value).serialize(to),
            },
            (Shape::Result(ok, _), Val::Result(Ok(value))) => payload(to, "ok", ok.as_deref(), value.as_deref()),
            (Shape::Result(_, err), Val::Result(Err(value))) => payload(to, "err", err.as_deref(), value.as_deref()),
            _ => Err(S::Error::custom(format_args!("a value is not of the type {shape}"))),
        }
    }
}

fn infinite(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

fn bytes<S: Serializer>(values: &[Val]) -> Result<Vec<u8>, S::Error> {
    let byte = |value: &Val| match value {
        Val::U8(byte) => Ok(*byte),
        _ => Err(S::Error::custom("a byte is no byte")),
    };
    values.iter().map(byte).collect()
}

fn of_case<'a>(cases: &'a [Named<Option<Shape>>], name: &str) -> Option<&'a Shape> {
    cases.iter().find(|case| case.name == name)?.of.as_ref()
}

fn payload<S: Serializer>(to: S, name: &str, shape: Option<&Shape>, value: Option<&Val>) -> Result<S::Ok, S::Error> {
    match (shape, value) {
        (Some(shape), Some(value)) => to.collect_map([(name, Typed { shape, value })]),
        _ => to.collect_map([(name, ())]),
    }
}
