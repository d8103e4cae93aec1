//! Whose answers they are, how long, and how many.

use proptest::prelude::*;

use super::*;
use crate::engine::output::Content;

const KEEP: Keep = Keep { time: Duration::from_secs(60), bytes_max: 10_000 };

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000)
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn key(number: u8) -> AnswerKey {
    AnswerKey {
        tool: "text.count".parse().unwrap(),
        component: Digest::of(b"component"),
        policy: Digest::of(b"policy"),
        ceiling: Digest::of(b"ceiling"),
        held: vec![GrantKind::Config],
        arguments: Mac::from_bytes([number; 32]),
    }
}

fn answer(text: &str) -> Answer {
    let output = ToolOutput { content: vec![Content::Text(text.to_owned())], is_error: false };
    Answer { call: CallId::new(), made: now(), output: Arc::new(output) }
}

/// What is there to be had.
fn text(answers: &Answers, tenant: &TenantId, key: &AnswerKey, now: SystemTime) -> Option<String> {
    let answer = answers.get(tenant, key, KEEP.time, now)?;
    match answer.output.content.as_slice() {
        [Content::Text(text)] => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn leak_nobody_has_the_answer_of_another_tenant_or_of_another_call() {
    let (answers, acme) = (Answers::default(), tenant("acme"));
    answers.keep(&acme, key(1), answer("the canary sings"), KEEP);
    assert_eq!(text(&answers, &acme, &key(1), now()).as_deref(), Some("the canary sings"));
    assert_eq!(text(&answers, &tenant("globex"), &key(1), now()), None);
    let others: [fn(&mut AnswerKey); 6] = [
        |key| key.tool = "text.diff".parse().unwrap(),
        |key| key.component = Digest::of(b"other"),
        |key| key.policy = Digest::of(b"other"),
        |key| key.ceiling = Digest::of(b"other"),
        |key| key.held.clear(),
        |key| key.arguments = Mac::from_bytes([2; 32]),
    ];
    for change in others {
        let mut other = key(1);
        change(&mut other);
        assert_eq!(text(&answers, &acme, &other, now()), None, "{other:?}");
    }
    assert!(!format!("{answers:?}").contains("canary"));
}

#[test]
fn an_answer_is_over_with_its_time_and_forgotten_when_asked() {
    let (answers, acme) = (Answers::default(), tenant("acme"));
    answers.keep(&acme, key(1), answer("a"), KEEP);
    assert!(text(&answers, &acme, &key(1), now() + KEEP.time - Duration::from_nanos(1)).is_some());
    assert!(text(&answers, &acme, &key(1), now() + KEEP.time).is_none());
    assert!(text(&answers, &acme, &key(1), now() - Duration::from_secs(1)).is_none());
    answers.prune(now() + KEEP.time, |_| Some(KEEP.time));
    assert_eq!(answers.held.load(Ordering::Relaxed), 0);
    answers.keep(&acme, key(1), answer("a"), KEEP);
    answers.forget(&acme);
    assert!(text(&answers, &acme, &key(1), now()).is_none());
    answers.keep(&acme, key(1), answer("a"), KEEP);
    answers.prune(now(), |_| None);
    assert!(text(&answers, &acme, &key(1), now()).is_none());
    assert_eq!(answers.held.load(Ordering::Relaxed), 0);
}

#[test]
fn the_newest_are_kept_and_one_that_has_no_room_is_not() {
    let (answers, acme) = (Answers::default(), tenant("acme"));
    for number in 0..20 {
        answers.keep(&acme, key(number), answer(&"x".repeat(1_000)), KEEP);
    }
    let kept: Vec<u8> = (0..20).filter(|number| text(&answers, &acme, &key(*number), now()).is_some()).collect();
    assert_eq!(kept, (14..20).collect::<Vec<_>>());
    answers.keep(&acme, key(100), answer(&"x".repeat(10_000)), KEEP);
    assert!(text(&answers, &acme, &key(100), now()).is_none() && text(&answers, &acme, &key(19), now()).is_some());
}

/// What stands in is in the record, one by one: a flood of calls must not be one of entries.
#[test]
fn hostile_flood_of_calls_that_an_answer_stands_in_for() {
    let (answers, acme) = (Answers::default(), tenant("acme"));
    answers.keep(&acme, key(1), answer("a"), KEEP);
    let given = |now| (0..1_000).filter(|_| text(&answers, &acme, &key(1), now).is_some()).count();
    assert_eq!((given(now()), given(now())), (PER_SECOND_MAX as usize, 0));
    assert_eq!(given(now() + Duration::from_secs(1)), PER_SECOND_MAX as usize);
    // Having them forgotten is no way round it, and another tenant has its own.
    answers.forget(&acme);
    answers.keep(&acme, key(1), answer("a"), KEEP);
    assert_eq!(given(now() + Duration::from_secs(1)), 0);
    let globex = tenant("globex");
    answers.keep(&globex, key(1), answer("b"), KEEP);
    assert_eq!(text(&answers, &globex, &key(1), now()).as_deref(), Some("b"));
}

proptest! {
    /// However they come and go, what is held is what is counted, and never more than may be.
    #[test]
    fn what_is_held_is_bounded(acts in prop::collection::vec((0..3_usize, 0..8_u8, 0..4_000_usize), 0..200)) {
        let answers = Answers::default();
        let tenants = ["acme", "globex", "initech"].map(tenant);
        for (who, number, length) in acts {
            if length == 0 {
                answers.forget(&tenants[who]);
            } else {
                answers.keep(&tenants[who], key(number), answer(&"x".repeat(length)), KEEP);
            }
            let mut all = 0;
            for tenant in &tenants {
                let of_tenant = answers.of(tenant);
                let of_tenant = of_tenant.lock();
                let sum: u64 = of_tenant.kept.values().map(|(_, answer)| bytes(&answer.output)).sum();
                prop_assert!(sum == of_tenant.bytes && sum <= KEEP.bytes_max);
                prop_assert_eq!(of_tenant.kept.len(), of_tenant.order.len());
                all += sum;
            }
            prop_assert_eq!(answers.held.load(Ordering::Relaxed), all);
        }
    }
}
