//! What stands in the parentheses of `#[tool(…)]`.

use syn::meta::ParseNestedMeta;
use syn::{Error, LitStr, Result};

/// The options, as they were written.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) read_only: bool,
    pub(crate) destructive: bool,
    pub(crate) idempotent: bool,
    pub(crate) title: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
}

impl Options {
    /// Takes one option.
    pub(crate) fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("read_only") {
            self.contradicts(meta, self.destructive)?;
            return flag(meta, &mut self.read_only);
        }
        if meta.path.is_ident("destructive") {
            self.contradicts(meta, self.read_only)?;
            return flag(meta, &mut self.destructive);
        }
        if meta.path.is_ident("idempotent") {
            return flag(meta, &mut self.idempotent);
        }
        if meta.path.is_ident("title") {
            let title = text(meta, &mut self.title)?;
            if title.value().trim().is_empty() {
                return Err(Error::new(title.span(), "an empty title says nothing: leave it out"));
            }
            return Ok(());
        }
        if meta.path.is_ident("name") {
            let name = text(meta, &mut self.name)?;
            return check_name(&name.value()).map_err(|reason| Error::new(name.span(), reason));
        }
        Err(meta.error(
            "unknown option; there are `read_only`, `destructive`, `idempotent`, `title = \"…\"` and `name = \"…\"`",
        ))
    }

    fn contradicts(&self, meta: &ParseNestedMeta<'_>, other: bool) -> Result<()> {
        if other { Err(meta.error("a tool is `read_only` or `destructive`, not both")) } else { Ok(()) }
    }
}

fn flag(meta: &ParseNestedMeta<'_>, given: &mut bool) -> Result<()> {
    if !meta.input.is_empty() && !meta.input.peek(syn::Token![,]) {
        return Err(meta.error("takes no value: it is claimed by its name alone"));
    }
    if std::mem::replace(given, true) { Err(twice(meta)) } else { Ok(()) }
}

fn text(meta: &ParseNestedMeta<'_>, given: &mut Option<LitStr>) -> Result<LitStr> {
    let value: LitStr = meta.value()?.parse()?;
    if given.replace(value.clone()).is_some() { Err(twice(meta)) } else { Ok(value) }
}

fn twice(meta: &ParseNestedMeta<'_>) -> Error {
    meta.error("given twice")
}

/// The contract's rule for names.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), String> {
    let is_slug = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-')
        && !name.contains("--");
    match (is_slug, name.len()) {
        (true, ..=64) => Ok(()),
        (true, length) => Err(format!("the tool's name has {length} characters; the limit is 64")),
        (false, _) => Err(format!(
            "{name:?} cannot be a tool's name: a name is made of a-z, 0-9 and single `-`, begins with a letter and does \
             not end with `-`"
        )),
    }
}
