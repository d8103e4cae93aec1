//! However calls of a session are mixed, and whatever they call, nothing that both labels are in goes out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::labels::Label;
use crate::policy::Policy;
use crate::uses::{Scheme, Touch};

const POLICY: &str = r#"
[labels]
private_buckets = ["notes"]

[[flow]]
when = ["private", "untrusted"]
deny = ["http", "model"]
"#;

fn gate(session: &Arc<Session>) -> Arc<Gate> {
    below(session, None)
}

fn below(session: &Arc<Session>, above: Option<Arc<Gate>>) -> Arc<Gate> {
    let flow = Policy::parse(POLICY).unwrap().flow(&"tool".parse().unwrap()).unwrap();
    let (touched, call) = (session.brought(), CallId::new());
    Arc::new(Gate::new(flow, Arc::clone(session), (call, touched), above))
}

fn note() -> CapabilityUse {
    CapabilityUse::Kv { access: Touch::Read, bucket: "notes".to_owned() }
}

fn page() -> CapabilityUse {
    let (host, method, path) = ("evil.example".to_owned(), "POST".to_owned(), "/*".to_owned());
    CapabilityUse::Http { host, method, path, port: 443, scheme: Scheme::Https }
}

fn model() -> CapabilityUse {
    CapabilityUse::Model { provider: "anybody".to_owned(), route: "answers".to_owned() }
}

#[derive(Debug, Clone)]
enum Act {
    /// Reads a private note.
    Note,
    /// Sends a request, and reads what comes back.
    Page,
    /// Sends the head of a request.
    Send,
    /// Sends a further piece of the body of a request that is under way.
    Piece,
    /// Reads what comes back of a request that is under way.
    Answer,
    /// Asks a model, so often until one answers, and reads that.
    Model(u8),
    /// Calls a tool that does these, tells it all that it holds, and is told all that it held.
    Call(Vec<Act>),
}

/// What an agent has been told: what the replies of its calls can be made of.
#[derive(Default)]
struct Agent(Mutex<Labels>);

impl Agent {
    /// One call that does `acts`. What goes out can be made of all that the agent knew at its start and the call read.
    fn call(&self, session: &Arc<Session>, acts: &[Act], out: &AtomicU64) -> Result<(), String> {
        let known = *self.0.lock();
        let held = Self::act(&gate(session), session, acts, known, out)?;
        let mut knows = self.0.lock();
        *knows = knows.and(held);
        Ok(())
    }

    /// The same of a call with this gate that is told what was `known`; what it held at its end.
    fn act(
        gate: &Arc<Gate>,
        session: &Arc<Session>,
        acts: &[Act],
        known: Labels,
        out: &AtomicU64,
    ) -> Result<Labels, String> {
        let (mut held, mut is_under_way) = (known, false);
        for act in acts {
            let goes = match act {
                Act::Note => {
                    gate.pass(&note()).map_err(|denied| denied.rule)?;
                    held = held.with(Label::Private);
                    continue;
                }
                Act::Call(acts) => {
                    held = held.and(Self::act(&below(session, Some(Arc::clone(gate))), session, acts, held, out)?);
                    continue;
                }
                Act::Model(attempts) => {
                    // Rules are asked before each: what one session touches another call of it may have touched meanwhile.
                    let went = (0..*attempts).take_while(|_| gate.ask(&model()).is_ok()).count();
                    if went > 0 && held == Labels::ALL {
                        return Err(format!("{act:?} went out with {held:?}"));
                    }
                    out.fetch_add(went as u64, Ordering::Relaxed);
                    if went > 0 {
                        gate.answered(&model());
                        held = held.with(Label::Untrusted);
                    }
                    continue;
                }
                Act::Answer if is_under_way => {
                    gate.answered(&page());
                    held = held.with(Label::Untrusted);
                    continue;
                }
                Act::Page => gate.pass(&page()).is_ok(),
                Act::Send => gate.ask(&page()).is_ok(),
                Act::Piece if is_under_way => gate.go_on(GrantKind::Http).is_ok(),
                Act::Piece | Act::Answer => continue,
            };
            if goes && held == Labels::ALL {
                return Err(format!("{act:?} went out with {held:?}"));
            }
            out.fetch_add(u64::from(goes), Ordering::Relaxed);
            is_under_way |= goes;
            if goes && matches!(act, Act::Page) {
                held = held.with(Label::Untrusted);
            }
        }
        Ok(held)
    }
}

fn acts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    let act = prop_oneof![
        Just(Act::Note),
        Just(Act::Page),
        Just(Act::Send),
        Just(Act::Piece),
        Just(Act::Answer),
        (1..4u8).prop_map(Act::Model),
    ];
    let act = act.prop_recursive(3, 12, 4, |act| prop::collection::vec(act, 0..4).prop_map(Act::Call));
    prop::collection::vec(prop::collection::vec(act, 0..6), 1..8)
}

