use std::path::Path;

use clap::Parser as _;

use super::*;

#[test]
fn the_command_line_is_well_formed() {
    command().debug_assert();
}

/// A log's public key, for the examples that name one.
const VKEY: &str = "cofferdam.example/acme/3f9a0c52d1e84b7a+5988fd12+AT8D+vTUws/7W1gOqSGbdDXrrmt3jPAqTrHAstWiE4z5";

#[test]
fn every_command_has_examples_and_they_all_parse() {
    fn examples(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if command.get_name() != "cofferdam" {
            assert!(after.contains("Examples:\n"), "{path} has no examples");
        }
        found.extend(after.lines().filter_map(|line| line.strip_prefix("  cofferdam ")).map(str::to_owned));
    }
    let mut found = Vec::new();
    for command in command().get_subcommands() {
        examples(command, command.get_name(), &mut found);
    }
    assert!(found.len() > 30, "{found:?}");
    for example in found {
        // As a shell would fill it in.
        let example = example.replace("$VKEY", VKEY);
        let words = std::iter::once("cofferdam".to_owned()).chain(split(&example));
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{example}\n{error}");
        }
    }
}

/// Words as a shell would make them, up to a pipe or a redirection.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => (quote, begun) = (Some(c), true),
            (Some(open), c) if c == open => quote = None,
            (None, ' ') if begun => {
                words.push(std::mem::take(&mut word));
                begun = false;
            }
            (None, ' ') => {}
            (None, '|' | '>') => return words,
            _ => {
                word.push(c);
                begun = true;
            }
        }
    }
    words.extend(begun.then_some(word));
    words
}

#[test]
fn the_checked_in_reference_is_the_commands() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(&path, reference::page()).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(checked_in, reference::page(), "run this test with UPDATE=1 to bless docs/cli.md");
}
