//! What a tool's function looks like, and why another one is refused.

use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, PathArguments, ReturnType, Signature, Type, parse_quote};

/// The two types of a tool.
pub(crate) struct Types {
    /// Of its argument, where it takes one.
    pub(crate) argument: Option<Type>,
    /// Of its answer; of a `Result`, what it holds when all went well.
    pub(crate) answer: Type,
    /// Of its error, where it returns a `Result`.
    pub(crate) error: Option<Type>,
}

/// Reads a function's types, or says everything that is wrong with it.
pub(crate) fn read(signature: &Signature) -> Result<Types, Error> {
    let mut faults = Faults(None);
    if let Some(token) = &signature.asyncness {
        faults.add(
            token,
            "a tool is not async: it runs alone in its instance, and capabilities answer when they are done",
        );
    }
    if let Some(token) = &signature.constness {
        faults.add(token, "a tool is not const");
    }
    if !matches!(signature.safety, syn::Safety::Default) {
        faults.add(&signature.safety, "a tool is an ordinary function: callers give JSON, and can promise nothing");
    }
    if let Some(abi) = &signature.abi {
        faults.add(abi, "a tool is an ordinary function: tools! exports it");
    }
    if !signature.generics.params.is_empty() {
        faults.add(&signature.generics.params, "a tool has no generic parameters: agents see one schema");
    }
    for argument in signature.inputs.iter().skip(1) {
        faults.add(
            argument,
            "a tool takes one argument: put the others into a struct that derives serde::Deserialize and \
             schemars::JsonSchema",
        );
    }
    if let Some(dots) = &signature.variadic {
        faults.add(dots, "a tool takes one argument");
    }
    let argument = signature.inputs.first().and_then(|argument| match argument {
        FnArg::Receiver(receiver) => {
            faults.add(receiver, "a tool is a function of its own, not a method");
            None
        }
        FnArg::Typed(typed) => Some(by_value(&typed.ty, "takes its argument", &mut faults)),
    });
    let answer = match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, answer) => by_value(answer, "gives its answer", &mut faults),
    };
    let (answer, error) = match in_result(&answer) {
        Some((inner, error)) => (inner, Some(error)),
        None => (answer, None),
    };
    match faults.0 {
        Some(error) => Err(error),
        None => Ok(Types { argument, answer, error }),
    }
}

/// The two types of a `Result`, by whatever path it is named: a type that is called so is one. An alias of one parameter
/// stands for the error by itself.
fn in_result(answer: &Type) -> Option<(Type, Type)> {
    let Type::Path(path) = answer else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Result")?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    let mut types = generics.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner.clone()),
        _ => None,
    });
    let inner = types.next()?;
    Some((inner, types.next().unwrap_or_else(|| parse_quote!(_))))
}

fn by_value(written: &Type, what: &str, faults: &mut Faults) -> Type {
    match written {
        Type::Reference(_) => faults.add(written, &format!("a tool {what} by value, not by reference")),
        Type::ImplTrait(_) => faults.add(written, &format!("a tool {what} as a type that has a name")),
        _ => {}
    }
    written.clone()
}

/// All that was found, so that an author sees it at once.
struct Faults(Option<Error>);

impl Faults {
    fn add(&mut self, at: &impl Spanned, text: &str) {
        let error = Error::new(at.span(), text);
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }
}
