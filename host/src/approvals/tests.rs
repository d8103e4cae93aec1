//! What an approval holds for, and what it does not; and that a start finds what there was.

use super::*;
use crate::audit::entry::{ApprovalDecided, ApprovalEnd, ApprovalExpired, CallDecided, Entry, Event};
use crate::audit::tests::samples;
use crate::id::ChangeId;
use crate::labels::Label;

const HOUR: Duration = Duration::from_secs(3_600);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000)
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        call: CallId::new(),
        principal: PrincipalId::new(),
        tool: "mail.send".parse().unwrap(),
        version: "1.2.0".parse().unwrap(),
        component: Digest::of(b"component"),
        arguments: Mac::from_bytes([7; 32]),
        arguments_bytes: 9,
        session: Some("chat".parse().unwrap()),
        labels: Vec::new(),
        risk: Level::High,
        rules: vec!["policy: approval.from_risk = \"high\"".to_owned()],
    }
}

fn brought(label: Label) -> Brought {
    Brought { by: "read".to_owned(), call: CallId::new(), label }
}

fn ask(approvals: &Approvals, wanted: &Wanted) -> Approval {
    match approvals.ask(&tenant(), wanted.clone(), r#"{"to":1}"#, HOUR, now()).unwrap() {
        Asking::New(approval) => approval,
        Asking::Known(known) => panic!("{known:?}"),
    }
}

/// One that somebody let go.
fn approved(approvals: &Approvals, wanted: &Wanted) -> ApprovalId {
    let id = ask(approvals, wanted).id;
    assert!(approvals.decide(&tenant(), id, State::Approved { by: PrincipalId::new() }, now() + HOUR));
    id
}

fn claim(approvals: &Approvals, id: ApprovalId, wanted: &Wanted) -> std::result::Result<Claim, NotApproved> {
    approvals.claim(&tenant(), id, wanted, now())
}

/// It is for that call alone: to another key or tenant there is none.
#[test]
fn hostile_use_of_an_approval_for_anything_but_the_call_that_was_looked_at() {
    let (approvals, first) = (Approvals::default(), wanted());
    let id = approved(&approvals, &first);
    type Change = fn(&mut Wanted);
    let others: [(&str, Change, NotApproved); 8] = [
        ("another key", |other| other.principal = PrincipalId::new(), NotApproved::Unknown),
        ("another tool", |other| other.tool = "mail.remove".parse().unwrap(), NotApproved::Another),
        ("another version", |other| other.version = "1.2.1".parse().unwrap(), NotApproved::Another),
        ("another component", |other| other.component = Digest::of(b"other"), NotApproved::Another),
        ("other arguments", |other| other.arguments = Mac::from_bytes([8; 32]), NotApproved::Another),
        ("no session", |other| other.session = None, NotApproved::Another),
        ("a label more", |other| other.labels = vec![brought(Label::Private)], NotApproved::Grown),
        ("another session", |other| other.session = Some("other".parse().unwrap()), NotApproved::Another),
    ];
    for (what, change, why) in others {
        let mut other = first.clone();
        change(&mut other);
        assert_eq!(claim(&approvals, id, &other).unwrap_err(), why, "{what}");
    }
    let other: TenantId = "globex".parse().unwrap();
    assert_eq!(approvals.claim(&other, id, &first, now()).unwrap_err(), NotApproved::Unknown);
    assert!(approvals.get(&other, id, now()).is_none() && approvals.all(&other, now()).is_empty());
    // It is over to the instant.
    assert_eq!(approvals.claim(&tenant(), id, &first, now() + HOUR).unwrap_err(), NotApproved::Unknown);
    claim(&approvals, id, &first).unwrap();
}

