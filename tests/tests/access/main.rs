//! Who may do what: access rules in Cedar, beside policy, asked alike by listing, explaining and calling.
#![allow(clippy::unwrap_used, reason = "tests")]

mod agree;
mod attacks;
mod change;
mod halves;
mod locks;

use cofferdam_tests::{Answer, Client};
use reqwest::header::CONTENT_TYPE;

/// Puts access rules in force.
async fn apply(client: &Client, rules: &str) -> Answer {
    let request = client.request("PUT", "/v1/policy/access").header(CONTENT_TYPE, "text/plain");
    client.send(request.body(rules.to_owned())).await
}

/// Numbers that follow from the first (xorshift).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// A policy of some kind for packages of these names.
fn policy(chance: &mut Chance, packages: &[&str]) -> String {
    let mut text = String::new();
    if chance.one_in(2) {
        text += &format!("[tools]\nallow = [\"{}\", \"{}\"]\n", chance.of(&["*", "catalogue/*"]), chance.of(packages));
        if chance.one_in(2) {
            text += &format!("deny = [\"{}\"]\n", chance.of(packages));
        }
    }
    for _ in 0..chance.below(3) {
        text += &format!("[[grant]]\ntools = [\"{}\", \"catalogue/limits\"]\n", chance.of(packages));
        if chance.one_in(2) {
            let access = chance.of(&["read-only", "read-write"]);
            text += &format!("kv = [{{ bucket = \"b\", access = \"{access}\" }}]\n");
        }
        if chance.one_in(2) {
            let methods = chance.of(&["\"GET\"", "\"GET\", \"POST\""]);
            text += &format!("http = [{{ host = \"api.example.com\", methods = [{methods}] }}]\n");
        }
    }
    text
}

/// Access rules of some kind about calls, for packages of these names and the keys `one` and `two`.
fn rules(chance: &mut Chance, packages: &[&str]) -> String {
    let mut text = String::new();
    for _ in 0..chance.below(5) {
        let effect = chance.of(&["permit", "forbid"]);
        let principal = chance.of(&["principal", "principal in Scope::\"agent\"", "principal in Scope::\"operator\""]);
        let resource = match chance.below(3) {
            0 => format!("resource in Package::\"{}\"", chance.of(packages)),
            _ => "resource".to_owned(),
        };
        let condition = chance.of(&[
            "",
            " when { principal.name == \"one\" }",
            " unless { principal.name == \"two\" }",
            " when { resource.risk == \"low\" }",
            " when { resource.open_world || !resource.read_only }",
            " when { resource.origin == \"own\" }",
            " when { resource.name like \"*.kv-*\" }",
            " when { context.hour + 9223372036854775807 > 0 && principal.name == \"two\" }",
        ]);
        text += &format!("{effect} ({principal}, action == Action::\"call\", {resource}){condition};\n");
    }
    text
}
