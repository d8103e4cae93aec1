//! What a call may call, and what it shares with those calls.

use parking_lot::Mutex;

use super::*;
use crate::capability::effects::tests::{Record, recorded};
use crate::capability::effects::{Flow, FlowDenied};
use crate::capability::tape::Tape;
use crate::labels::Brought;
use crate::policy::GrantKind;

/// A door behind which calls use so much fuel, and remember what they were given.
struct Desk {
    uses: u64,
    seen: Mutex<Vec<(String, u64, Passing)>>,
    held: Mutex<Vec<Place>>,
}

impl Door for Desk {
    fn call(&self, child: Child) -> BoxFuture<'static, ChildEnded> {
        self.seen.lock().push((child.tool.to_string(), child.fuel, child.passing));
        self.held.lock().push(child.place);
        let answer = Answer { content: vec![Piece::Text(child.arguments)], is_error: false };
        let fuel = self.uses;
        Box::pin(async move { ChildEnded { result: Ok(answer), fuel } })
    }
}

struct World {
    record: Arc<Record>,
    desk: Arc<Desk>,
    limits: CallLimits,
    grants: Grants,
    effects: Arc<Effects>,
}

impl World {
    fn new(packages: &[&str], passing: Passing) -> Self {
        let (record, effects) = recorded();
        let desk = Arc::new(Desk { uses: 10, seen: Mutex::default(), held: Mutex::default() });
        let call = (!packages.is_empty()).then(|| Grant::for_test(CallGrant::for_test(packages, passing)));
        let grants = Grants { call, ..Grants::none() };
        Self { record, desk, limits: CallLimits::default(), grants, effects }
    }

    fn call(&self) -> CallsCall {
        let kin = Kin::new(&self.limits, None);
        let family = Family { kin, door: Some(Arc::clone(&self.desk) as Arc<dyn Door>) };
        let until = Instant::now() + Duration::from_secs(1);
        CallsCall::new(&self.grants, &self.limits, Some(family), until, Arc::clone(&self.effects))
    }
}

/// Rules of flow that are against everything.
struct Closed;

impl Flow for Closed {
    fn pass(&self, _: &CapabilityUse) -> Result<(), FlowDenied> {
        Err(FlowDenied { rule: "[[flow]] 1".to_owned(), brought: Vec::new() })
    }

    fn ask(&self, used: &CapabilityUse) -> Result<(), FlowDenied> {
        self.pass(used)
    }

    fn answered(&self, _: &CapabilityUse) {}

    fn go_on(&self, _: GrantKind) -> Result<(), FlowDenied> {
        self.pass(&CapabilityUse::Random {})
    }

    fn brought(&self) -> Vec<Brought> {
        Vec::new()
    }
}

const WAITS: Asked = Asked { deadline_ms: None, fuel: None, waits: true };
const STARTS: Asked = Asked { waits: false, ..WAITS };

async fn start(call: &mut CallsCall, tool: &str, asked: Asked, left: u64) -> Result<Pending, String> {
    let started = call.start(tool, "{}".to_owned(), asked, left, None).await.unwrap();
    started.map_err(|failure| failure.code)
}

#[tokio::test]
async fn what_no_rule_names_is_denied_and_witnessed() {
    for (packages, rule) in
        [(&[][..], "default: no call grant"), (&["notes"][..], "default: no call rule of the policy names it")]
    {
        let world = World::new(packages, Passing::Caller);
        let mut call = world.call();
        assert_eq!(start(&mut call, "catalogue/text.count", WAITS, 100).await.unwrap_err(), "denied");
        assert_eq!(start(&mut call, "Not a tool", WAITS, 100).await.unwrap_err(), "invalid-request");
        let denied: Vec<_> = world.record.denied.lock().iter().map(|denied| denied.rule.clone()).collect();
        assert_eq!(denied, [rule]);
        assert_eq!((world.desk.seen.lock().len(), call.lent()), (0, 0));
        assert!(world.effects.uses().uses.is_empty());
    }
}

#[tokio::test]
async fn what_a_rule_of_flow_is_against_is_not_called() {
    let mut world = World::new(&["notes"], Passing::Caller);
    world.effects = Arc::new(Effects::new(Arc::clone(&world.record) as _).under(Some(Arc::new(Closed))));
    let mut call = world.call();
    assert_eq!(start(&mut call, "notes.add", WAITS, 100).await.unwrap_err(), "denied");
    let denied: Vec<_> = world.record.denied.lock().iter().map(|denied| denied.action.clone()).collect();
    assert_eq!(denied, ["call tools of notes"]);
    assert_eq!((world.desk.seen.lock().len(), call.lent()), (0, 0));
    assert!(world.effects.uses().uses.is_empty() && world.effects.flow_denied().is_some());
}

