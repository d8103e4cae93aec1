//! The first chapter: a host, two tenants, a catalogue, and what acme's policy grants.

use reqwest::Method;

use super::stage::Stage;
use super::tour::{Seen, Tour, ensure};
use crate::cli::build::Packaged;
use crate::cli::style::{QUIET, STRONG, paint};
use crate::cli::table::Table;
use crate::cli::{Result, keys, packages, push, words};
use crate::http::wire::{self, Scope};

/// The tenants of the tour.
pub(super) const TENANTS: [&str; 2] = ["acme", "globex"];
/// What policies are sent as.
const TOML: &str = "application/toml";

pub(super) fn all(tour: &mut Tour, stage: &mut Stage, mut catalogue: Vec<Packaged>) -> Result<()> {
    tour.chapter("A host")?;
    tour.step("A host starts on an empty folder, and prints the platform's key once", |seen| host(stage, seen))?;
    tour.step("The platform creates two tenants, and each gives out keys of its own", |seen| tenants(stage, seen))?;
    tour.step("The platform publishes its catalogue: every component is compiled in confinement", |seen| {
        publish(stage, &mut catalogue, seen)
    })?;
    tour.step("acme's operator puts a policy in force: what no line grants, no tool holds", |seen| {
        put_policy(stage, "acme", &acme_policy(stage, ""), seen)
    })
}

fn host(stage: &Stage, seen: &mut Seen) -> Result<()> {
    seen.command(format_args!("serve --data {} --listen {}", stage.data().display(), stage.url().authority()));
    let who: wire::Whoami = stage.of("platform")?.get(&["v1", "whoami"], &[])?;
    let scopes = keys::scopes(&who.principal.scopes);
    seen.text(&format!("{} of tenant {}, may act as {scopes}", who.principal.name, who.tenant));
    seen.note(format_args!("its health, without a key and on a listener of its own: http://{}/readyz", stage.health()));
    ensure(who.tenant.is_platform(), || "the first key is the platform's".to_owned())
}

fn tenants(stage: &mut Stage, seen: &mut Seen) -> Result<()> {
    let mut table = Table::new(["TENANT", "KEY", "MAY"]);
    for tenant in TENANTS {
        seen.command(format_args!("tenants create {tenant}"));
        let name = tenant.parse().map_err(crate::Error::from)?;
        let created: wire::TenantCreated =
            stage.of("platform")?.post(&["v1", "tenants"], &wire::CreateTenant { name })?;
        let operator = format!("{tenant}/operator");
        table.row([tenant.to_owned(), created.key.name, keys::scopes(&created.key.scopes)]);
        stage.enter(&operator, created.key.key)?;
        // The auditor reads everything that a tenant may read: its record, its policy, what it used.
        let given =
            [("agent", vec![Scope::Agent]), ("publisher", vec![Scope::Publisher]), ("auditor", vec![Scope::Auditor])];
        for (name, scopes) in given {
            let create = wire::CreateKey { name: name.to_owned(), scopes };
            let key: wire::NewKey = stage.of(&operator)?.post(&["v1", "keys"], &create)?;
            table.row([String::new(), key.name, keys::scopes(&key.scopes)]);
            stage.enter(&format!("{tenant}/{name}"), key.key)?;
        }
    }
    seen.styled(&table.to_string());
    Ok(())
}

fn publish(stage: &Stage, catalogue: &mut [Packaged], seen: &mut Seen) -> Result<()> {
    let mut table = Table::new(["PACKAGE", "VERSION", "SIZE", "NEEDS", "TOOLS"]).right(&[2]);
    for packaged in catalogue {
        let pushed = push::push(stage.of("platform")?, packaged, true, None)?;
        let tools: Vec<&str> = pushed.component.definitions.iter().map(|tool| tool.name.as_str()).collect();
        let version = pushed.package.versions.iter().find(|version| version.version == pushed.version);
        table.row([
            paint(STRONG, format_args!("catalogue/{}", packaged.package)),
            pushed.version.to_string(),
            words::bytes(pushed.component.bytes),
            version.map(|version| packages::needs(&version.needs)).unwrap_or_default(),
            paint(QUIET, tools.join(", ")),
        ]);
        let runs = pushed.package.current.as_ref() == Some(&pushed.version);
        ensure(runs, || format!("{} runs after it was published", packaged.package))?;
    }
    seen.styled(&table.to_string());
    Ok(())
}

/// What acme grants, under `limits` (lines of a policy).
pub(super) fn acme_policy(stage: &Stage, limits: &str) -> String {
    let limits = if limits.is_empty() { String::new() } else { format!("[limits]\n{limits}\n\n") };
    format!(
        "{limits}[[grant]]\n\
         tools = [\"*\"]\n\
         log = \"info\"\n\
         config = {{ greeting = \"Ahoy\" }}\n\n\
         [[grant]]\n\
         tools = [\"catalogue/notes\"]\n\
         kv = [{{ bucket = \"notes\", access = \"read-write\", bytes_max = \"1MiB\" }}]\n\n\
         [[grant]]\n\
         tools = [\"catalogue/files\"]\n\
         files = [{{ volume = \"workspace\", mount = \"/work\", access = \"read-write\", bytes_max = \"10MiB\" }}]\n\n\
         {}",
        http_grant(stage)
    )
}

/// The grant that lets `http-fetch` reach the page on this machine, and nothing else.
pub(super) fn http_grant(stage: &Stage) -> String {
    format!(
        "[[grant]]\n\
         tools = [\"catalogue/http-fetch\"]\n\
         http = [{{ scheme = \"http\", host = \"127.0.0.1\", port = {}, methods = [\"GET\"] }}]\n",
        stage.page.port()
    )
}

/// Puts a policy in force and shows it.
pub(super) fn put_policy(stage: &Stage, tenant: &str, text: &str, seen: &mut Seen) -> Result<()> {
    seen.command("policy apply policy.toml");
    seen.text(text);
    let put = set_policy(stage, tenant, text)?;
    ensure(put.changed, || "another policy is in force".to_owned())?;
    seen.note(format_args!("{} is in force from the next call on", put.digest));
    Ok(())
}

/// Puts a policy in force.
pub(super) fn set_policy(stage: &Stage, tenant: &str, text: &str) -> Result<wire::PolicyPut> {
    let client = stage.of(&format!("{tenant}/operator"))?;
    client.send_text(Method::PUT, &["v1", "policy"], TOML, text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn policies_of_the_demo_are_valid() {
        // The stage only lends its page's port.
        let folder = tempfile::tempdir().unwrap();
        let stage = super::Stage::open(Some(&folder.path().join("data"))).unwrap();
        for limits in ["", "fuel = 1_000_000", "memory_bytes = \"8MiB\"", "deadline = \"200ms\""] {
            Policy::parse(&super::acme_policy(&stage, limits)).unwrap();
        }
        stage.close().unwrap();
    }
}
