//! What a JSON Schema costs to check a value against, before it is checked: neither fuel nor a deadline stops a
//! validator, and a schema of a few kilobytes can ask for more steps than there is time.
//!
//! A visit is one schema held to one value. References make trees of a schema, and branches multiply them; a schema that
//! refers to itself does the same level by level of the value. So visits are counted twice: at admission, each reference
//! followed once, which finds schemas that cost too much for any value; and for each value, by going where a validator
//! would at most go, and no further than it may.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Visits that a schema may ask for of a value whose members and elements are all there once.
pub(super) const SCHEMA_VISITS_MAX: u64 = 10_000;
/// Schemas and values within each other on the way to a visit: bounds the validator's stack.
pub(super) const DEPTH_MAX: usize = 512;
/// Patterns in a schema: each is compiled.
pub(super) const PATTERNS_MAX: usize = 64;
/// Bytes of a text that a pattern of [`PATTERN_BYTES`] looks at for the cost of a visit.
const TEXT_BYTES_PER_VISIT: u64 = 16;
/// A pattern's size, compiled, that costs nothing on top.
const PATTERN_BYTES: u64 = 16 << 10;

/// Keywords that change what a reference means, or that are looked up where a value is met. None is needed by a schema
/// that stands by itself.
const FOREIGN: [&str; 4] = ["$id", "$schema", "$dynamicRef", "$recursiveRef"];

/// A schema, as far as it decides what is visited.
#[derive(Debug)]
pub(super) struct Visits(Vec<Node>);

/// One schema within it.
#[derive(Debug, Default)]
struct Node {
    /// What it costs by itself.
    own: u64,
    /// The sizes of its patterns, over [`PATTERN_BYTES`].
    patterns: u64,
    /// Schemas that are held to the same value.
    same: Vec<usize>,
    /// To a member of this name.
    named: HashMap<String, usize>,
    /// To each member.
    members: Vec<usize>,
    /// To each member's name.
    names: Vec<usize>,
    /// To the element at this place.
    places: Vec<usize>,
    /// To each element.
    elements: Vec<usize>,
    /// It asks which members or elements others looked at: these are visited once more for that.
    looks_again: bool,
    /// It compares all elements.
    compares: bool,
}

/// How far a schema was unfolded.
#[derive(Clone, Copy)]
enum Unfolded {
    No,
    /// It is on the way from the root to what is looked at now.
    Begun,
    Done(u64),
}

/// What a schema is held to.
#[derive(Clone, Copy)]
enum Held<'a> {
    Value(&'a Value),
    /// The name of a member.
    Name(&'a str),
}

impl Visits {
    /// Reads `schema`.
    ///
    /// # Errors
    ///
    /// In words that go behind "the schema": when it does not stand by itself, or costs too much whatever it is held to.
    pub(super) fn of(schema: &Value, weigh: impl Fn(&str) -> u64) -> Result<Self, String> {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            if FOREIGN[2..].contains(&keyword.as_str()) && value.is_string() {
                return Err(format!("has a {keyword}: refer with $ref and a path from its root"));
            }
            stands_by_itself(value)?;
        }
        let mut reader = Reader { root: schema, nodes: Vec::new(), known: HashMap::new(), patterns: 0, weigh };
        reader.read(schema)?;
        let visits = Self(reader.nodes);
        match visits.unfolded(0, 0, &mut vec![Unfolded::No; visits.0.len()]) {
            Some(count) if count <= SCHEMA_VISITS_MAX => Ok(visits),
            _ => Err(format!(
                "takes more than {SCHEMA_VISITS_MAX} steps to check, each reference followed, or has more than \
                 {DEPTH_MAX} levels then"
            )),
        }
    }

    /// Visits where each reference is followed, but for those that lead back to where it comes from. `None`: too deep.
    fn unfolded(&self, place: usize, depth: usize, known: &mut [Unfolded]) -> Option<u64> {
        match known[place] {
            Unfolded::Done(count) => return Some(count),
            Unfolded::Begun => return Some(1),
            Unfolded::No if depth == DEPTH_MAX => return None,
            Unfolded::No => known[place] = Unfolded::Begun,
        }
        let node = &self.0[place];
        let below = [&node.same, &node.members, &node.names, &node.places, &node.elements];
        let mut count = node.own;
        for below in below.into_iter().flatten().chain(node.named.values()) {
            count = count.saturating_add(self.unfolded(*below, depth + 1, known)?);
        }
        known[place] = Unfolded::Done(count);
        Some(count)
    }

    /// Whether holding the schema to `value` takes no more than `max` visits.
    pub(super) fn fit(&self, value: &Value, max: u64) -> bool {
        Counter { nodes: &self.0, left: max }.visit(0, Held::Value(value), 0).is_some()
    }
}