#[tokio::test]
async fn fuel_is_lent_and_what_was_not_used_comes_back() {
    let world = World::new(&["notes"], Passing::Own);
    let mut call = world.call();
    let pending = start(&mut call, "notes.add@1", WAITS, 800).await.unwrap();
    assert_eq!((pending.part(), call.lent()), (700, 700));
    let (answer, back) = call.wait(pending, None).await.unwrap();
    assert_eq!((answer.unwrap().content, back, call.lent()), (vec![Piece::Text("{}".to_owned())], 690, 10));
    assert_eq!(*world.desk.seen.lock(), [("notes.add@1".to_owned(), 700, Passing::Own)]);
    assert_eq!(world.effects.uses().uses, [CapabilityUse::Call { package: "notes".parse().unwrap() }]);

    // Of several that run each has an equal part, and this one has: nine, of what is left.
    world.desk.held.lock().clear();
    let first = start(&mut call, "notes.add", STARTS, 900).await.unwrap();
    let second = start(&mut call, "notes.add", STARTS, 800).await.unwrap();
    assert_eq!((first.part(), second.part()), (100, 100));
    let asked = Asked { fuel: Some(u64::MAX), ..STARTS };
    assert_eq!(start(&mut call, "notes.add", asked, 700).await.unwrap().part(), 613, "a part is kept");
    // What was given up keeps what it was given.
    drop(first);
    assert_eq!(call.lent(), 823);
}

#[tokio::test]
async fn a_call_is_one_at_most_of_so_many_and_so_deep() {
    let mut world = World::new(&["*"], Passing::Caller);
    world.limits = CallLimits { child_calls: 3, child_parallel: 2, ..world.limits };
    let mut call = world.call();
    let held = [start(&mut call, "a", STARTS, 100).await.unwrap(), start(&mut call, "a", STARTS, 100).await.unwrap()];
    assert_eq!(start(&mut call, "a", STARTS, 100).await.unwrap_err(), "limit-exceeded");
    world.desk.held.lock().clear();
    start(&mut call, "a", STARTS, 100).await.unwrap();
    assert_eq!(start(&mut call, "a", STARTS, 100).await.unwrap_err(), "limit-exceeded");
    drop(held);

    world.limits.child_depth = 0;
    assert_eq!(start(&mut world.call(), "a", STARTS, 100).await.unwrap_err(), "limit-exceeded");
}

#[tokio::test]
async fn an_answer_that_waits_is_held_in_the_callers_memory() {
    let mut world = World::new(&["*"], Passing::Caller);
    world.limits.memory_bytes = 100;
    let mut call = world.call();
    let kin = Arc::clone(&call.family.as_ref().unwrap().kin);
    let arguments = || format!("{{\"text\": \"{}\"}}", "x".repeat(30));
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let started = call.start("a", arguments(), STARTS, 100, None).await.unwrap();
        let mut pending = started.unwrap();
        std::future::poll_fn(|context| pending.poll_ended(context)).await;
        waiting.push(pending);
    }
    assert!(!kin.grow(1 + 100 - 2 * arguments().len() as u64), "both wait");
    let third = call.start("a", arguments(), STARTS, 100, None).await.unwrap().unwrap();
    let (answer, _) = call.wait(third, None).await.unwrap();
    assert_eq!(answer.unwrap_err().code, "memory-exceeded");
    waiting.clear();
    assert!(kin.grow(100), "nobody waits any more");
}

#[tokio::test]
async fn nothing_is_called_before_the_decision_is_durable() {
    use std::sync::atomic::Ordering;
    let world = World::new(&["*"], Passing::Caller);
    world.record.failures.store(1, Ordering::Relaxed);
    let mut call = world.call();
    let stopped = call.start("a", "{}".to_owned(), WAITS, 100, None).await;
    assert!(matches!(stopped, Err(Stop::AuditUnavailable(_))));
    assert!(world.desk.seen.lock().is_empty());
}

#[tokio::test]
async fn a_replay_is_given_what_calls_came_to_and_makes_none() {
    let world = World::new(&["*"], Passing::Caller);
    let tape = Tape::recording();
    let line = tape.main();
    let mut call = world.call();
    let pending = call.start("a", "{}".to_owned(), STARTS, 900, Some(&line)).await.unwrap().unwrap();
    let came = call.wait(pending, Some(&line)).await.unwrap();
    let tape = Tape::replaying(tape.recorded());
    let line = tape.main();
    let mut again = CallsCall::new(&world.grants, &world.limits, None, Instant::now(), Arc::clone(&world.effects));
    let pending = again.start("a", "{}".to_owned(), STARTS, 900, Some(&line)).await.unwrap().unwrap();
    assert_eq!((pending.part(), again.lent()), (100, 100));
    assert_eq!(again.wait(pending, Some(&line)).await.unwrap(), came);
    assert_eq!((again.lent(), world.desk.seen.lock().len()), (10, 1));
    assert!(tape.departure(true).is_none());
    // Another question is another call.
    assert!(matches!(again.start("b", "{}".to_owned(), STARTS, 900, Some(&line)).await, Err(Stop::Replay)));
}
