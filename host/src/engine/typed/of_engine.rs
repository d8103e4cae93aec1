//! Shapes of the types of a loaded component.

use wasmtime::component::types::{ComponentFunc, Type};

use super::{Budget, Int, Named, Shape, Shapeless, Signature};

/// What the function takes and gives.
pub(in crate::engine) fn signature(function: &ComponentFunc) -> Result<Signature, Shapeless> {
    let mut budget = Budget::default();
    let parameters = function.params().map(|(name, ty)| Ok(Named::new(name, shape(&ty, &mut budget)?)));
    let parameters = parameters.collect::<Result<_, Shapeless>>()?;
    let result = function.results().next().map(|ty| shape(&ty, &mut budget)).transpose()?;
    Ok(Signature { parameters, result })
}

fn shape(ty: &Type, budget: &mut Budget) -> Result<Shape, Shapeless> {
    budget.within(|budget| {
        let mut boxed = |ty: &Type| shape(ty, budget).map(Box::new);
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::Int(Int::S8),
            Type::U8 => Shape::Int(Int::U8),
            Type::S16 => Shape::Int(Int::S16),
            Type::U16 => Shape::Int(Int::U16),
            Type::S32 => Shape::Int(Int::S32),
            Type::U32 => Shape::Int(Int::U32),
            Type::S64 => Shape::Int(Int::S64),
            Type::U64 => Shape::Int(Int::U64),
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => match list.ty() {
                Type::U8 => Shape::Bytes,
                item => Shape::List(boxed(&item)?),
            },
            Type::FixedLengthList(list) => Shape::FixedList(boxed(&list.ty())?, list.len()),
            Type::Map(map) => Shape::Map(boxed(&map.key())?, boxed(&map.value())?),
            Type::Record(record) => {
                let field = |field: wasmtime::component::types::Field<'_>| {
                    Ok(Named::new(field.name, shape(&field.ty, budget)?))
                };
                Shape::Record(record.fields().map(field).collect::<Result<_, Shapeless>>()?)
            }
            Type::Tuple(tuple) => {
                Shape::Tuple(tuple.types().map(|ty| shape(&ty, budget)).collect::<Result<_, Shapeless>>()?)
            }
            Type::Variant(variant) => {
                let case = |case: wasmtime::component::types::Case<'_>| {
                    Ok(Named::new(case.name, case.ty.map(|ty| shape(&ty, budget)).transpose()?))
                };
                Shape::Variant(variant.cases().map(case).collect::<Result<_, Shapeless>>()?)
            }
            Type::Enum(cases) => Shape::Enum(cases.names().map(|name| Named::new(name, ())).collect()),
            Type::Flags(flags) => Shape::Flags(flags.names().map(|name| Named::new(name, ())).collect()),
            Type::Option(option) => Shape::Option(boxed(&option.ty())?),
            Type::Result(result) => {
                let ok = result.ok().map(|ty| boxed(&ty)).transpose()?;
                Shape::Result(ok, result.err().map(|ty| boxed(&ty)).transpose()?)
            }
            Type::Own(_) => return Err(Shapeless::NoJson("own resource")),
            Type::Borrow(_) => return Err(Shapeless::NoJson("borrowed resource")),
            Type::Future(_) => return Err(Shapeless::NoJson("future")),
            Type::Stream(_) => return Err(Shapeless::NoJson("stream")),
            Type::ErrorContext => return Err(Shapeless::NoJson("error-context")),
        })
    })
}
