//! What a component carries of its WIT's documentation: the section `package-docs`, as `wit-parser` writes it.
//!
//! It is read here and not there: who puts it into a component names worlds and packages as they were before, and
//! `wit-parser` refuses a component whole when it misses one of them.

use serde_json::Value;
use wasmparser::{Parser, Payload};
use wit_parser::PackageMetadata;

/// Documentation by names; empty where there is none.
#[derive(Debug, Default)]
pub(super) struct Docs(Value);

impl Docs {
    /// Takes the sections out of a component, and reads the first.
    pub(super) fn take(component: &mut [u8]) -> Self {
        let (mut docs, mut places, mut depth) = (None, Vec::new(), 0_usize);
        for payload in Parser::new(0).parse_all(component).flatten() {
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) if depth == 1 && section.name() == PackageMetadata::SECTION_NAME => {
                    // A version's byte, then JSON: other versions have said the same things in the same places.
                    docs = docs.or_else(|| serde_json::from_slice(section.data().get(1..)?).ok());
                    places.push(section.data_offset() - section.name().len()..section.data_offset());
                }
                _ => {}
            }
        }
        for place in places {
            // Of the same length, and nobody's.
            if let Some(name) = component.get_mut(place) {
                name.fill(b'-');
            }
        }
        Self(docs.unwrap_or_default())
    }

    /// Of a function, of an interface by its own name or of the world.
    pub(super) fn function(&self, interface: Option<&str>, function: &str) -> String {
        let of_world = |world: &Value| {
            let functions = |key: &str| text(&world[key][function]);
            functions("func_exports").or_else(|| functions("funcs"))
        };
        let found = match interface {
            Some(interface) => text(&self.0["interfaces"][interface]["funcs"][function]),
            None => self.worlds().find_map(of_world),
        };
        found.unwrap_or_default()
    }

    /// Of a field, case or flag of a type.
    pub(super) fn item(&self, interface: Option<&str>, ty: &str, item: &str) -> String {
        let of = |types: &Value| text(&types["types"][ty]["items"][item]);
        let found = match interface {
            Some(interface) => of(&self.0["interfaces"][interface]),
            None => self.worlds().find_map(of),
        };
        found.unwrap_or_default()
    }

    fn worlds(&self) -> impl Iterator<Item = &Value> {
        self.0["worlds"].as_object().into_iter().flat_map(serde_json::Map::values)
    }
}

/// Either the text itself, or an object that has it among other things.
fn text(documented: &Value) -> Option<String> {
    let text = documented.as_str().or_else(|| documented["docs"].as_str())?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documentation_is_found_by_names() {
        let docs = Docs(json!({
            "worlds": {"any": {"func_exports": {"one": "First. "}, "funcs": {"two": {"docs": "Second."}}}},
            "interfaces": {"api": {"funcs": {"one": "Third."}, "types": {"t": {"docs": "T", "items": {"a": "An a."}}}}},
        }));
        assert_eq!(docs.function(None, "one"), "First.");
        assert_eq!(docs.function(None, "two"), "Second.");
        assert_eq!(docs.function(Some("api"), "one"), "Third.");
        assert_eq!(docs.item(Some("api"), "t", "a"), "An a.");
        assert_eq!(docs.item(None, "t", "a") + &docs.function(Some("other"), "one"), "");
    }

    #[test]
    fn a_section_that_is_none_says_nothing() {
        let section = |data: &[u8]| {
            let mut component = b"\0asm\x0d\0\x01\0".to_vec();
            component.extend([0, u8::try_from(13 + data.len()).unwrap(), 12]);
            component.extend(b"package-docs");
            component.extend(data);
            component
        };
        for data in [&b""[..], b"\x01", b"\x01[1]", b"\x01{\"interfaces\": 1}", b"\x01{"] {
            let mut component = section(data);
            let docs = Docs::take(&mut component);
            assert_eq!(docs.function(Some("a"), "b") + &docs.function(None, "b"), "");
            assert!(!component.windows(12).any(|name| name == b"package-docs"));
        }
    }
}
