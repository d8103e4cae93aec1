//! The reference page of the command line, docs/cli.md: made from the commands themselves and checked in.

use std::fmt::Write as _;

use super::exit;

/// Columns of the help on the page.
const WIDTH: usize = 100;

/// The page, as Markdown.
pub(super) fn page() -> String {
    let mut text = String::from(
        "# The command line\n\nMade from the commands' own help; `cofferdam COMMAND --help` says the same.\n\n",
    );
    let _ = writeln!(
        text,
        "With `--json`, a command prints one JSON document on standard output (streams print one a line), \
        and a failure is one\n[problem document](https://www.rfc-editor.org/rfc/rfc9457) on standard error. Progress and \
        remarks go to standard error.\n"
    );
    let _ = writeln!(text, "```text\n{}\n```\n", exit::HELP);
    let mut command = super::command().term_width(WIDTH);
    command.build();
    for command in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        section(&mut text, command, "cofferdam", 2);
    }
    text
}

fn section(text: &mut String, command: &mut clap::Command, parent: &str, level: usize) {
    let name = format!("{parent} {}", command.get_name());
    let help = command.render_long_help().to_string();
    // Said once for all, above.
    let help = help.replace(exit::HELP, "").replace("\n\n\n", "\n\n");
    let _ = writeln!(text, "{} `{name}`\n", "#".repeat(level));
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = writeln!(text, "```text\n{}\n```\n", lines.join("\n"));
    for inner in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        section(text, inner, &name, level + 1);
    }
}
