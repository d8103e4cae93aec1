//! Functions of a component's own WIT package: each is a tool, its parameters the members of the arguments.

use std::collections::BTreeMap;

use wasmtime::Store;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, InstancePre, Val};

use super::Answered;
use crate::capability::effects::Stop;
use crate::engine::Run;
use crate::engine::output::{Content, RawDefinition, ToolOutput};
use crate::engine::state::State;
use crate::engine::typed::{self, Shape, Signature, schema};
use crate::error::{Code, Error};

/// Where a function is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The interface, as the component exports it; absent at the root.
    pub interface: Option<String>,
    /// The function's own name.
    pub function: String,
}

impl Place {
    /// Whether an interface of that name is the component's own: what others standardised are no tools of its.
    pub fn is_own(interface: &str) -> bool {
        !["wasi:", "cofferdam:"].iter().any(|namespace| interface.starts_with(namespace))
    }

    /// `package-interface-function`, with as much of it as `with_package` says; of what is at the root, the function.
    fn tool_name(&self, with_package: bool) -> String {
        let Some(interface) = &self.interface else { return self.function.to_lowercase() };
        let path = interface.split('@').next().unwrap_or(interface);
        let (package, interface) = path.split_once('/').unwrap_or(("", path));
        let package = package.rsplit(':').next().filter(|name| with_package && !name.is_empty());
        let words = package.into_iter().chain([interface, &self.function]);
        words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface}#{}", self.function),
            None => f.write_str(&self.function),
        }
    }
}

/// The names that functions have as tools, in the same order: interface and function, and the package before them where
/// two would have the same.
pub fn tool_names(places: &[Place]) -> Vec<String> {
    let mut count = BTreeMap::<String, usize>::new();
    for place in places {
        *count.entry(place.tool_name(false)).or_default() += 1;
    }
    places.iter().map(|place| place.tool_name(count[&place.tool_name(false)] > 1)).collect()
}

/// What a function is to an agent.
pub fn definition(name: String, place: &Place, docs: &str, signature: &Signature) -> RawDefinition {
    let description = match docs.trim() {
        "" => {
            let mut text = format!("Calls the function {place} of the component: {signature}.");
            text.truncate(text.floor_char_boundary(DESCRIPTION_MADE_BYTES_MAX));
            text
        }
        docs => docs.to_owned(),
    };
    RawDefinition {
        name,
        title: None,
        description,
        input_schema: schema::input(signature).to_string(),
        output_schema: schema::output(signature).map(|schema| schema.to_string()),
        hints: Default::default(),
    }
}

/// A description that is made of a signature, in bytes.
const DESCRIPTION_MADE_BYTES_MAX: usize = 1 << 10;

/// A component's functions, by the names that they have as tools.
pub(in crate::engine) struct Functions {
    pre: InstancePre<State>,
    functions: BTreeMap<String, Function>,
}

struct Function {
    index: ComponentExportIndex,
    signature: Signature,
}

impl Functions {
    pub(super) fn of(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        let component = pre.component();
        let ty = component.component_type();
        let mut found: Vec<(Place, ComponentFunc)> = Vec::new();
        for (name, export) in ty.exports(pre.engine()) {
            match export.ty {
                ComponentItem::ComponentFunc(function) => {
                    found.push((Place { interface: None, function: name.to_owned() }, function));
                }
                ComponentItem::ComponentInstance(instance) if Place::is_own(name) => {
                    for (function, export) in instance.exports(pre.engine()) {
                        if let ComponentItem::ComponentFunc(ty) = export.ty {
                            let interface = Some(name.to_owned());
                            found.push((Place { interface, function: function.to_owned() }, ty));
                        }
                    }
                }
                _ => {}
            }
        }
        let (places, types): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let names = tool_names(&places);
        let mut functions = BTreeMap::new();
        for ((place, ty), name) in places.iter().zip(types).zip(names) {
            let interface = place.interface.as_ref().and_then(|name| component.get_export_index(None, name));
            let index = component.get_export_index(interface.as_ref(), &place.function);
            let index = index.ok_or_else(|| wasmtime::format_err!("{place} is not where it was"))?;
            let signature = typed::signature(&ty).map_err(|error| wasmtime::format_err!("{place}: {error}"))?;
            functions.insert(name, Function { index, signature });
        }
        Ok(Self { pre, functions })
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        self.pre.engine()
    }

