//! Tables for people: columns that line up, whatever is in them.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use super::style::{QUIET, paint};

/// Between two columns.
const GAP: usize = 2;

/// Rows under a heading. Cells may be styled; width is what a terminal shows.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    indent: usize,
}

impl Table {
    /// A table with these columns and no row.
    pub(super) fn new<const N: usize>(headings: [&'static str; N]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), right: Vec::new(), indent: 0 }
    }

    /// A table of names and values, without headings.
    pub(super) fn plain() -> Self {
        Self { headings: Vec::new(), rows: Vec::new(), right: Vec::new(), indent: 0 }
    }

    /// Columns of numbers, by their place from 0.
    #[must_use]
    pub(super) fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// Spaces before each row.
    #[must_use]
    pub(super) fn indent(mut self, spaces: usize) -> Self {
        self.indent = spaces;
        self
    }

    /// Adds a row; cells are texts of this program or have been through [`super::style::plain`].
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Whether it has no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Columns that a terminal takes for `text`.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(UnicodeWidthStr::width).sum()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings: Vec<String> = self.headings.iter().map(|heading| paint(QUIET, heading)).collect();
        let rows = Some(&headings).filter(|headings| !headings.is_empty()).into_iter().chain(&self.rows);
        let mut widths = Vec::<usize>::new();
        for row in rows.clone() {
            widths.resize(widths.len().max(row.len()), 0);
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        for row in rows {
            let mut line = " ".repeat(self.indent);
            let mut owed = 0;
            for (column, cell) in row.iter().enumerate() {
                let padding = widths[column] - width(cell);
                let before = if self.right.contains(&column) { padding } else { 0 };
                // Padding is written only when something follows it: no line ends in spaces.
                if !cell.is_empty() {
                    line.push_str(&" ".repeat(owed + before));
                    line.push_str(cell);
                    owed = padding - before + GAP;
                } else {
                    owed += padding + GAP;
                }
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::cli::style::{GOOD, framed, plain};

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let mut table = Table::new(["NAME", "CALLS", "STATE"]).right(&[1]).indent(2);
        table.row(["acme".to_owned(), "1,024".to_owned(), paint(GOOD, "active")]);
        table.row(["日本".to_owned(), "7".to_owned(), plain("\x1b[31mx").into_owned()]);
        table.row(["x".to_owned(), String::new(), "suspended".to_owned()]);
        expect![[r#"
            |  NAME  CALLS  STATE
            |  acme  1,024  active
            |  日本      7  \u{1b}[31mx
            |  x            suspended
        "#]]
        .assert_eq(&framed(&table.to_string()));
    }
}