proptest! {
    #[test]
    fn flow_one_call_after_the_other(calls in acts()) {
        let (agent, session, out) = (Agent::default(), Arc::new(Session::new()), AtomicU64::new(0));
        for call in &calls {
            agent.call(&session, call, &out).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn flow_many_calls_at_once(calls in acts()) {
        let (agent, session, out) = (Agent::default(), Arc::new(Session::new()), AtomicU64::new(0));
        let failed: Vec<String> = thread::scope(|scope| {
            let (agent, session, out) = (&agent, &session, &out);
            let threads: Vec<_> = calls.iter().map(|call| scope.spawn(move || agent.call(session, call, out))).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().err()).collect()
        });
        prop_assert!(failed.is_empty(), "{failed:?}");
    }
}

#[test]
fn flow_the_refusal_names_the_calls_that_brought_each_label() {
    let session = Arc::new(Session::new());
    let (reads, fetches, posts) = (gate(&session), gate(&session), gate(&session));
    reads.pass(&note()).unwrap();
    fetches.pass(&page()).unwrap();
    let denied = posts.pass(&page()).unwrap_err();
    let by: Vec<(Label, CallId, &str)> =
        denied.brought.iter().map(|brought| (brought.label, brought.call, brought.by.as_str())).collect();
    assert_eq!(
        by,
        [
            (Label::Private, reads.call, "read bucket \"notes\""),
            (Label::Untrusted, fetches.call, "POST https://evil.example/*"),
        ]
    );
    assert!(denied.rule.contains("[[flow]] 1"), "{}", denied.rule);
    // What is under way is stopped as well.
    assert_eq!(fetches.go_on(GrantKind::Http).unwrap_err(), denied);
}

#[test]
fn flow_a_cleared_session_gets_back_what_a_running_call_had_read() {
    let session = Arc::new(Session::new());
    let (reads, other) = (gate(&session), gate(&session));
    reads.pass(&note()).unwrap();
    other.pass(&page()).unwrap();
    session.clear();
    assert!(reads.pass(&page()).is_ok());
    assert!(reads.pass(&page()).is_err(), "it holds both now");
    assert!(session.labels() == Labels::NONE.with(Label::Untrusted));
    drop(reads);
    assert_eq!(session.labels(), Labels::ALL);
}

#[test]
fn flow_what_a_call_below_reads_stays_with_its_caller_where_the_session_is_cleared() {
    let session = Arc::new(Session::new());
    let caller = gate(&session);
    let reader = below(&session, Some(below(&session, Some(Arc::clone(&caller)))));
    reader.pass(&note()).unwrap();
    session.clear();
    // The caller has it from two levels below, and whoever it calls now can have it from the caller.
    let sender = below(&session, Some(Arc::clone(&caller)));
    assert!(sender.pass(&page()).is_ok(), "one label alone may go");
    assert!(sender.pass(&page()).is_err());
    assert_eq!(caller.brought().iter().map(|brought| brought.call).collect::<Vec<_>>(), [reader.call, sender.call]);
    // A call that has nothing to do with it is as the session is.
    assert!(gate(&session).pass(&page()).is_ok());
}

#[test]
fn flow_calls_are_a_way_out_where_a_rule_says_so() {
    let session = Arc::new(Session::new());
    let text = POLICY.replace("deny = [\"http\", \"model\"]", "deny = [\"http\", \"call\"]\nexcept = [\"reply\"]");
    assert!(text.contains("except"));
    let of = |package: &str| {
        let flow = Policy::parse(&text).unwrap().flow(&package.parse().unwrap()).unwrap();
        Gate::new(flow, Arc::clone(&session), (CallId::new(), session.brought()), None)
    };
    let call = CapabilityUse::Call { package: "reply".parse().unwrap() };
    let tool = of("tool");
    tool.pass(&page()).unwrap();
    assert!(tool.pass(&call).is_ok());
    tool.pass(&note()).unwrap();
    let denied = tool.pass(&call).unwrap_err();
    assert_eq!(denied.brought.len(), 2);
    assert!(of("reply").pass(&call).is_ok() && of("reply").pass(&page()).is_ok());
}

#[test]
fn flow_a_request_is_not_held_against_its_own_body_before_it_is_answered() {
    let session = Arc::new(Session::new());
    let call = gate(&session);
    call.pass(&note()).unwrap();
    call.ask(&page()).unwrap();
    call.go_on(GrantKind::Http).unwrap();
    assert_eq!(session.labels(), Labels::NONE.with(Label::Private));
    call.answered(&page());
    assert!(call.go_on(GrantKind::Http).is_err(), "what it sends from here on can be of the answer");
    assert!(call.ask(&page()).is_err());
}

#[test]
fn flow_a_question_to_a_model_is_a_way_out_and_its_answer_is_somebody_elses() {
    let session = Arc::new(Session::new());
    let call = gate(&session);
    call.pass(&note()).unwrap();
    // A further attempt of the same request, and another call's request meanwhile.
    for _ in 0..2 {
        call.ask(&model()).unwrap();
    }
    gate(&session).ask(&model()).unwrap();
    call.answered(&model());
    for denied in [call.ask(&model()), gate(&session).ask(&model()), gate(&session).ask(&page())] {
        let denied = denied.unwrap_err();
        assert_eq!(denied.brought.iter().map(|brought| brought.label).collect::<Vec<_>>(), Label::ALL);
    }
    // What the tenant trusts brings nothing, and is a way out all the same.
    let trusting = POLICY.replace("[labels]", "[labels]\ntrusted_providers = [\"anybody\"]");
    let (session, flow) = (Arc::new(Session::new()), Policy::parse(&trusting).unwrap());
    let flow = flow.flow(&"tool".parse().unwrap()).unwrap();
    let call = Gate::new(flow, Arc::clone(&session), (CallId::new(), session.brought()), None);
    call.pass(&note()).unwrap();
    call.ask(&model()).unwrap();
    call.answered(&model());
    call.ask(&model()).unwrap();
    call.pass(&page()).unwrap();
    assert!(call.ask(&model()).is_err());
}