    pub(super) async fn call(&self, store: &mut Store<State>, run: &Run) -> wasmtime::Result<Answered> {
        let Some(Function { index, signature }) = self.functions.get(run.definition.as_str()) else {
            return Ok(Err(Error::internal(format_args!("a component has no function for {}", run.definition))));
        };
        let parameters = match parameters(signature, run) {
            Ok(parameters) => parameters,
            Err(error) => return Ok(Err(error)),
        };
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let function = instance.get_func(&mut *store, index);
        let function = function.ok_or_else(|| wasmtime::format_err!("a function is not where it was"))?;
        let mut results = vec![Val::Bool(false); usize::from(signature.result.is_some())];
        function.call_async(store, &parameters, &mut results).await?;
        answer(signature, results.pop(), run.limits.result_bytes)
    }
}

fn parameters(signature: &Signature, run: &Run) -> Result<Vec<Val>, Error> {
    let arguments = super::arguments(run)?;
    typed::read(&signature.parameters, &arguments, run.limits.hostcall_bytes).map_err(|misfit| {
        if misfit.is_too_large {
            let maximum = run.limits.hostcall_bytes;
            return Error::new(
                Code::LimitExceeded,
                format!("the arguments are more values than may be passed to a tool at once: limits.hostcall_bytes is {maximum}"),
            )
            .next("send less in one call, or raise limits.hostcall_bytes in the policy")
            .fact("limit", "hostcall_bytes")
            .fact("maximum", maximum);
        }
        super::misfit(run, &misfit.to_string())
    })
}

/// What the function gave: text for a `string`, JSON for anything else. The bad case of a `result` is an answer that
/// says that the work failed.
fn answer(signature: &Signature, value: Option<Val>, bytes_max: u64) -> wasmtime::Result<Answered> {
    let is_error = matches!(value, Some(Val::Result(Err(_))));
    let (shape, value) = match (&signature.result, value) {
        (Some(Shape::Result(ok, err)), Some(Val::Result(value))) => {
            let (shape, value) = match value {
                Ok(value) => (ok, value),
                Err(value) => (err, value),
            };
            (shape.as_deref(), value.map(|value| *value))
        }
        (shape, value) => (shape.as_ref(), value),
    };
    let content = match (shape, value) {
        (Some(Shape::String), Some(Val::String(text))) => vec![Content::Text(text)],
        (Some(shape), Some(value)) => match typed::write(shape, &value, bytes_max) {
            Ok(Some(json)) => vec![Content::Json(json)],
            Ok(None) => return Err(Stop::LimitExceeded { which: "result_bytes", limit: bytes_max }.into()),
            Err(error) => return Ok(Err(Error::internal(error))),
        },
        _ => Vec::new(),
    };
    Ok(Ok(ToolOutput { content, is_error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        match text.split_once('#') {
            Some((interface, function)) => {
                Place { interface: Some(interface.to_owned()), function: function.to_owned() }
            }
            None => Place { interface: None, function: text.to_owned() },
        }
    }

    #[test]
    fn tools_are_named_by_interface_and_function_and_by_package_where_that_is_not_enough() {
        let names = |places: &[&str]| tool_names(&places.iter().map(|text| place(text)).collect::<Vec<_>>());
        assert_eq!(names(&["add", "get-URL", "math#mul"]), ["add", "get-url", "math-mul"]);
        assert_eq!(
            names(&["a:one/calc@1.2.0#add", "a:two/calc#add", "a:two/calc#sub"]),
            ["one-calc-add", "two-calc-add", "calc-sub"]
        );
    }

    #[test]
    fn what_others_standardised_is_not_a_components_own() {
        assert!(Place::is_own("acme:calc/math@1.0.0") && Place::is_own("math"));
        assert!(!Place::is_own("wasi:cli/run@0.2.0") && !Place::is_own("cofferdam:tool/tools@1.0.0"));
    }
}