/// Whether nothing below the root has a name or a dialect of its own.
fn stands_by_itself(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(stands_by_itself),
        Value::Object(members) => members.iter().try_for_each(|(keyword, value)| {
            if FOREIGN.contains(&keyword.as_str()) && value.is_string() {
                return Err(format!("has a {keyword} below its root: refer with $ref and a path from its root"));
            }
            stands_by_itself(value)
        }),
        _ => Ok(()),
    }
}

/// Makes nodes of schemas, one of each.
struct Reader<'a, W> {
    root: &'a Value,
    nodes: Vec<Node>,
    known: HashMap<*const Value, usize>,
    patterns: usize,
    weigh: W,
}

impl<'a, W: Fn(&str) -> u64> Reader<'a, W> {
    /// The place of `schema`'s node. References are followed from a list, so that a chain of them takes no stack.
    fn read(&mut self, schema: &'a Value) -> Result<usize, String> {
        let first = self.place(schema, &mut Vec::new());
        let mut waiting = vec![schema];
        while let Some(schema) = waiting.pop() {
            let place = self.known[&std::ptr::from_ref(schema)];
            self.nodes[place] = self.node(schema, &mut waiting)?;
        }
        Ok(first)
    }

    fn place(&mut self, schema: &'a Value, waiting: &mut Vec<&'a Value>) -> usize {
        let next = self.nodes.len();
        let place = *self.known.entry(std::ptr::from_ref(schema)).or_insert(next);
        if place == next {
            self.nodes.push(Node::default());
            waiting.push(schema);
        }
        place
    }

