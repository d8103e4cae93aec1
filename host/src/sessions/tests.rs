//! Sessions while a host runs, and as the record has them.

use std::time::SystemTime;

use super::*;
use crate::audit::entry::{CallDecided, CallEnded, Entry, Event, Outcome, SessionCleared};
use crate::audit::tests::samples;
use crate::id::{CallId, ChangeId};
use crate::labels::Label;

fn brought(label: Label, by: &str) -> Brought {
    Brought { by: by.to_owned(), call: CallId::new(), label }
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn key(principal: PrincipalId, session: &str) -> SessionKey {
    (principal, session.parse().unwrap())
}

/// A call of a session: its decision and its end.
fn call(principal: PrincipalId, session: &str, labels: Option<Vec<Brought>>) -> [Entry; 2] {
    let id = CallId::new();
    let Event::CallDecided(decided) = samples::decided(id) else { unreachable!() };
    let Event::CallEnded(ended) = samples::ended(id) else { unreachable!() };
    [
        entry(principal, CallDecided { session: Some(session.parse().unwrap()), ..decided }.into()),
        entry(principal, CallEnded { labels, ..ended }.into()),
    ]
}

/// One that a crash ended.
fn interrupted(principal: PrincipalId, session: &str) -> [Entry; 2] {
    let [decided, mut ended] = call(principal, session, None);
    let Event::CallEnded(end) = &mut ended.event else { unreachable!() };
    end.outcome = Outcome::Failed(Code::Interrupted);
    [decided, ended]
}

fn entry(principal: PrincipalId, event: Event) -> Entry {
    Entry { event, index: 0, principal: Some(principal), tenant: tenant(), time: SystemTime::now() }
}

fn labels_after(entries: &[Entry], key: &SessionKey) -> Labels {
    let mut book = SessionBook::default();
    for entry in entries {
        book.fold(entry);
    }
    book.prune(SystemTime::now());
    // As it is kept and read again.
    let book: SessionBook = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
    let sessions = Sessions::default();
    sessions.fill(&book);
    sessions.name(&tenant(), key.clone()).unwrap().labels()
}

#[test]
fn a_label_stays_with_what_brought_it_first() {
    let (sessions, principal) = (Sessions::default(), PrincipalId::new());
    let session = sessions.name(&tenant(), key(principal, "chat")).unwrap();
    let first = brought(Label::Private, "read bucket \"notes\"");
    session.add(&[first.clone(), brought(Label::Private, "again")]);
    session.add(&[brought(Label::Private, "later")]);
    assert_eq!(session.brought(), std::slice::from_ref(&first));
    let shown = sessions.labelled(&tenant());
    assert_eq!((shown.len(), &shown[0].brought), (1, &vec![first]));
    // The same name of another key, or of another tenant, is another session.
    assert!(sessions.name(&tenant(), key(PrincipalId::new(), "chat")).unwrap().labels().is_empty());
    assert!(sessions.name(&"globex".parse().unwrap(), key(principal, "chat")).unwrap().labels().is_empty());
    assert!(sessions.clear(&tenant(), &key(principal, "chat")));
    assert!(!sessions.clear(&tenant(), &key(principal, "chat")));
    assert!(session.labels().is_empty());
}

#[test]
fn the_record_has_what_sessions_touched() {
    let principal = PrincipalId::new();
    let (chat, other) = (key(principal, "chat"), key(principal, "other"));
    let (private, untrusted) = (Labels::NONE.with(Label::Private), Labels::NONE.with(Label::Untrusted));
    let mut entries = call(principal, "chat", Some(vec![brought(Label::Private, "a")])).to_vec();
    assert_eq!(labels_after(&entries, &chat), private);
    assert_eq!(labels_after(&entries, &other), Labels::NONE);
    entries.extend(call(principal, "chat", Some(Vec::new())));
    entries.extend(call(principal, "chat", Some(vec![brought(Label::Untrusted, "b")])));
    assert_eq!(labels_after(&entries, &chat), private.and(untrusted));
    let cleared =
        SessionCleared { change: ChangeId::new(), principal, reason: "seen".into(), session: "chat".parse().unwrap() };
    entries.push(entry(PrincipalId::new(), cleared.into()));
    assert_eq!(labels_after(&entries, &chat), Labels::NONE);
    entries.extend(call(principal, "chat", Some(vec![brought(Label::Untrusted, "c")])));
    assert_eq!(labels_after(&entries, &chat), untrusted);
}

#[test]
fn a_call_that_a_crash_ended_may_have_read_anything() {
    let principal = PrincipalId::new();
    let entries = interrupted(principal, "chat");
    assert_eq!(labels_after(&entries, &key(principal, "chat")), Labels::ALL);
    // One that has not ended brings nothing yet: its end will.
    assert_eq!(labels_after(&entries[..1], &key(principal, "chat")), Labels::NONE);
}

#[test]
fn where_nothing_asks_for_labels_calls_bring_none() {
    let principal = PrincipalId::new();
    let chat = key(principal, "chat");
    let mut entries = call(principal, "chat", None).to_vec();
    assert_eq!(labels_after(&entries, &chat), Labels::NONE);
    // What there was before the rules went is there when they come back.
    entries.extend(call(principal, "chat", Some(vec![brought(Label::Private, "a")])));
    entries.extend(call(principal, "chat", None));
    assert_eq!(labels_after(&entries, &chat), Labels::NONE.with(Label::Private));
}

/// A session that is named day by day is never forgotten, also where its calls bring nothing more.
#[test]
fn a_session_is_forgotten_where_no_call_named_it_for_long() {
    let principal = PrincipalId::new();
    let chat = key(principal, "chat");
    let mut first = call(principal, "chat", Some(vec![brought(Label::Private, "a")]));
    for entry in &mut first {
        entry.time = SystemTime::now() - IDLE_MAX - Duration::from_secs(60);
    }
    assert_eq!(labels_after(&first, &chat), Labels::NONE);
    for labels in [Some(Vec::new()), None] {
        let entries = [first.clone(), call(principal, "chat", labels)].concat();
        assert_eq!(labels_after(&entries, &chat), Labels::NONE.with(Label::Private));
    }
}

#[test]
fn sessions_without_labels_make_room_and_those_with_labels_stay() {
    let (sessions, principal) = (Sessions::default(), PrincipalId::new());
    let kept = sessions.name(&tenant(), key(principal, "kept")).unwrap();
    kept.add(&[brought(Label::Private, "a")]);
    drop(kept);
    for nth in 0..SESSIONS_MAX * 2 {
        sessions.name(&tenant(), key(principal, &format!("s{nth}"))).unwrap();
    }
    let kept = sessions.name(&tenant(), key(principal, "kept")).unwrap();
    assert_eq!(kept.labels(), Labels::NONE.with(Label::Private));
    for nth in 0..SESSIONS_MAX {
        if let Ok(session) = sessions.name(&tenant(), key(principal, &format!("l{nth}"))) {
            session.add(&[brought(Label::Private, "b")]);
        }
    }
    let refused = sessions.name(&tenant(), key(principal, "one-more")).unwrap_err();
    assert_eq!(refused.code(), Code::Throttled);
    // No other tenant notices.
    sessions.name(&"globex".parse().unwrap(), key(principal, "one-more")).unwrap();
}
