//! Limits, quotas, times and budgets that the ceiling cuts, and such as bound nothing or let nothing in.

use std::time::Duration;

use super::{Warnings, word};
use crate::amounts::{Amount, BUDGETS, Bound};
use crate::limits::CallLimits;
use crate::policy::approval::ApprovalRules;
use crate::policy::budget::{BudgetRules, Stated};
use crate::policy::cache::{BYTES_CAP_DEFAULT, CacheRules};
use crate::policy::http::EgressQuotas;
use crate::policy::limits::{LIMITS, LimitsPatch};
use crate::policy::parse::{LimitLines, duration_words, size_words};
use crate::policy::plan::AdmissionRules;
use crate::policy::rows::{AuditCap, AuditRules, EgressRules};
use crate::policy::words;

impl Warnings {
    /// Limits that the ceiling cuts.
    pub(super) fn limits(&mut self, stated: &LimitsPatch, lines: &LimitLines, ceiling: &CallLimits) {
        for (nth, limit) in LIMITS.iter().enumerate() {
            let (Some(value), most) = (stated.0.get(&nth).copied(), (limit.get)(ceiling)) else { continue };
            if value > most {
                let message = format!("{} is cut to the ceiling's {}", limit.words(value), limit.words(most));
                self.add(lines.get(&nth).copied().flatten(), format!("limits.{}", limit.name), message);
            }
        }
    }

    /// Quotas that the ceiling cuts.
    pub(super) fn egress(&mut self, stated: &EgressRules, cap: &EgressQuotas) {
        for (((key, stated), (_, cap)), line) in stated.quotas.by_key().into_iter().zip(cap.by_key()).zip(stated.lines)
        {
            if let (Some(stated), Some(most)) = (stated, cap)
                && stated > most
            {
                let message = format!("{} is cut to the ceiling's {}", words::count(stated), words::count(most));
                self.add(line, format!("egress.{key}"), message);
            }
        }
    }

    /// What nothing waits by, and times that the ceiling cuts.
    pub(super) fn approval(&mut self, asked: &ApprovalRules, cap: &ApprovalRules) {
        let words = |time: Duration| duration_words(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        if !asked.except.is_empty() && asked.from_risk.is_none() {
            self.add(asked.line, "approval.except", "without from_risk no call waits for its risk".to_owned());
        }
        if let (Some(at), Some(most)) = (&asked.time, &cap.time)
            && at.value > most.value
        {
            let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most.value));
            self.add(at.line, "approval.time", message);
        }
    }

    /// What the ceiling cuts of the answers that are kept.
    pub(super) fn cache(&mut self, asked: &CacheRules, cap: &CacheRules) {
        let words = |time: Duration| duration_words(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let none = asked.tools.is_empty();
        if let Some(line) =
            asked.time.as_ref().map(|at| at.line).or(asked.bytes_max.as_ref().map(|at| at.line)).filter(|_| none)
        {
            self.add(line, "cache", "it names no tools, so no answer is kept".to_owned());
        }
        if let (Some(at), Some(most)) = (&asked.time, &cap.time)
            && at.value > most.value
        {
            let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most.value));
            self.add(at.line, "cache.time", message);
        }
        let most = cap.bytes_max.as_ref().map_or(BYTES_CAP_DEFAULT, |most| most.value);
        if let Some(at) = asked.bytes_max.as_ref().filter(|at| at.value > most) {
            let message = format!("{} is cut to the ceiling's {}", size_words(at.value), size_words(most));
            self.add(at.line, "cache.bytes_max", message);
        }
    }

    /// Priorities that the ceiling cuts.
    pub(super) fn admission(&mut self, stated: &AdmissionRules, cap: &AdmissionRules) {
        if let (Some(at), Some(most)) = (&stated.priority_max, &cap.priority_max)
            && at.value > most.value
        {
            self.add(at.line, "admission.priority_max", format!("it is cut to the ceiling's {}", word(most.value)));
        }
    }

    /// Budgets that the ceiling cuts, that no call fits into, and rows that say nothing.
    pub(super) fn budgets(&mut self, stated: &BudgetRules, cap: &BudgetRules, limits: &CallLimits) {
        for (nth, at) in &stated.all {
            let Some(key) = BUDGETS.get(*nth) else { continue };
            let words = |value| key.bound.unit().words(value);
            if let Some(most) = cap.all.get(nth).map(|most| most.value).filter(|most| at.value > *most) {
                let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most));
                self.add(at.line, format!("budget.{}", key.name), message);
            }
        }
        if let (Some(at), Some(most)) = (&stated.concurrent_calls, &cap.concurrent_calls)
            && at.value > most.value
        {
            let message = format!("{} is cut to the ceiling's {}", words::count(at.value), words::count(most.value));
            self.add(at.line, "budget.concurrent_calls", message);
        }
        self.too_small("budget", &stated.all, limits);
        for row in &stated.rows {
            let key = format!("budget.for[{}]", row.number);
            let names_nobody =
                row.principals.as_ref().is_some_and(Vec::is_empty) || row.tools.as_ref().is_some_and(Vec::is_empty);
            if row.stated.is_empty() || names_nobody {
                self.add(row.line, &key, "it bounds nothing".to_owned());
            }
            self.too_small(&key, &row.stated, limits);
        }
    }

    /// Budgets that are less than one call reserves.
    fn too_small(&mut self, key: &str, stated: &Stated, limits: &CallLimits) {
        for (nth, at) in stated {
            let Some(budget) = BUDGETS.get(*nth) else { continue };
            let needed = match budget.bound {
                Bound::Per(Amount::Fuel, _) => limits.fuel,
                Bound::Per(Amount::Calls, _) | Bound::CallsPerSecond => 1,
                Bound::Per(..) => continue,
            };
            if at.value < needed {
                let needed = budget.bound.unit().words(needed);
                let message = format!("no call is let in: each reserves {needed}, as its limits say");
                self.add(at.line, format!("{key}.{}", budget.name), message);
            }
        }
    }

    /// What is not kept, or not for so long.
    pub(super) fn audit(&mut self, asked: &AuditRules, cap: &AuditCap) {
        let words = |time: Duration| duration_words(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        match (&asked.payloads, cap.payloads) {
            (Some(at), Some(Duration::ZERO)) => {
                self.add(at.line, "audit.payloads", "the ceiling lets no payloads be kept".to_owned());
            }
            (Some(at), Some(most)) if at.value > most => {
                let message = format!("{} is cut to the ceiling's {}", words(at.value), words(most));
                self.add(at.line, "audit.payloads", message);
            }
            _ => {}
        }
        if let Some(at) = asked.record.as_ref().filter(|_| !cap.record) {
            self.add(at.line, "audit.record", "the ceiling lets no host answers be kept".to_owned());
        }
    }
}
