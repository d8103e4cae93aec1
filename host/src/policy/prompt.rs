//! Prompt templates: texts of a tenant's policy with parameters in braces. What a parameter holds is put in as it is and
//! never looked at again, so no value can name another parameter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

/// A rendered prompt, in bytes. A template can name a parameter often, so that its values do not bound it.
pub const PROMPT_BYTES_MAX: usize = 1 << 20;
/// A parameter's name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// A template, read.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    parameters: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Parameter(String),
}

/// Why a template cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTemplate(String);

/// Why a template gives no prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// It names parameters that were not given.
    #[error("the prompt wants the parameter {0:?} too")]
    Missing(String),
    /// Parameters were given that it does not name.
    #[error("the prompt has no parameter {0:?}")]
    Unknown(String),
    /// The prompt would be too long.
    #[error("the prompt would have more than {PROMPT_BYTES_MAX} bytes")]
    TooLong,
}

impl Template {
    /// Reads a text: `{name}` is a parameter, `{{` and `}}` are braces.
    ///
    /// # Errors
    ///
    /// What is wrong with its braces.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let invalid = |what: &str| Err(InvalidTemplate(format!("{what}; a brace itself is written twice")));
        let (mut parts, mut parameters) = (Vec::new(), BTreeSet::new());
        let (mut plain, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(behind) = from.strip_prefix("{{") {
                plain.push('{');
                rest = behind;
            } else if let Some(behind) = from.strip_prefix("}}") {
                plain.push('}');
                rest = behind;
            } else if from.starts_with('}') {
                return invalid("there is a } without a {");
            } else {
                let Some((name, behind)) = from.get(1..).and_then(|from| from.split_once('}')) else {
                    return invalid("there is a { without a }");
                };
                if !is_name(name) {
                    let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
                    return invalid(&format!(
                        "{{{shown}}} is no parameter: a name has 1 to 64 lower-case letters, digits and '_'"
                    ));
                }
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Parameter(name.to_owned()));
                parameters.insert(name.to_owned());
                rest = behind;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts, parameters })
    }

    /// What was read, in its one spelling; for comparing.
    pub(super) fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Part::Parameter(name) => format!("{{{name}}}"),
        };
        self.parts.iter().map(part).collect()
    }

    /// The parameters that it names, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(String::as_str)
    }

    /// The prompt with these parameters: all that it names, and no others.
    ///
    /// # Errors
    ///
    /// The first parameter that is missing or not known, or that the prompt would be too long.
    pub fn render(&self, values: &BTreeMap<String, String>) -> Result<String, RenderError> {
        if let Some(name) = values.keys().find(|name| !self.parameters.contains(*name)) {
            return Err(RenderError::Unknown(name.chars().take(NAME_BYTES_MAX).collect()));
        }
        let mut prompt = String::new();
        for part in &self.parts {
            let text = match part {
                Part::Text(text) => text,
                Part::Parameter(name) => values.get(name).ok_or_else(|| RenderError::Missing(name.clone()))?,
            };
            if prompt.len() + text.len() > PROMPT_BYTES_MAX {
                return Err(RenderError::TooLong);
            }
            prompt.push_str(text);
        }
        Ok(prompt)
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// What it names, and nothing of its text: prompts are shown by nothing.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_value_is_put_in_as_it_is() {
        let template = Template::parse("{{\"text\": {text}}} {tone} {text}").unwrap();
        assert_eq!(template.parameters().collect::<Vec<_>>(), ["text", "tone"]);
        let given = values(&[("text", "{tone} }}"), ("tone", "dry")]);
        assert_eq!(template.render(&given).unwrap(), "{\"text\": {tone} }}} dry {tone} }}");
        assert_eq!(template.render(&values(&[("text", "a")])), Err(RenderError::Missing("tone".into())));
        let more = values(&[("text", "a"), ("tone", "b"), ("x", "c")]);
        assert_eq!(template.render(&more), Err(RenderError::Unknown("x".into())));
    }

    #[test]
    fn what_a_template_comes_to_is_bounded_however_often_it_names_a_parameter() {
        let template = Template::parse(&"{x}".repeat(1_000)).unwrap();
        assert!(template.render(&values(&[("x", &"y".repeat(1_000))])).is_ok());
        assert_eq!(template.render(&values(&[("x", &"y".repeat(2_000))])), Err(RenderError::TooLong));
    }

    #[test]
    fn braces_that_do_not_fit_are_told() {
        for (text, said) in [
            ("a { b", "without a }"),
            ("a } b", "without a {"),
            ("{}", "is no parameter"),
            ("{Text}", "is no parameter"),
            ("{a{b}", "is no parameter"),
        ] {
            let told = Template::parse(text).unwrap_err().to_string();
            assert!(told.contains(said), "{text}: {told}");
        }
        assert_eq!(Template::parse("").unwrap().render(&BTreeMap::new()).unwrap(), "");
        // Nothing of its text shows.
        assert!(!format!("{:?}", Template::parse("secret {x}").unwrap()).contains("secret"));
    }
}
