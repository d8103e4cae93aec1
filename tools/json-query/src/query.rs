//! From a query's text to its results.

use cofferdam_sdk::Error;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data};
use jaq_json::Val;

type Data = data::JustLut<Val>;

/// Runs `query` on `document`, and gives each result to `take` until that says `false`.
///
/// # Errors
///
/// [`Error::invalid_arguments`] where the query is none, [`Error::failed`] where it fails, and what `take` fails with.
pub(crate) fn run(query: &str, document: Val, mut take: impl FnMut(Val) -> Result<bool, Error>) -> Result<(), Error> {
    let filter = compile(query)?;
    let context = Ctx::<Data>::new(&filter.lut, Vars::new([]));
    for result in filter.id.run((context, document)) {
        let value = match result {
            Ok(value) => value,
            Err(exception) => match exception.get_err() {
                Ok(error) => return Err(Error::failed(format!("the query failed: {}", reason(error)))),
                // `halt`: it ends here.
                Err(_) => return Ok(()),
            },
        };
        if !take(value)? {
            return Ok(());
        }
    }
    Ok(())
}

/// What the query itself gives to `error` is shown as it is: text without quotes.
fn reason(error: jaq_core::Error<Val>) -> String {
    match error.into_val() {
        Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
        other => other.to_string(),
    }
}

fn compile(query: &str) -> Result<Filter<Data>, Error> {
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code: query, path: () })
        .map_err(|errors| refuse(errors.iter().flat_map(|(_, error)| syntax(query, error)).collect()))?;
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
        refuse(
            errors
                .iter()
                .flat_map(|(_, undefined)| undefined)
                .map(|(name, kind)| format!("there is no {} {name}{}", kind.as_str(), place(query, name)))
                .collect(),
        )
    })
}

fn refuse(faults: Vec<String>) -> Error {
    Error::invalid_arguments(format!("`query`: {}", faults.join("; ")))
}

fn syntax(query: &str, error: &load::Error<&str>) -> Vec<String> {
    let unexpected = |expected: &str, found: &str| {
        let what = if found.is_empty() { "the query ends".to_owned() } else { format!("there is {found:?}") };
        format!("{what} where {expected} is expected{}", place(query, found))
    };
    match error {
        load::Error::Io(modules) => {
            modules.iter().map(|(name, _)| format!("there are no modules, so no {name:?}")).collect()
        }
        load::Error::Lex(faults) => {
            faults.iter().map(|(expected, found)| unexpected(expected.as_str(), head(found))).collect()
        }
        load::Error::Parse(faults) => {
            faults.iter().map(|(expected, found)| unexpected(expected.as_str(), found)).collect()
        }
    }
}

/// A lexer's fault spans the rest of the query: its first character is where it is.
fn head(found: &str) -> &str {
    let end = found.chars().next().map_or(0, char::len_utf8);
    &found[..end]
}

/// Where in the query, in characters from 1; nowhere for what is not a part of it.
fn place(query: &str, part: &str) -> String {
    let start = load::span(query, part).start;
    match query.get(..start) {
        Some(before) => format!(", at character {}", before.chars().count() + 1),
        None => String::new(),
    }
}
