//! WIT types and their values as JSON: what an agent is told of a function's parameters, and what it says and hears.
//!
//! A [`Shape`] is a WIT type as plain data. From it follow the schema ([`schema`]), how JSON becomes a value ([`read()`])
//! and how a value becomes JSON ([`write()`]); `docs/components.md` has the table. The three agree: what the schema admits
//! can be read, what is written the schema admits, and what is written reads back as the same value.

mod of_engine;
mod read;
pub mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use self::read::{Misfit, read};
pub use self::write::{Bounded, spell, write};

pub(super) use self::of_engine::signature;

/// Types within each other. Schemas nest two to four levels for each.
pub const DEPTH_MAX: usize = 12;
/// Types in one function, all of them counted wherever they are named: a few bytes of WIT can name a type twice on each
/// of many levels.
pub const TYPES_MAX: usize = 2_000;

/// An integer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are WIT's")]
pub enum Int {
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
}

impl Int {
    /// Its least and its greatest value.
    pub const fn range(self) -> (i128, i128) {
        match self {
            Self::U8 => (0, u8::MAX as i128),
            Self::U16 => (0, u16::MAX as i128),
            Self::U32 => (0, u32::MAX as i128),
            Self::U64 => (0, u64::MAX as i128),
            Self::S8 => (i8::MIN as i128, i8::MAX as i128),
            Self::S16 => (i16::MIN as i128, i16::MAX as i128),
            Self::S32 => (i32::MIN as i128, i32::MAX as i128),
            Self::S64 => (i64::MIN as i128, i64::MAX as i128),
        }
    }

    /// Whether it has values that a double cannot hold exactly.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::U64 | Self::S64)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
        }
    }
}

/// The greatest integer up to which JSON's readers agree, in both directions: 2^53 - 1.
pub const EXACT_MAX: i128 = (1 << 53) - 1;

/// A WIT type. Resources, streams, futures and error contexts have no JSON, and are none of these.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are WIT's")]
pub enum Shape {
    Bool,
    Int(Int),
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`
    Bytes,
    List(Box<Shape>),
    FixedList(Box<Shape>, u32),
    Map(Box<Shape>, Box<Shape>),
    Tuple(Vec<Shape>),
    Record(Vec<Named<Shape>>),
    Variant(Vec<Named<Option<Shape>>>),
    Enum(Vec<Named<()>>),
    Flags(Vec<Named<()>>),
    Option(Box<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
}

/// A field, case, flag or parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// Its name in WIT.
    pub name: String,
    /// What its author says of it; empty where nothing is known.
    pub docs: String,
    /// What it holds.
    pub of: T,
}

impl<T> Named<T> {
    /// One that nothing is said of.
    pub fn new(name: impl Into<String>, of: T) -> Self {
        Self { name: name.into(), docs: String::new(), of }
    }
}

/// What a function takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Its parameters, in order.
    pub parameters: Vec<Named<Shape>>,
    /// What it gives, if it gives anything.
    pub result: Option<Shape>,
}

impl Signature {
    /// What it gives when it succeeds: of a `result`, the good case.
    pub fn success(&self) -> Option<&Shape> {
        match &self.result {
            Some(Shape::Result(ok, _)) => ok.as_deref(),
            other => other.as_ref(),
        }
    }
}

impl std::fmt::Display for Signature {
    /// As WIT spells it, types by what they are made of.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("func(")?;
        for (number, parameter) in self.parameters.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}: {}", parameter.name, parameter.of)?;
        }
        f.write_str(")")?;
        self.result.as_ref().map_or(Ok(()), |result| write!(f, " -> {result}"))
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn optional(shape: Option<&Shape>) -> String {
            shape.map_or_else(|| "_".to_owned(), ToString::to_string)
        }
        fn names<T>(named: &[Named<T>]) -> String {
            named.iter().map(|named| named.name.as_str()).collect::<Vec<_>>().join(", ")
        }
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int(int) => f.write_str(int.as_str()),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("list<u8>"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::FixedList(item, length) => write!(f, "list<{item}, {length}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Tuple(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "tuple<{}>", items.join(", "))
            }
            Self::Record(fields) => write!(f, "record {{ {} }}", names(fields)),
            Self::Variant(cases) => write!(f, "variant {{ {} }}", names(cases)),
            Self::Enum(cases) => write!(f, "enum {{ {} }}", names(cases)),
            Self::Flags(flags) => write!(f, "flags {{ {} }}", names(flags)),
            Self::Option(some) => write!(f, "option<{some}>"),
            Self::Result(None, None) => f.write_str("result"),
            Self::Result(ok, err) => write!(f, "result<{}, {}>", optional(ok.as_deref()), optional(err.as_deref())),
        }
    }
}

/// Why a type has no shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shapeless {
    /// It stands for something that lives in the component, of which JSON knows nothing.
    #[error("it has the type {0}, which has no JSON: only values can cross")]
    NoJson(&'static str),
    /// It nests too deep.
    #[error("its types nest deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// It names too many types.
    #[error("it is made of more than {TYPES_MAX} types, each counted wherever it is named")]
    TooMany,
}

/// Counts types while shapes are made of them.
#[derive(Debug, Default)]
pub struct Budget {
    types: usize,
    depth: usize,
}

impl Budget {
    /// Makes one shape with `make`, which makes those within it.
    ///
    /// # Errors
    ///
    /// When there are too many, or too many within each other; what `make` gives.
    pub fn within<T>(&mut self, make: impl FnOnce(&mut Self) -> Result<T, Shapeless>) -> Result<T, Shapeless> {
        self.types += 1;
        if self.types > TYPES_MAX {
            return Err(Shapeless::TooMany);
        }
        if self.depth == DEPTH_MAX {
            return Err(Shapeless::TooDeep);
        }
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }
}
