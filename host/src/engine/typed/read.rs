//! JSON to values of WIT types. The JSON is an agent's: anything may be wrong with it, and what is wrong is said with the
//! place where it stands.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::{EXACT_MAX, Int, Named, Shape};

/// Why JSON is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer:?}: {what}")]
pub struct Misfit {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong there. Names, never values.
    pub what: String,
    /// There is nothing wrong but that it is too much.
    pub is_too_large: bool,
}

/// The parameters of a function, from an object with a member for each; `bytes_max` bounds what they take in the host's
/// memory.
///
/// # Errors
///
/// The first misfit.
pub fn read(parameters: &[Named<Shape>], arguments: &Value, bytes_max: u64) -> Result<Vec<Val>, Misfit> {
    let mut reader = Reader { path: Vec::new(), left: bytes_max };
    let fields = reader.fields(parameters, arguments)?;
    Ok(fields.into_iter().map(|(_, value)| value).collect())
}

/// A step on the way to where the reader is.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

struct Reader<'a> {
    path: Vec<Step<'a>>,
    left: u64,
}

type Read<T> = Result<T, Misfit>;

impl<'a> Reader<'a> {
    fn misfit(&self, what: impl Into<String>) -> Misfit {
        let mut pointer = String::new();
        for step in &self.path {
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Member(name) => write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1")),
                Step::Item(number) => write!(pointer, "/{number}"),
            };
        }
        Misfit { pointer, what: what.into(), is_too_large: false }
    }

    fn expected(&self, what: &str, found: &Value) -> Misfit {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.misfit(format!("expected {what}, found {found}"))
    }

    /// Counts what a value takes.
    fn take(&mut self, bytes: usize) -> Read<()> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Misfit { is_too_large: true, ..self.misfit("too many values") }),
        }
    }

    fn at<T>(&mut self, step: Step<'a>, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.path.push(step);
        let done = read(self)?;
        self.path.pop();
        Ok(done)
    }

    fn value(&mut self, shape: &'a Shape, json: &'a Value) -> Read<Val> {
        self.take(size_of::<Val>())?;
        Ok(match shape {
            Shape::Bool => Val::Bool(json.as_bool().ok_or_else(|| self.expected("a boolean", json))?),
            Shape::Int(int) => self.integer(*int, json)?,
            Shape::F32 => match self.float(json)? {
                number if number.is_finite() && number.abs() > f64::from(f32::MAX) => {
                    return Err(self.misfit("too great for an f32"));
                }
                number => Val::Float32(number as f32),
            },
            Shape::F64 => Val::Float64(self.float(json)?),
            Shape::Char => {
                let mut chars = self.text(json)?.chars();
                match (chars.next(), chars.next()) {
                    (Some(char), None) => Val::Char(char),
                    _ => return Err(self.misfit("expected a string of one character")),
                }
            }
            Shape::String => {
                let text = self.text(json)?;
                self.take(text.len())?;
                Val::String(text.to_owned())
            }
            Shape::Bytes => {
                let text = self.text(json)?;
                // As many values as there are bytes.
                self.take((text.len() / 4 * 3).saturating_mul(size_of::<Val>()))?;
                let bytes = STANDARD.decode(text).map_err(|_| self.misfit("expected base64, padded"))?;
                Val::List(bytes.into_iter().map(Val::U8).collect())
            }
            Shape::List(item) => Val::List(self.items(item, self.list(json)?)?),
            Shape::FixedList(item, length) => {
                let items = self.list(json)?;
                if items.len() != *length as usize {
                    return Err(self.misfit(format!("expected a list of {length}, found one of {}", items.len())));
                }
                Val::FixedLengthList(self.items(item, items)?)
            }
            Shape::Map(key, value) => Val::Map(self.map(key, value, json)?),
            Shape::Tuple(shapes) => Val::Tuple(self.tuple(shapes.iter(), shapes.len(), json)?),
            Shape::Record(fields) => Val::Record(self.fields(fields, json)?),
            Shape::Variant(cases) => self.variant(cases, json)?,
            Shape::Enum(cases) => Val::Enum(self.one_of(cases, self.text(json)?)?),
            Shape::Flags(flags) => Val::Flags(self.flags(flags, json)?),
            Shape::Option(some) => self.option(some, json)?,
            Shape::Result(ok, err) => {
                let (name, payload) = self.only_member(json, "an object with the one member \"ok\" or \"err\"")?;
                let shape = match name {
                    "ok" => ok,
                    "err" => err,
                    _ => return Err(self.misfit("expected the member \"ok\" or \"err\"")),
                };
                let value = self.at(Step::Member(name), |reader| match shape {
                    Some(shape) => reader.value(shape, payload).map(|value| Some(Box::new(value))),
                    None if payload.is_null() => Ok(None),
                    None => Err(reader.expected("null", payload)),
                })?;
                Val::Result(if name == "ok" { Ok(value) } else { Err(value) })
            }
        })
    }

    fn integer(&self, int: Int, json: &Value) -> Read<Val> {
        let number = match json {
            Value::Number(number) => {
                number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)).or_else(|| {
                    // 1.0 and 1e3 are integers, too, as far as all readers agree on which.
                    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
                    (float.abs() <= EXACT_MAX as f64).then_some(float as i128)
                })
            }
            Value::String(text) if int.is_wide() && is_decimal(text) => text.parse().ok(),
            _ if int.is_wide() => return Err(self.expected("an integer, as a number or as a string of digits", json)),
            _ => return Err(self.expected("an integer", json)),
        };
        let (least, greatest) = int.range();
        let number = number
            .filter(|number| (least..=greatest).contains(number))
            .ok_or_else(|| self.misfit(format!("expected an integer from {least} to {greatest}")))?;
        // Each fits, as the range says.
        Ok(match int {
            Int::U8 => Val::U8(number as u8),
            Int::U16 => Val::U16(number as u16),
            Int::U32 => Val::U32(number as u32),
            Int::U64 => Val::U64(number as u64),
            Int::S8 => Val::S8(number as i8),
            Int::S16 => Val::S16(number as i16),
            Int::S32 => Val::S32(number as i32),
            Int::S64 => Val::S64(number as i64),
        })
    }

    fn float(&self, json: &Value) -> Read<f64> {
        match json {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            },
            _ => None,
        }
        .ok_or_else(|| self.expected("a number, \"NaN\", \"Infinity\" or \"-Infinity\"", json))
    }

    fn text(&self, json: &'a Value) -> Read<&'a str> {
        json.as_str().ok_or_else(|| self.expected("a string", json))
    }

    fn list(&self, json: &'a Value) -> Read<&'a [Value]> {
        json.as_array().map(Vec::as_slice).ok_or_else(|| self.expected("a list", json))
    }

    fn object(&self, json: &'a Value) -> Read<&'a Map<String, Value>> {
        json.as_object().ok_or_else(|| self.expected("an object", json))
    }

    fn items(&mut self, shape: &'a Shape, items: &'a [Value]) -> Read<Vec<Val>> {
        let numbered = items.iter().enumerate();
        numbered.map(|(number, item)| self.at(Step::Item(number), |reader| reader.value(shape, item))).collect()
    }

    fn tuple(&mut self, shapes: impl Iterator<Item = &'a Shape>, length: usize, json: &'a Value) -> Read<Vec<Val>> {
        let items = self.list(json)?;
        if items.len() != length {
            return Err(self.misfit(format!("expected a list of {length}, found one of {}", items.len())));
        }
        let numbered = shapes.zip(items).enumerate();
        numbered
            .map(|(number, (shape, item))| self.at(Step::Item(number), |reader| reader.value(shape, item)))
            .collect()
    }

    fn map(&mut self, key: &'a Shape, value: &'a Shape, json: &'a Value) -> Read<Vec<(Val, Val)>> {
        if *key == Shape::String {
            let members = self.object(json)?.iter();
            return members
                .map(|(name, json)| {
                    self.take(size_of::<Val>() + name.len())?;
                    let value = self.at(Step::Member(name), |reader| reader.value(value, json))?;
                    Ok((Val::String(name.clone()), value))
                })
                .collect();
        }
        let pairs = self.list(json)?.iter().enumerate();
        pairs
            .map(|(number, pair)| {
                self.at(Step::Item(number), |reader| {
                    let pair = reader.tuple([key, value].into_iter(), 2, pair)?;
                    let [key, value] = <[Val; 2]>::try_from(pair).map_err(|_| reader.misfit("expected a pair"))?;
                    Ok((key, value))
                })
            })
            .collect()
    }

    /// Every field in its order; what is not named is nothing, where nothing is a value of the field.
    fn fields(&mut self, fields: &'a [Named<Shape>], json: &'a Value) -> Read<Vec<(String, Val)>> {
        let members = self.object(json)?;
        if let Some(unknown) = members.keys().find(|name| fields.iter().all(|field| field.name != **name)) {
            let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).take(20).collect();
            return self.at(Step::Member(unknown), |reader| {
                Err(reader.misfit(format!("there is no such member; there is {}", known.join(", "))))
            });
        }
        fields
            .iter()
            .map(|field| {
                self.take(field.name.len())?;
                let value = match (members.get(&field.name), &field.of) {
                    (Some(json), shape) => self.at(Step::Member(&field.name), |reader| reader.value(shape, json))?,
                    (None, Shape::Option(_)) => Val::Option(None),
                    (None, _) => return Err(self.misfit(format!("the member {:?} is missing", field.name))),
                };
                Ok((field.name.clone(), value))
            })
            .collect()
    }

    /// A case without a payload by its name, one with as the only member of an object.
    fn variant(&mut self, cases: &'a [Named<Option<Shape>>], json: &'a Value) -> Read<Val> {
        let (name, payload) = match json {
            Value::String(name) => (name.as_str(), None),
            json => self
                .only_member(json, "the name of a case, or an object with that as its only member")
                .map(|(name, payload)| (name, Some(payload)))?,
        };
        let Some(case) = cases.iter().find(|case| case.name == name) else {
            return Err(self.no_such(cases));
        };
        let value = match (&case.of, payload) {
            (None, None) => None,
            (Some(shape), Some(payload)) => {
                Some(Box::new(self.at(Step::Member(name), |reader| reader.value(shape, payload))?))
            }
            (None, Some(_)) => {
                return Err(self.misfit(format!("the case {name:?} holds nothing: only its name stands for it")));
            }
            (Some(_), None) => return Err(self.misfit(format!("the case {name:?} holds a value: {{{name:?}: …}}"))),
        };
        self.take(case.name.len())?;
        Ok(Val::Variant(case.name.clone(), value))
    }

    fn only_member(&self, json: &'a Value, expected: &str) -> Read<(&'a str, &'a Value)> {
        let mut members = json.as_object().ok_or_else(|| self.expected(expected, json))?.iter();
        match (members.next(), members.next()) {
            (Some((name, payload)), None) => Ok((name, payload)),
            _ => Err(self.misfit(format!("expected {expected}"))),
        }
    }

    fn one_of<T>(&mut self, cases: &'a [Named<T>], name: &str) -> Read<String> {
        let case = cases.iter().find(|case| case.name == name).ok_or_else(|| self.no_such(cases))?;
        self.take(case.name.len())?;
        Ok(case.name.clone())
    }

    fn no_such<T>(&self, cases: &[Named<T>]) -> Misfit {
        let known: Vec<&str> = cases.iter().map(|case| case.name.as_str()).take(20).collect();
        self.misfit(format!("expected one of {}", known.join(", ")))
    }

    /// Names, each once, in the order of the type.
    fn flags(&mut self, flags: &'a [Named<()>], json: &'a Value) -> Read<Vec<String>> {
        let mut set = vec![false; flags.len()];
        for (number, json) in self.list(json)?.iter().enumerate() {
            self.at(Step::Item(number), |reader| {
                let name = reader.text(json)?;
                let found = flags.iter().position(|flag| flag.name == name).ok_or_else(|| reader.no_such(flags))?;
                if std::mem::replace(&mut set[found], true) {
                    return Err(reader.misfit("this flag is there twice"));
                }
                Ok(())
            })?;
        }
        let names = flags.iter().zip(set).filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.name.clone());
        let names: Vec<String> = names.collect();
        self.take(names.iter().map(String::len).sum())?;
        Ok(names)
    }

    fn option(&mut self, some: &'a Shape, json: &'a Value) -> Read<Val> {
        let value = match (json, some) {
            (Value::Null, _) => return Ok(Val::Option(None)),
            (json, Shape::Option(_)) => {
                let expected = "null, or an object with the one member \"some\"";
                let (name, payload) = self.only_member(json, expected)?;
                if name != "some" {
                    return Err(self.misfit(format!("expected {expected}")));
                }
                self.at(Step::Member(name), |reader| reader.value(some, payload))?
            }
            (json, some) => self.value(some, json)?,
        };
        Ok(Val::Option(Some(Box::new(value))))
    }
}

/// As few digits as it takes, as schemas say.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Nought has one spelling, and no sign.
    let is_short = !digits.starts_with('0') || text == "0";
    !digits.is_empty() && is_short && digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
