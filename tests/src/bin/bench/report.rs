//! Rows: what was measured, beside what, and whether a target holds.

use std::fmt;

use serde::Serialize;

/// Everything that was measured in this run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    target: Option<String>,
    holds: Option<bool>,
    beside: Vec<String>,
}

impl Report {
    /// A figure that no target is set for.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &'static str) {
        let name = name.to_owned();
        self.rows.push(Row { name, value, unit, target: None, holds: None, beside: Vec::new() });
    }

    /// A figure that is to be at least, at most, or between, something; `beside` are the rows it was measured with.
    pub(crate) fn target(&mut self, name: &str, value: f64, unit: &'static str, target: Target, beside: &[&str]) {
        self.rows.push(Row {
            name: name.to_owned(),
            value,
            unit,
            target: Some(target.to_string()),
            holds: Some(target.holds(value)),
            beside: beside.iter().map(|name| (*name).to_owned()).collect(),
        });
    }

    /// A line below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Whether no target is missed.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds != Some(false))
    }

    /// The rows, as an array.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.rows).unwrap()
    }
}

/// The value in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Neither less than the first nor more than the second.
    Between(f64, f64),
}

impl Target {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Between(least, most) => (least..=most).contains(&value),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least:.2}"),
            Self::AtMost(most) => write!(f, "at most {most:.2}"),
            Self::Between(least, most) => write!(f, "{least:.2} to {most:.2}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        for row in &self.rows {
            write!(f, "{:width$}  {:>12.2} {:<8}", row.name, row.value, row.unit)?;
            if let (Some(target), Some(holds)) = (&row.target, row.holds) {
                write!(f, "  {target}: {}", if holds { "holds" } else { "DOES NOT HOLD" })?;
            }
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
