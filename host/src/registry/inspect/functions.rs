//! Tools that are functions: read from the component's own WIT types, and from its documentation where it carries any.

use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Function, FunctionKind, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem};

use super::Rejection;
use super::docs::Docs;
use crate::engine::kinds::functions::{Place, definition, tool_names};
use crate::engine::output::RawDefinition;
use crate::engine::typed::{Budget, Int, Named, Shape, Shapeless, Signature};
use crate::registry::definitions::DEFINITIONS_MAX;

/// The component's functions, each as a tool.
///
/// # Errors
///
/// Every function that cannot be one, with the type that is in the way; none at all; too many of them.
pub(super) fn definitions(bytes: &[u8]) -> Result<Vec<RawDefinition>, Rejection> {
    let mut bytes = bytes.to_vec();
    let docs = Docs::take(&mut bytes);
    let decoded = decode(&bytes).map_err(|error| Rejection::because(format!("its WIT cannot be read: {error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(Rejection::because("it holds types alone: a WIT package, not a component that can run"));
    };
    let functions = own(&resolve, &resolve.worlds[world]);
    if functions.is_empty() {
        return Err(Rejection::because(
            "it exports no function of its own, no program (wasi:cli/run) and no HTTP handler (wasi:http): nothing \
             that could be called",
        ));
    }
    if functions.len() > DEFINITIONS_MAX {
        return Err(Rejection::because(format!(
            "it exports {} functions; the limit is {DEFINITIONS_MAX}: split it into several components",
            functions.len()
        )));
    }
    let places: Vec<Place> = functions.iter().map(|(place, _)| place.clone()).collect();
    let mut definitions = Vec::new();
    let mut reasons = Vec::new();
    for ((place, function), name) in functions.iter().zip(tool_names(&places)) {
        match signature(&resolve, &docs, function) {
            Ok(signature) => {
                let interface = place.interface.as_deref().map(own_name);
                let docs = docs.function(interface, &place.function);
                definitions.push(definition(name, place, &docs, &signature));
            }
            Err(reason) => reasons.push(format!("the function {place}: {reason}")),
        }
    }
    if reasons.is_empty() { Ok(definitions) } else { Err(Rejection::new(reasons)) }
}

/// An interface's name without package and version.
fn own_name(interface: &str) -> &str {
    let path = interface.split('@').next().unwrap_or(interface);
    path.split_once('/').map_or(path, |(_, name)| name)
}

/// What a world exports and no one else standardised.
fn own<'a>(resolve: &'a Resolve, world: &'a wit_parser::World) -> Vec<(Place, &'a Function)> {
    let mut functions = Vec::new();
    for (key, item) in &world.exports {
        match item {
            WorldItem::Function(function) => {
                functions.push((Place { interface: None, function: function.name.clone() }, function));
            }
            WorldItem::Interface { id, .. } => {
                let interface = resolve.name_world_key(key);
                if Place::is_own(&interface) {
                    for function in resolve.interfaces[*id].functions.values() {
                        let place = Place { interface: Some(interface.clone()), function: function.name.clone() };
                        functions.push((place, function));
                    }
                }
            }
            WorldItem::Type { .. } => {}
        }
    }
    functions
}

fn signature(resolve: &Resolve, docs: &Docs, function: &Function) -> Result<Signature, String> {
    match function.kind {
        FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => {}
        FunctionKind::Method(id)
        | FunctionKind::AsyncMethod(id)
        | FunctionKind::Static(id)
        | FunctionKind::AsyncStatic(id)
        | FunctionKind::Constructor(id) => {
            return Err(format!(
                "it belongs to the resource {}, and a resource lives in a component, of which nothing outlives a call: \
                 export functions that take and give values",
                name(resolve, id)
            ));
        }
    }
    let mut reader = Reader { resolve, docs, budget: Budget::default(), met: None };
    let parameters = function.params.iter().map(|parameter| {
        Ok(Named::new(
            parameter.name.clone(),
            reader
                .shape(&parameter.ty)
                .map_err(|reason| format!("its parameter {}: {}", parameter.name, reader.explain(&reason)))?,
        ))
    });
    let parameters = parameters.collect::<Result<_, String>>()?;
    let result = function.result.as_ref().map(|ty| reader.shape(ty)).transpose();
    let result = result.map_err(|reason| format!("its result: {}", reader.explain(&reason)))?;
    Ok(Signature { parameters, result })
}

fn name(resolve: &Resolve, id: TypeId) -> String {
    resolve.types[id].name.clone().unwrap_or_else(|| "without a name".to_owned())
}

struct Reader<'a> {
    resolve: &'a Resolve,
    docs: &'a Docs,
    budget: Budget,
    /// The type in the way, by its name.
    met: Option<String>,
}

