//! A whole host without its front doors: from an empty folder to a recorded call, and again after a restart.

#[path = "../registry/guest.rs"]
#[allow(dead_code, reason = "shared with the registry's tests, which need more of it")]
mod guest;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use cofferdam::Code;
use cofferdam::audit::Event;
use cofferdam::audit::entry::Outcome;
use cofferdam::control::Publication;
use cofferdam::engine::EngineSettings;
use cofferdam::host::{Host, HostSettings};
use cofferdam::id::{CallTarget, ToolRequest};
use cofferdam::identity::Scope;
use cofferdam::policy::LimitsPatch;
use cofferdam::router::{self, CallEvent, CallRequest, Failed, Part};
use cofferdam::snapshot::Caller;

fn settings(data: &Path) -> HostSettings {
    let mut settings = HostSettings::new(data);
    settings.engine = EngineSettings { live_calls_max: 16, guest_threads: Some(1), ..EngineSettings::default() };
    settings.registry.compiling.program = Some(PathBuf::from(env!("CARGO_BIN_EXE_cofferdam")));
    settings
}

#[allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]
async fn key(host: &Host, operator: &Caller, name: &str, scopes: &[Scope]) -> Caller {
    let key = host.control.create_key(operator, name, scopes.iter().copied().collect()).await.unwrap();
    host.router.authenticate(key.text.expose()).unwrap()
}

#[allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]
async fn publish(host: &Host, publisher: &Caller, name: &str, component: Vec<u8>) {
    let upload = futures::stream::iter([Ok(Bytes::from(component))]);
    let uploaded = host.control.upload(publisher, upload).await.unwrap();
    let publication = Publication {
        version: semver::Version::new(1, 0, 0),
        component: uploaded.component.admission.digest,
        needs: None,
        limits: LimitsPatch::default(),
        promote: true,
        signature: None,
    };
    host.control.publish(publisher, name.parse().unwrap(), publication).await.unwrap();
}

#[allow(clippy::unwrap_used, reason = "what tests are made of may fail like tests")]
fn call(tool: &str) -> CallRequest {
    CallRequest::new(tool.parse::<ToolRequest>().unwrap(), "{}")
}

/// All that a key may call.
fn names(host: &Host, caller: &Caller) -> Vec<String> {
    let listed = host.router.tools(caller, &Part::default());
    listed.tools.iter().map(|tool| tool.name.to_string()).collect()
}