    fn node(&mut self, schema: &'a Value, waiting: &mut Vec<&'a Value>) -> Result<Node, String> {
        let mut node = Node { own: 1, ..Node::default() };
        let Value::Object(keywords) = schema else { return Ok(node) };
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("$ref", Value::String(reference)) => node.same.push(self.place(self.target(reference)?, waiting)),
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    node.same.extend(schemas.iter().map(|schema| self.place(schema, waiting)));
                }
                ("not" | "if" | "then" | "else" | "contentSchema", schema) => {
                    node.same.push(self.place(schema, waiting));
                }
                ("dependentSchemas" | "dependencies", Value::Object(schemas)) => {
                    node.same.extend(schemas.values().map(|schema| self.place(schema, waiting)));
                }
                ("properties", Value::Object(schemas)) => {
                    node.own += schemas.len() as u64;
                    let named = schemas.iter().map(|(name, schema)| (name.clone(), self.place(schema, waiting)));
                    node.named = named.collect();
                }
                ("patternProperties", Value::Object(schemas)) => {
                    for (pattern, schema) in schemas {
                        node.patterns += self.pattern(pattern)?;
                        node.members.push(self.place(schema, waiting));
                    }
                }
                ("additionalProperties", schema) => node.members.push(self.place(schema, waiting)),
                ("unevaluatedProperties", schema) => {
                    node.looks_again = true;
                    node.members.push(self.place(schema, waiting));
                }
                ("propertyNames", schema) => node.names.push(self.place(schema, waiting)),
                ("prefixItems", Value::Array(schemas)) => {
                    node.places = schemas.iter().map(|schema| self.place(schema, waiting)).collect();
                }
                ("items" | "contains", schema) => node.elements.push(self.place(schema, waiting)),
                ("unevaluatedItems", schema) => {
                    node.looks_again = true;
                    node.elements.push(self.place(schema, waiting));
                }
                ("pattern", Value::String(pattern)) => node.patterns += self.pattern(pattern)?,
                ("uniqueItems", Value::Bool(true)) => node.compares = true,
                ("enum" | "const" | "required" | "dependentRequired" | "dependencies", value) => {
                    node.own += values(value);
                }
                // Notes for people, and comparisons that take no time.
                _ => {}
            }
        }
        Ok(node)
    }

    /// What a pattern's size adds.
    fn pattern(&mut self, pattern: &str) -> Result<u64, String> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(format!("has more than {PATTERNS_MAX} patterns"));
        }
        Ok((self.weigh)(pattern).div_ceil(PATTERN_BYTES).max(1))
    }

    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let refused = || {
            let shown: String = reference.chars().take(80).filter(|c| !c.is_control()).collect();
            format!("is no schema that stands by itself: {shown:?} is no path from its root, such as \"#/$defs/name\"")
        };
        let path = reference.strip_prefix('#').ok_or_else(refused)?;
        let path = percent_decode_str(path).decode_utf8().map_err(|_| refused())?;
        self.root.pointer(&path).ok_or_else(refused)
    }
}

/// Values within `value`, with itself.
fn values(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(values).sum::<u64>(),
        _ => 1,
    }
}

/// Counts down.
struct Counter<'a> {
    nodes: &'a [Node],
    left: u64,
}

impl<'a> Counter<'a> {
    fn spend(&mut self, visits: u64) -> Option<()> {
        self.left = self.left.checked_sub(visits)?;
        Some(())
    }

    fn visit(&mut self, place: usize, held: Held<'a>, depth: usize) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        let node = &self.nodes[place];
        self.spend(node.own)?;
        for same in &node.same {
            self.visit(*same, held, depth + 1)?;
        }
        if node.looks_again {
            self.look_again(place, held, depth)?;
        }
        match held {
            Held::Name(text) => self.match_patterns(node, text),
            Held::Value(Value::String(text)) => self.match_patterns(node, text),
            Held::Value(Value::Array(items)) => {
                if node.compares {
                    self.spend(items.iter().map(values).sum())?;
                }
                for (place, item) in node.places.iter().zip(items) {
                    self.visit(*place, Held::Value(item), depth + 1)?;
                }
                for place in &node.elements {
                    for item in items {
                        self.visit(*place, Held::Value(item), depth + 1)?;
                    }
                }
                Some(())
            }
            Held::Value(Value::Object(members)) => {
                for (name, value) in members {
                    self.match_patterns(node, name)?;
                    if let Some(place) = node.named.get(name) {
                        self.visit(*place, Held::Value(value), depth + 1)?;
                    }
                    for place in &node.members {
                        self.visit(*place, Held::Value(value), depth + 1)?;
                    }
                    for place in &node.names {
                        self.visit(*place, Held::Name(name), depth + 1)?;
                    }
                }
                Some(())
            }
            Held::Value(_) => Some(()),
        }
    }

    /// What is held to the same value is asked once more what it looked at, and all that it holds to it in turn.
    fn look_again(&mut self, place: usize, held: Held<'a>, depth: usize) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        for same in &self.nodes[place].same {
            self.visit(*same, held, depth + 1)?;
            self.look_again(*same, held, depth + 1)?;
        }
        Some(())
    }

    fn match_patterns(&mut self, node: &Node, text: &str) -> Option<()> {
        self.spend((text.len() as u64 / TEXT_BYTES_PER_VISIT).saturating_mul(node.patterns))
    }
}

#[cfg(test)]
mod tests;
