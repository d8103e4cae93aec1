//! A share changed in a policy's text, and nothing else: comments, order and form stay.

use std::str::FromStr;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::cli::{Failure, Result};
use crate::error::Error;
use crate::id::{RouteName, ToolRequest};
use crate::policy::Policy;
use crate::policy::route::Route;

/// A share as it was written: it stands so in the policy.
#[derive(Debug, Clone)]
pub(super) struct Share(Value);

impl Share {
    /// Of no key.
    pub(super) fn none() -> Self {
        Self(Value::from(0))
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:.40?} is no share: write a part of all keys from 0 to 1, such as 0.1");
        let value: Value = text.parse().map_err(|_| invalid())?;
        let (Value::Integer(_) | Value::Float(_)) = value else { return Err(invalid()) };
        // Whether it is a share that a policy can have, the policy's own parser says.
        let policy = format!("[[route]]\nname = \"a\"\nchoices = [{{ tool = \"a\", share = {text} }}]\n");
        Policy::parse(&policy).map_err(|_| invalid())?;
        Ok(Self(value.decorated("", "")))
    }
}

/// The place of a choice, from zero, that is named by its number from one or by its tool.
pub(super) fn place(route: &Route, choice: &str) -> Result<usize> {
    let number = choice.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    if let Some(place) = number.filter(|place| *place < route.choices.len()) {
        return Ok(place);
    }
    let unclear = |message: String| Err(Failure::usage(message, "name it by its number: `cofferdam routes show`"));
    let Ok(tool) = choice.parse::<ToolRequest>() else {
        return unclear(format!(
            "routes/{} has {} choices, and none is {choice:.80?}",
            route.name,
            route.choices.len()
        ));
    };
    let mut named = route.choices.iter().enumerate().filter(|(_, known)| known.tool == tool).map(|(place, _)| place);
    match (named.next(), named.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => unclear(format!("several choices of routes/{} are {tool}", route.name)),
        (None, _) => unclear(format!("no choice of routes/{} is {tool}", route.name)),
    }
}

/// The text with this share in these choices of the route.
pub(super) fn share(text: &str, name: &RouteName, places: &[usize], share: &Share) -> Result<String> {
    let mut document: DocumentMut = text.parse().map_err(Error::internal)?;
    for place in places {
        let choice = choice(document.get_mut("route"), name, *place);
        // The host's own parser has found it there.
        let choice =
            choice.ok_or_else(|| Error::internal(format_args!("choice {place} of {name} is not in the text")))?;
        put(choice, &share.0);
    }
    Ok(document.to_string())
}

/// A choice as it is written.
enum Choice<'a> {
    Table(&'a mut Table),
    Inline(&'a mut InlineTable),
}

/// Lists are written in line or as tables of their own; either may hold either.
fn choice<'a>(routes: Option<&'a mut Item>, name: &RouteName, place: usize) -> Option<Choice<'a>> {
    let is_it = |route: &dyn TableLike| route.get("name").and_then(Item::as_str) == Some(name.as_str());
    let route: &mut dyn TableLike = match routes? {
        Item::ArrayOfTables(routes) => routes.iter_mut().find(|route| is_it(*route))?,
        Item::Value(Value::Array(routes)) => {
            let mut routes = routes.iter_mut().filter_map(Value::as_inline_table_mut);
            routes.find(|route| is_it(*route))?
        }
        _ => return None,
    };
    match route.get_mut("choices")? {
        Item::ArrayOfTables(choices) => choices.get_mut(place).map(Choice::Table),
        Item::Value(Value::Array(choices)) => choices.get_mut(place)?.as_inline_table_mut().map(Choice::Inline),
        _ => None,
    }
}

/// Puts the share in, with what stands around the one before.
fn put(choice: Choice<'_>, share: &Value) {
    let in_place = |value: &mut Value| {
        let decor = value.decor().clone();
        *value = share.clone();
        *value.decor_mut() = decor;
    };
    match choice {
        Choice::Table(table) => match table.get_mut("share").and_then(Item::as_value_mut) {
            Some(value) => in_place(value),
            None => _ = table.insert("share", Item::Value(share.clone().decorated(" ", ""))),
        },
        Choice::Inline(table) => match table.get_mut("share") {
            Some(value) => in_place(value),
            None => {
                // The space before the brace belongs to the value that was the last one.
                let mut space = String::new();
                if let Some((_, last)) = table.iter_mut().last() {
                    space = last.decor().suffix().and_then(|suffix| suffix.as_str()).unwrap_or_default().to_owned();
                    last.decor_mut().set_suffix("");
                }
                table.insert("share", share.clone().decorated(" ", space));
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const POLICY: &str = r#"# Ours.
[limits]
fuel = 2_000_000_000   # plenty

[[route]]  # the first
name = "count"
choices = [
    { tool = "new@2", share = 0.1, max_risk = "medium" }, # a canary
    { tool = "old@1" },
]

[[route]]
name = "tables"
[[route.choices]]
tool = "new"
share   =   0.25 # of all
[[route.choices]]
tool = "old"
"#;

    fn changed(name: &str, places: &[usize], to: &str) -> String {
        share(POLICY, &name.parse().unwrap(), places, &to.parse().unwrap()).unwrap()
    }

    fn difference(after: &str) -> String {
        let lines = POLICY.lines().zip(after.lines());
        assert_eq!(POLICY.lines().count(), after.lines().count());
        lines.filter(|(before, after)| before != after).map(|(_, after)| format!("{}\n", after.trim())).collect()
    }

    #[test]
    fn only_the_share_is_another_one() {
        expect![[r#"
            { tool = "new@2", share = 0.5, max_risk = "medium" }, # a canary
        "#]]
        .assert_eq(&difference(&changed("count", &[0], "0.5")));
        expect![[r#"
            share   =   0 # of all
        "#]]
        .assert_eq(&difference(&changed("tables", &[0], "0")));
        expect![[r#"
            { tool = "old@1", share = 1.0 },
        "#]]
        .assert_eq(&difference(&changed("count", &[1], "1.0")));
        let inline = "route = [{ name = \"a\", choices = [{ tool = \"b\" }] }]\n";
        let after = share(inline, &"a".parse().unwrap(), &[0], &Share::none()).unwrap();
        assert_eq!(after, "route = [{ name = \"a\", choices = [{ tool = \"b\", share = 0 }] }]\n");
        Policy::parse(&after).unwrap();
    }

    #[test]
    fn a_choice_is_named_by_number_or_tool() {
        let policy = Policy::parse(POLICY).unwrap();
        let route = policy.route(&"count".parse().unwrap()).unwrap();
        for (text, expected) in [("1", 0), ("2", 1), ("new@2", 0), ("old@1", 1)] {
            assert_eq!(place(route, text).unwrap(), expected, "{text}");
        }
        for text in ["0", "3", "-1", "new", "../x", ""] {
            assert!(place(route, text).is_err(), "{text}");
        }
    }

    /// Refused, where it is anything but a plain number: it is written into a policy.
    #[test]
    fn hostile_text_is_no_share() {
        for text in ["0.1", "0", "1", "1.0", "0.000001"] {
            assert!(text.parse::<Share>().is_ok(), "{text}");
        }
        for text in ["", "2", "-0.1", "10%", "\"0.1\"", "0.1 }, { tool = \"evil\"", "0.1\n", "nan", "[0]", "0.0000001"]
        {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