fn code(failed: &Failed) -> Code {
    failed.error.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_let_in_run_and_recorded_and_outlives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let (host, first) = Host::open(settings(data.path())).await.unwrap();
    let first = first.unwrap();
    let platform = host.router.authenticate(first.expose()).unwrap();
    first.shown().await.unwrap();

    let (_, operator) = host.control.create_tenant(&platform, "acme".parse().unwrap()).await.unwrap();
    let operator = host.router.authenticate(operator.text.expose()).unwrap();
    let publisher = key(&host, &operator, "publisher", &[Scope::Publisher]).await;
    publish(&host, &publisher, "greeter", guest::native()).await;
    publish(&host, &platform, "vetted", guest::native()).await;
    let agent = key(&host, &operator, "agent", &[Scope::Agent, Scope::Auditor]).await;

    assert_eq!(names(&host, &agent), ["catalogue/vetted.greet", "greeter.greet"]);

    // It describes itself well and breaks down when it is called.
    let failed = host.router.call(&agent, call("greeter.greet"), None).await.unwrap_err();
    assert_eq!(code(&failed), Code::ToolFailed);
    let entries = host.control.call_record(&agent, failed.call.unwrap()).await.unwrap();
    assert!(matches!(&entries[0].event, Event::CallDecided(_)), "{entries:?}");
    assert!(matches!(&entries[1].event, Event::CallEnded(ended) if ended.outcome == Outcome::Failed(Code::ToolFailed)));

    let (watcher, mut events) = router::watch(|_| true);
    let failed = host.router.call(&agent, call("catalogue/vetted.greet"), Some(watcher)).await.unwrap_err();
    assert!(matches!(events.next().await, Some(CallEvent::Decided { call, .. }) if Some(call) == failed.call));

    let unknown = host.router.call(&agent, call("catalogue/other"), None).await.unwrap_err();
    assert_eq!((code(&unknown), unknown.call), (Code::NotFound, None));
    let denied = host.router.call(&publisher, call("greeter.greet"), None).await.unwrap_err();
    assert_eq!(code(&denied), Code::Denied);

    host.control.set_policy(&operator, "[tools]\ndeny = [\"greeter\"]\n").await.unwrap();
    let agent_key = host.control.create_key(&operator, "again", [Scope::Agent].into_iter().collect()).await.unwrap();
    let again = host.router.authenticate(agent_key.text.expose()).unwrap();
    let denied = host.router.call(&again, call("greeter.greet"), None).await.unwrap_err();
    assert_eq!(code(&denied), Code::Denied);
    assert!(denied.call.is_some() && denied.error.facts()["rule"].as_str().unwrap().contains("line 2"), "{denied:?}");
    // Nor does a caller that came before the change go on with what it saw: what let it begin is asked again.
    assert_eq!(code(&host.router.call(&agent, call("greeter.greet"), None).await.unwrap_err()), Code::Denied);

    let journal = host.journal();
    host.close(Duration::from_secs(10)).await.unwrap();
    let report = cofferdam::audit::verify(&journal).unwrap();
    assert!(report.findings.is_empty() && report.open_calls == 0, "{report:?}");

    let (host, first) = Host::open(settings(data.path())).await.unwrap();
    assert!(first.is_none(), "the platform's key is shown once");
    let again = host.router.authenticate(agent_key.text.expose()).unwrap();
    assert_eq!(names(&host, &again), ["catalogue/vetted.greet"]);
    host.close(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_not_shown_is_made_anew_and_the_old_one_stops() {
    let data = tempfile::tempdir().unwrap();
    let (host, first) = Host::open(settings(data.path())).await.unwrap();
    let first = first.unwrap().expose().to_owned();
    host.close(Duration::from_secs(1)).await.unwrap();

    let (host, second) = Host::open(settings(data.path())).await.unwrap();
    let second = second.unwrap();
    assert_eq!(host.router.authenticate(&first).unwrap_err().code(), Code::Unauthenticated);
    let platform = host.router.authenticate(second.expose()).unwrap();
    second.shown().await.unwrap();
    // The key that stopped was tried once: the record of the tenant that it names says so.
    host.router.flush_refusals();
    let entries = host.control.log(&platform, 0, 100, Default::default()).await.unwrap().entries;
    assert!(entries.iter().any(|entry| entry.event.kind() == "host.started"), "{entries:?}");
    host.close(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_is_recorded_as_cancelled_with_what_it_used() {
    let data = tempfile::tempdir().unwrap();
    let (host, first) = Host::open(settings(data.path())).await.unwrap();
    let platform = host.router.authenticate(first.unwrap().expose()).unwrap();
    publish(&host, &platform, "looping", guest::calling("(loop $l (br $l)) (unreachable)")).await;
    let platform = Caller { tenant: host.snapshot().tenant(&platform.tenant.id).unwrap(), ..platform };

    let (watcher, mut events) = router::watch(|_| true);
    let running = host.router.call(&platform, call("looping.greet"), Some(watcher));
    let gone = tokio::time::timeout(Duration::from_millis(200), running).await;
    assert!(gone.is_err());
    let Some(CallEvent::Decided { call, .. }) = events.next().await else { panic!("not decided") };
    host.router.settle(Duration::from_secs(10)).await;
    // Nobody waits for the outcome of a call that was given up to be on the disk, where its readers find it.
    let entries = loop {
        let entries = host.control.call_record(&platform, call).await.unwrap();
        if entries.len() > 1 {
            break entries;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let Event::CallEnded(ended) = &entries[1].event else { panic!("{entries:?}") };
    assert_eq!(ended.outcome, Outcome::Failed(Code::Cancelled));
    assert!(ended.fuel > 0, "{ended:?}");
    host.close(Duration::from_secs(10)).await.unwrap();
}

/// Whether a tool is called or a route: a call that is refused for what it says leaves its place to the next.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_do_not_fit_use_up_nothing_of_a_rate() {
    let data = tempfile::tempdir().unwrap();
    let (host, first) = Host::open(settings(data.path())).await.unwrap();
    let platform = host.router.authenticate(first.unwrap().expose()).unwrap();
    for (tenant, target) in [("acme", "greeter.greet"), ("globex", "routes/greet")] {
        let (_, operator) = host.control.create_tenant(&platform, tenant.parse().unwrap()).await.unwrap();
        let operator = host.router.authenticate(operator.text.expose()).unwrap();
        let publisher = key(&host, &operator, "publisher", &[Scope::Publisher]).await;
        publish(&host, &publisher, "greeter", guest::native()).await;
        let policy = "[budget]\ncalls_per_second = 1\n
            [[route]]\nname = \"greet\"\nchoices = [{ tool = \"greeter.greet\" }]\n";
        host.control.set_policy(&operator, policy).await.unwrap();
        let agent = key(&host, &operator, "agent", &[Scope::Agent]).await;
        let target: CallTarget = target.parse().unwrap();
        for _ in 0..3 {
            let request = CallRequest::new(target.clone(), "[]");
            let refused = host.router.call(&agent, request, None).await.unwrap_err();
            assert_eq!((code(&refused), refused.call), (Code::InvalidArguments, None), "{target}");
        }
        // It runs, and breaks down as it always does.
        let request = CallRequest::new(target.clone(), "{}");
        let failed = host.router.call(&agent, request, None).await.unwrap_err();
        assert_eq!(code(&failed), Code::ToolFailed, "{target}");
    }
    host.close(Duration::from_secs(10)).await.unwrap();
}
