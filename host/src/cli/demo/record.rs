//! The last chapter: the record of all that, and whether it is whole.

use super::stage::Stage;
use super::tour::{Seen, Tour, ensure};
use crate::audit::Event;
use crate::cli::style::{QUIET, paint};
use crate::cli::table::Table;
use crate::cli::{Failure, Result, audit, words};
use crate::error::Error;
use crate::http::wire;
use crate::id::CallId;

/// More entries than the tour makes.
const ENTRIES_MAX: u64 = 100_000;

pub(super) fn all(tour: &mut Tour, stage: &mut Stage) -> Result<()> {
    tour.chapter("The record")?;
    tour.step("Of every call: what was decided, under which policy, and how it ended; never a payload", |seen| {
        one_call(stage, "acme/auditor", "count", seen)
    })?;
    tour.step("Of what was denied: the rule", |seen| one_call(stage, "globex/auditor", "denied", seen))?;
    tour.step("Of what was used: sums by day, tool and key", |seen| used(stage, seen))?;
    tour.step("Each tenant reads its own log, without a gap", |seen| whole(stage, seen))?;
    tour.step("A receipt of one call, checked with the log's public key alone", |seen| receipt(stage, seen))?;
    tour.step("The whole record is verified from its files alone", |seen| {
        seen.command(format_args!("audit verify {}", stage.data().display()));
        let report = audit::verify(stage.data())?;
        seen.styled(&audit::found(&report));
        ensure(report.ok() && report.logs.len() == 3, || "a whole record of three tenants".to_owned())
    })
}

fn one_call(stage: &Stage, who: &str, which: &'static str, seen: &mut Seen) -> Result<()> {
    let call: CallId =
        *stage.calls.get(which).ok_or_else(|| Failure::failed("step-failed", "an earlier step made no call"))?;
    seen.command(format_args!("audit call {call}"));
    let record = audit::call(stage.of(who)?, call)?;
    for entry in &record.entries {
        seen.styled(&audit::line(entry));
    }
    let first = record.entries.first().map(|entry| &entry.event);
    let recorded = match which {
        "denied" => matches!(first, Some(Event::CallRefused(refused)) if refused.rule.is_some()),
        _ => matches!(first, Some(Event::CallDecided(_))) && record.entries.len() == 2,
    };
    ensure(recorded, || "its entries".to_owned())
}

/// What an auditor does with a receipt: nothing is asked of the host any more.
fn receipt(stage: &Stage, seen: &mut Seen) -> Result<()> {
    let call: CallId =
        *stage.calls.get("count").ok_or_else(|| Failure::failed("step-failed", "an earlier step made no call"))?;
    let client = stage.of("acme/auditor")?;
    let log: wire::Log = client.get(&["v1", "log"], &[])?;
    let key = log.keys.last().cloned().unwrap_or_default();
    seen.command(format_args!("audit receipt {call} --output receipt.json"));
    let receipt = audit::receipt(client, call)?;
    seen.command(format_args!("audit check receipt.json --key {key}"));
    let keys = [key.parse().map_err(Error::internal)?];
    let checked = receipt.check(&keys, &[]).map_err(Error::internal)?;
    seen.styled(&checked.to_string());
    ensure(checked.decided.is_some() && checked.ended.is_some(), || "decision and outcome, proved".to_owned())?;
    let mut forged = receipt;
    for entry in &mut forged.entries {
        entry.entry = entry.entry.replace("catalogue/text", "catalogue/next");
    }
    let refused = forged.check(&keys, &[]);
    ensure(refused.is_err(), || "the same receipt with another tool's name, refused".to_owned())?;
    seen.note("with one letter of it changed, it is refused");
    Ok(())
}

fn used(stage: &Stage, seen: &mut Seen) -> Result<()> {
    seen.command("usage");
    let usage: wire::Usage = stage.of("acme/auditor")?.get(&["v1", "usage"], &[])?;
    let mut table = Table::new(["TOOL", "CALLS", "FAILED", "FUEL"]).right(&[1, 2, 3]);
    for row in &usage.rows {
        let used = &row.used;
        table.row([row.tool.to_string(), words::count(used.calls), words::count(used.failed), words::count(used.fuel)]);
    }
    seen.styled(&table.to_string());
    // Three calls ran into a limit.
    ensure(usage.total.failed == 3 && usage.total.calls > usage.total.failed, || "three calls failed".to_owned())
}

fn whole(stage: &Stage, seen: &mut Seen) -> Result<()> {
    for tenant in super::setup::TENANTS {
        let page = audit::entries(stage.of(&format!("{tenant}/auditor"))?, 0, ENTRIES_MAX)?;
        let (mut own, mut indices) = (true, true);
        for (at, entry) in (0..).zip(&page.entries) {
            own &= entry.tenant.as_str() == tenant;
            indices &= entry.index == at;
        }
        let mut kinds: Vec<&str> = page.entries.iter().map(|entry| entry.event.kind()).collect();
        let entries = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        seen.styled(&format!("{tenant}: {} entries, {}", words::count(entries as u64), paint(QUIET, kinds.join(", "))));
        ensure(own && indices && entries > 0, || format!("{tenant}'s own entries, from 0 without a gap"))?;
    }
    Ok(())
}
