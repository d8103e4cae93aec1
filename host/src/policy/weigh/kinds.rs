//! Each kind of grant: what the rows of a file add up to, and the lesser of the two files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Given, Scale, ask_platform, snippet};
use crate::policy::decide::Layer;
use crate::policy::grant::{Clock, Grant, GrantKind, LogLevel, Random};
use crate::policy::rows::{At, CeilingGives, TenantGives};

/// A kind that is one word of an order.
struct Word<T> {
    kind: GrantKind,
    /// Of two words of one file, the wider.
    wider: fn(T, T) -> T,
    /// Of the words of both files, the lesser.
    lesser: fn(T, T) -> T,
    /// The word that gives nothing.
    nothing: Option<T>,
    tenant: fn(&TenantGives) -> Option<&At<T>>,
    ceiling: fn(&CeilingGives) -> Option<&At<T>>,
    words: fn(T) -> &'static str,
}

const CLOCK: Word<Clock> = Word {
    kind: GrantKind::Clock,
    wider: Clock::max,
    lesser: Clock::min,
    nothing: Some(Clock::Frozen),
    tenant: |gives| gives.clock.as_ref(),
    ceiling: |gives| gives.clock.as_ref(),
    words: |clock| match clock {
        Clock::Frozen => "clocks stand still at the call's start",
        Clock::Coarse => "clocks show the time, by the millisecond",
        Clock::Real => "clocks show the time",
    },
};

const RANDOM: Word<Random> = Word {
    kind: GrantKind::Random,
    wider: Random::max,
    lesser: Random::min,
    nothing: Some(Random::Seeded),
    tenant: |gives| gives.random.as_ref(),
    ceiling: |gives| gives.random.as_ref(),
    words: |random| match random {
        Random::Seeded => "random bytes follow from the call's id",
        Random::Secure => "random bytes come from the operating system",
    },
};

const LOG: Word<LogLevel> = Word {
    kind: GrantKind::Log,
    // More is kept from the less severe level on.
    wider: LogLevel::min,
    lesser: LogLevel::max,
    nothing: None,
    tenant: |gives| gives.log.as_ref(),
    ceiling: |gives| gives.log.as_ref(),
    words: |level| match level {
        LogLevel::Trace => "log lines are kept, all of them",
        LogLevel::Debug => "log lines are kept, from debug on",
        LogLevel::Info => "log lines are kept, from info on",
        LogLevel::Warn => "log lines are kept, from warn on",
        LogLevel::Error => "log lines are kept, from error on",
        LogLevel::Critical => "log lines are kept, critical ones alone",
    },
};

impl Scale<'_> {
    /// Gives of `kind` what both files and the package let through. Both files speak of it.
    pub(super) fn give(&mut self, kind: GrantKind) {
        match kind {
            GrantKind::Http => self.http(),
            GrantKind::Kv => self.buckets(),
            GrantKind::Files => self.volumes(),
            GrantKind::Clock => {
                if let Some(clock) = self.word(&CLOCK) {
                    self.grants.clock = Grant::new(clock);
                }
            }
            GrantKind::Random => {
                if let Some(random) = self.word(&RANDOM) {
                    self.grants.random = Grant::new(random);
                }
            }
            GrantKind::Log => self.grants.log = self.word(&LOG).map(Grant::new),
            GrantKind::Config => self.config(),
            GrantKind::Call => self.calls(),
            GrantKind::Model => self.models(),
            GrantKind::Prompt => self.prompts(),
        }
    }

    /// The lesser of what each file adds up to.
    fn word<T: Copy + PartialEq>(&mut self, word: &Word<T>) -> Option<T> {
        let (kind, layers) = (word.kind, &self.layers);
        let tenant_rows = layers.tenant_rows.iter().filter_map(|row| Some((*row, (word.tenant)(&row.gives)?)));
        let ceiling_rows = layers.ceiling_rows.iter().filter_map(|row| Some((*row, (word.ceiling)(&row.gives)?)));
        let tenant = tenant_rows.clone().map(|(_, at)| at.value).reduce(word.wider)?;
        let ceiling = ceiling_rows.clone().map(|(_, at)| at.value).reduce(word.wider)?;
        let given = (word.lesser)(tenant, ceiling);

        let rows = tenant_rows.clone().map(|(row, _)| layers.row_name(row)).collect();
        let tenant_by: Vec<String> = tenant_rows.map(|(row, at)| layers.tenant_source(row, kind, at.line)).collect();
        let ceiling_by: Vec<String> = ceiling_rows.map(|(row, at)| layers.ceiling_source(row, kind, at.line)).collect();
        let package = layers.subject.package;
        let what = (word.words)(given).to_owned();
        let nothing = word.nothing == Some(given);
        if given != tenant {
            let (said, rule) = (format!("the policy grants more, but {what}"), ceiling_by.first().cloned());
            let withhold = if nothing { Self::withhold_all } else { Self::withhold };
            withhold(self, kind, Layer::Ceiling, said, rule.unwrap_or_default(), ask_platform(package, kind));
        } else if nothing {
            let rule = tenant_by.first().cloned().unwrap_or_default();
            self.withhold_all(kind, Layer::Policy, what.clone(), rule, snippet(package, &[kind]));
        }
        if nothing {
            return None;
        }
        let by = tenant_by.into_iter().chain(ceiling_by).collect();
        self.given.push(Given { kind, name: String::new(), what, rows, by });
        Some(given)
    }

    fn config(&mut self) {
        let (kind, layers) = (GrantKind::Config, &self.layers);
        let mut settings = BTreeMap::new();
        let (mut rows, mut by) = (Vec::new(), Vec::new());
        for row in &layers.tenant_rows {
            let Some(at) = &row.gives.config else { continue };
            rows.push(layers.row_name(row));
            by.push(layers.tenant_source(row, kind, at.line));
            // The parser has seen to it that a setting has one value.
            settings.extend(at.value.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        by.extend(layers.ceiling_sources(kind));
        // Names of settings, never their values: explanations are for more eyes than the policy's.
        let keys: Vec<&str> = settings.keys().map(String::as_str).collect();
        let what = if keys.is_empty() { "no settings".to_owned() } else { format!("settings {}", keys.join(", ")) };
        self.given.push(Given { kind, name: String::new(), what, rows, by });
        self.grants.config = Grant::new(Arc::new(settings));
    }
}