impl Reader<'_> {
    fn explain(&self, reason: &Shapeless) -> String {
        match &self.met {
            Some(name) => format!("{reason} ({name})"),
            None => reason.to_string(),
        }
    }

    fn shape(&mut self, ty: &Type) -> Result<Shape, Shapeless> {
        let mut budget = std::mem::take(&mut self.budget);
        let made = budget.within(|budget| {
            std::mem::swap(&mut self.budget, budget);
            let made = self.unbounded(ty);
            std::mem::swap(&mut self.budget, budget);
            made
        });
        self.budget = budget;
        made
    }

    fn boxed(&mut self, ty: &Type) -> Result<Box<Shape>, Shapeless> {
        self.shape(ty).map(Box::new)
    }

    fn optional(&mut self, ty: Option<&Type>) -> Result<Option<Box<Shape>>, Shapeless> {
        ty.map(|ty| self.boxed(ty)).transpose()
    }

    fn unbounded(&mut self, ty: &Type) -> Result<Shape, Shapeless> {
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::U8 => Shape::Int(Int::U8),
            Type::U16 => Shape::Int(Int::U16),
            Type::U32 => Shape::Int(Int::U32),
            Type::U64 => Shape::Int(Int::U64),
            Type::S8 => Shape::Int(Int::S8),
            Type::S16 => Shape::Int(Int::S16),
            Type::S32 => Shape::Int(Int::S32),
            Type::S64 => Shape::Int(Int::S64),
            Type::F32 => Shape::F32,
            Type::F64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::ErrorContext => return Err(Shapeless::NoJson("error-context")),
            Type::Id(id) => self.defined(*id)?,
        })
    }

    fn defined(&mut self, id: TypeId) -> Result<Shape, Shapeless> {
        let resolve = self.resolve;
        let documentation = self.docs;
        let (ty, interface) = (
            &resolve.types[id],
            match resolve.types[id].owner {
                TypeOwner::Interface(id) => resolve.interfaces[id].name.as_deref(),
                TypeOwner::World(_) | TypeOwner::None => None,
            },
        );
        let docs = |item: &str| documentation.item(interface, ty.name.as_deref().unwrap_or_default(), item);
        let mut none = |kind| {
            self.met = resolve.types[id].name.clone();
            Err(Shapeless::NoJson(kind))
        };
        Ok(match &resolve.types[id].kind {
            // An alias is what it stands for, and no level of its own.
            TypeDefKind::Type(ty) => self.unbounded(ty)?,
            TypeDefKind::List(Type::U8) => Shape::Bytes,
            TypeDefKind::List(item) => match self.boxed(item)? {
                item if *item == Shape::Int(Int::U8) => Shape::Bytes,
                item => Shape::List(item),
            },
            TypeDefKind::FixedLengthList(item, length) => Shape::FixedList(self.boxed(item)?, *length),
            TypeDefKind::Map(key, value) => Shape::Map(self.boxed(key)?, self.boxed(value)?),
            TypeDefKind::Tuple(tuple) => {
                Shape::Tuple(tuple.types.iter().map(|ty| self.shape(ty)).collect::<Result<_, _>>()?)
            }
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                for field in &record.fields {
                    fields.push(Named {
                        name: field.name.clone(),
                        docs: docs(&field.name),
                        of: self.shape(&field.ty)?,
                    });
                }
                Shape::Record(fields)
            }
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::new();
                for case in &variant.cases {
                    let of = case.ty.as_ref().map(|ty| self.shape(ty)).transpose()?;
                    cases.push(Named { name: case.name.clone(), docs: docs(&case.name), of });
                }
                Shape::Variant(cases)
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter();
                Shape::Enum(
                    cases.map(|case| Named { name: case.name.clone(), docs: docs(&case.name), of: () }).collect(),
                )
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags.flags.iter();
                Shape::Flags(
                    flags.map(|flag| Named { name: flag.name.clone(), docs: docs(&flag.name), of: () }).collect(),
                )
            }
            TypeDefKind::Option(some) => Shape::Option(self.boxed(some)?),
            TypeDefKind::Result(result) => {
                let ok = self.optional(result.ok.as_ref())?;
                Shape::Result(ok, self.optional(result.err.as_ref())?)
            }
            TypeDefKind::Resource => return none("resource"),
            TypeDefKind::Handle(wit_parser::Handle::Own(resource)) => {
                self.met = resolve.types[*resource].name.clone();
                return Err(Shapeless::NoJson("own resource"));
            }
            TypeDefKind::Handle(wit_parser::Handle::Borrow(resource)) => {
                self.met = resolve.types[*resource].name.clone();
                return Err(Shapeless::NoJson("borrowed resource"));
            }
            TypeDefKind::Future(_) => return none("future"),
            TypeDefKind::Stream(_) => return none("stream"),
            TypeDefKind::Unknown => return none("unknown type"),
        })
    }
}