/// One call has it, of however many; one that did not begin gives it back.
#[test]
fn hostile_use_of_an_approval_twice_and_at_once() {
    let (approvals, wanted) = (Approvals::default(), wanted());
    let id = approved(&approvals, &wanted);
    let held = claim(&approvals, id, &wanted).unwrap();
    assert_eq!(claim(&approvals, id, &wanted).unwrap_err(), NotApproved::Claimed);
    // A call that did not begin gives it back.
    drop(held);
    let call = CallId::new();
    claim(&approvals, id, &wanted).unwrap().used(call);
    assert_eq!(claim(&approvals, id, &wanted).unwrap_err(), NotApproved::Used { call });

    // Of many at once one has it.
    let id = approved(&approvals, &Wanted { call: CallId::new(), ..wanted.clone() });
    let had: usize = std::thread::scope(|scope| {
        let try_it = || match claim(&approvals, id, &wanted) {
            Ok(claim) => {
                claim.used(CallId::new());
                1
            }
            Err(_) => 0,
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(try_it)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(had, 1);
}

#[test]
fn what_was_given_to_the_same_call_is_found_without_its_name() {
    let (approvals, wanted) = (Approvals::default(), wanted());
    let given = |wanted: &Wanted, now| approvals.given(&tenant(), wanted, now);
    let id = ask(&approvals, &wanted).id;
    assert_eq!(given(&wanted, now()), None, "nobody has decided");
    assert!(approvals.decide(&tenant(), id, State::Approved { by: PrincipalId::new() }, now() + HOUR));
    assert_eq!(given(&wanted, now()), Some(id));
    assert_eq!(given(&wanted, now() + HOUR), None);
    assert_eq!(given(&Wanted { principal: PrincipalId::new(), ..wanted.clone() }, now()), None);
    assert_eq!(given(&Wanted { labels: vec![brought(Label::Private)], ..wanted.clone() }, now()), None);
    let claim = claim(&approvals, id, &wanted).unwrap();
    assert_eq!(given(&wanted, now()), None, "another call has it");
    claim.used(CallId::new());
    assert_eq!(given(&wanted, now()), None);
}

#[test]
fn of_a_route_it_is_known_for_which_attempt_an_approval_is() {
    let (approvals, wanted) = (Approvals::default(), wanted());
    let id = ask(&approvals, &wanted).id;
    let is_for_another = |wanted: &Wanted| approvals.is_for_another(&tenant(), id, wanted);
    assert!(is_for_another(&Wanted { tool: "mail.remove".parse().unwrap(), ..wanted.clone() }));
    // Where more is behind the same call now, it is not another.
    assert!(!is_for_another(&wanted) && !is_for_another(&Wanted { risk: Level::Low, ..wanted.clone() }));
    // What the key does not have is no other call's either: it is told so.
    assert!(!is_for_another(&Wanted { principal: PrincipalId::new(), ..wanted.clone() }));
    assert!(!approvals.is_for_another(&"globex".parse().unwrap(), id, &wanted));
}

#[test]
fn the_same_call_made_again_waits_for_the_same_and_is_refused_with_it() {
    let (approvals, wanted) = (Approvals::default(), wanted());
    let first = ask(&approvals, &wanted);
    let again = |wanted: &Wanted| approvals.ask(&tenant(), wanted.clone(), "{}", HOUR, now()).unwrap();
    assert_eq!(again(&Wanted { call: CallId::new(), ..wanted.clone() }), Asking::Known(first.clone()));
    // With more behind it, it is another question.
    let more = Wanted { labels: vec![brought(Label::Untrusted)], ..wanted.clone() };
    assert!(matches!(again(&more), Asking::New(_)));
    let state = State::Denied { by: PrincipalId::new(), reason: "no".to_owned() };
    assert!(approvals.decide(&tenant(), first.id, state.clone(), now() + HOUR));
    assert!(!approvals.decide(&tenant(), first.id, State::Approved { by: PrincipalId::new() }, now() + HOUR));
    assert!(matches!(again(&wanted), Asking::Known(known) if known.state == state));
    // With yet more behind it, it is the call that was refused; what waits for its own answer goes on waiting.
    let refused = Wanted { labels: vec![brought(Label::Private)], ..wanted.clone() };
    assert!(matches!(again(&refused), Asking::Known(known) if known.id == first.id && known.state == state));
    assert!(matches!(again(&more), Asking::Known(known) if known.state == State::Waiting));
    assert_eq!(claim(&approvals, first.id, &wanted).unwrap_err(), NotApproved::Denied { reason: "no".to_owned() });
}

/// A key and a tenant have so many, others have room, and arguments take no more than their megabyte.
#[test]
fn hostile_flood_of_calls_that_wait() {
    let (approvals, one) = (Approvals::default(), wanted());
    let numbered = |number: u32, principal| {
        let mut arguments = [0; 32];
        arguments[..4].copy_from_slice(&number.to_le_bytes());
        Wanted { arguments: Mac::from_bytes(arguments), principal, ..one.clone() }
    };
    let ask = |wanted| approvals.ask(&tenant(), wanted, &"x".repeat(ARGUMENTS_SHOWN_MAX), HOUR, now());
    for number in 0..OPEN_OF_PRINCIPAL_MAX as u32 {
        ask(numbered(number, one.principal)).unwrap();
    }
    let refused = ask(numbered(u32::MAX, one.principal)).unwrap_err();
    assert_eq!((refused.code(), &refused.facts()["maximum"]), (Code::Throttled, &OPEN_OF_PRINCIPAL_MAX.into()));
    // Other keys have room until the tenant has none, and other tenants always.
    for number in OPEN_OF_PRINCIPAL_MAX as u32..OPEN_MAX as u32 {
        ask(numbered(number, PrincipalId::new())).unwrap();
    }
    let refused = ask(numbered(u32::MAX, PrincipalId::new())).unwrap_err();
    assert_eq!(refused.facts()["maximum"], OPEN_MAX);
    let other: TenantId = "globex".parse().unwrap();
    approvals.ask(&other, one.clone(), "{}", HOUR, now()).unwrap();
    // What is kept of arguments is bounded, whatever waits.
    let of_tenant = approvals.of(&tenant());
    assert!(held(&of_tenant.lock()) <= ARGUMENTS_HELD_MAX);
    // And all of it goes with its time.
    assert_eq!(approvals.expire(now() + HOUR).len(), OPEN_MAX + 1);
    assert!(of_tenant.lock().is_empty());
}

#[test]
fn what_is_denied_and_used_is_remembered_in_part() {
    let (approvals, one) = (Approvals::default(), wanted());
    let mut ids = Vec::new();
    for number in 0..CLOSED_MAX as u32 + 10 {
        let mut arguments = [1; 32];
        arguments[..4].copy_from_slice(&number.to_le_bytes());
        let wanted = Wanted { arguments: Mac::from_bytes(arguments), ..one.clone() };
        let id = approved(&approvals, &wanted);
        claim(&approvals, id, &wanted).unwrap().used(CallId::new());
        ids.push(id);
    }
    assert_eq!(approvals.all(&tenant(), now()).len(), CLOSED_MAX);
    // They are used up all the same.
    assert_eq!(claim(&approvals, ids[0], &one).unwrap_err(), NotApproved::Unknown);
}

#[test]
fn arguments_are_in_no_debug_output() {
    let (approvals, wanted) = (Approvals::default(), wanted());
    approvals.ask(&tenant(), wanted, "the canary sings", HOUR, now()).unwrap();
    assert!(!format!("{approvals:?}").contains("canary"));
}

fn entry(principal: Option<PrincipalId>, event: impl Into<Event>) -> Entry {
    Entry { event: event.into(), index: 0, principal, tenant: tenant(), time: now() }
}

fn asked(approval: &Approval) -> Entry {
    entry(Some(approval.wanted.principal), approval.asked(Digest::of(b"ceiling"), Digest::of(b"policy")))
}

#[test]
fn a_start_finds_what_the_record_says() {
    let (approvals, mut book) = (Approvals::default(), ApprovalBook::default());
    let numbered = |number: u8| Wanted { arguments: Mac::from_bytes([number; 32]), ..wanted() };
    let all = [1, 2, 3, 4].map(|number| ask(&approvals, &numbered(number)));
    all.iter().for_each(|approval| book.fold(&asked(approval)));
    let by = PrincipalId::new();
    let decided = |approval: &Approval, approved: bool| {
        entry(
            Some(by),
            ApprovalDecided {
                approval: approval.id,
                approved,
                change: ChangeId::new(),
                expires: now() + HOUR * 2,
                principal: approval.wanted.principal,
                reason: (!approved).then(|| "no".to_owned()),
                tool: approval.wanted.tool.clone(),
            },
        )
    };
    book.fold(&decided(&all[1], true));
    book.fold(&decided(&all[2], false));
    book.fold(&entry(None, ApprovalExpired { approval: all[3].id, why: ApprovalEnd::Time }));
    let kept: ApprovalBook = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
    assert_eq!(kept, book);

    let started = Approvals::default();
    started.fill(&kept);
    assert_eq!(started.get(&tenant(), all[0].id, now()).unwrap().0, all[0]);
    assert!(started.get(&tenant(), all[3].id, now()).is_none());
    let refused = started.claim(&tenant(), all[2].id, &all[2].wanted, now()).unwrap_err();
    assert_eq!(refused, NotApproved::Denied { reason: "no".to_owned() });
    let claim = started.claim(&tenant(), all[1].id, &all[1].wanted, now() + HOUR).unwrap();
    assert_eq!(claim.by(), by);
    // The call made again shows its arguments again.
    assert!(started.get(&tenant(), all[0].id, now()).unwrap().1.is_none());
    let again = started.ask(&tenant(), all[0].wanted.clone(), "{}", HOUR, now()).unwrap();
    assert_eq!(again, Asking::Known(all[0].clone()));
    assert_eq!(started.get(&tenant(), all[0].id, now()).unwrap().1.as_deref(), Some("{}"));

    book.prune(now() + HOUR);
    assert_eq!(book.each().count(), 2, "what was decided goes on until its own time");
    book.prune(now() + HOUR * 2);
    assert_eq!(book, ApprovalBook::default());
}

/// Two decide at once: what a start finds lets nobody go whom the host would have refused.
#[test]
fn a_refusal_stands_whoever_approves_beside_it() {
    let by = PrincipalId::new();
    let (leave, refusal) = (State::Approved { by }, State::Denied { by, reason: "no".to_owned() });
    for order in [[true, false], [false, true]] {
        let (approvals, mut book) = (Approvals::default(), ApprovalBook::default());
        let approval = ask(&approvals, &wanted());
        book.fold(&asked(&approval));
        for approved in order {
            let state = if approved { leave.clone() } else { refusal.clone() };
            approvals.decide(&tenant(), approval.id, state, now() + HOUR);
            let decided = ApprovalDecided {
                approval: approval.id,
                approved,
                change: ChangeId::new(),
                expires: now() + HOUR,
                principal: approval.wanted.principal,
                reason: (!approved).then(|| "no".to_owned()),
                tool: approval.wanted.tool.clone(),
            };
            book.fold(&entry(Some(by), decided));
        }
        let started = Approvals::default();
        started.fill(&book);
        for approvals in [approvals, started] {
            assert_eq!(approvals.get(&tenant(), approval.id, now()).unwrap().0.state, refusal, "{order:?}");
        }
    }
    // Not against a call that is about to begin.
    let (approvals, wanted) = (Approvals::default(), wanted());
    let id = approved(&approvals, &wanted);
    let held = claim(&approvals, id, &wanted).unwrap();
    assert!(!approvals.decide(&tenant(), id, refusal.clone(), now() + HOUR));
    drop(held);
    assert!(approvals.decide(&tenant(), id, refusal, now() + HOUR));
}

/// A start must not find again what a call went by.
#[test]
fn hostile_use_of_an_approval_again_after_a_start() {
    let approvals = Approvals::default();
    let [in_order, early] = [wanted(), wanted()].map(|wanted| ask(&approvals, &wanted));
    let used = |approval: &Approval, call: CallId| {
        let Event::CallDecided(decided) = samples::decided(call) else { unreachable!() };
        entry(Some(approval.wanted.principal), CallDecided { approval: Some(approval.id), ..decided })
    };
    let given = |approval: &Approval| ApprovalDecided {
        approval: approval.id,
        approved: true,
        change: ChangeId::new(),
        expires: now() + HOUR,
        principal: approval.wanted.principal,
        reason: None,
        tool: approval.wanted.tool.clone(),
    };
    let call = CallId::new();
    let mut book = ApprovalBook::default();
    for entry in [
        asked(&in_order),
        entry(Some(PrincipalId::new()), given(&in_order)),
        used(&in_order, call),
        // What was asked and given in the same moment can stand in the other order.
        entry(Some(PrincipalId::new()), given(&early)),
        asked(&early),
        used(&early, CallId::new()),
    ] {
        book.fold(&entry);
    }
    let started = Approvals::default();
    started.fill(&book);
    let refused = |approval: &Approval| claim(&started, approval.id, &approval.wanted).unwrap_err();
    assert_eq!((refused(&in_order), refused(&early)), (NotApproved::Used { call }, NotApproved::Unknown));
}
