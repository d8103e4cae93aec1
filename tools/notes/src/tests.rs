use cofferdam_sdk::{Error, ErrorKind, Output, Tool, fakes};
use serde_json::{Value, json};

use crate::add::{TAG_CHARS_MAX, TAGS_MAX, TEXT_BYTES_MAX, TITLE_CHARS_MAX, add};
use crate::get::get;
use crate::list::list;
use crate::remove::remove;
use crate::search::search;

fn json_of(output: Result<Output, Error>) -> Value {
    output.unwrap().as_json().unwrap()
}

fn add_note(title: &str, text: &str, tags: &[&str]) -> u64 {
    let arguments = json!({"title": title, "text": text, "tags": tags}).to_string();
    json_of(add::call(&arguments))["id"].as_u64().unwrap()
}

fn ids(page: &Value) -> Vec<u64> {
    page["notes"].as_array().unwrap().iter().map(|note| note["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_note_that_is_kept_can_be_read_and_removed() {
    fakes::kv::grant("notes");
    let id = add_note(" Rope ", "40 m,\ntarred", &["Deck", "deck", "b"]);
    let note = json_of(get::call(&json!({"id": id}).to_string()));
    assert_eq!(note["title"], "Rope");
    assert_eq!(note["text"], "40 m,\ntarred");
    assert_eq!(note["tags"], json!(["b", "deck"]));
    assert!(note["added"].as_str().unwrap().ends_with('Z'));

    let remove_it = || json_of(remove::call(&json!({"id": id}).to_string()))["was_there"].clone();
    assert_eq!((remove_it(), remove_it()), (true.into(), false.into()));
    let gone = get::call(&json!({"id": id}).to_string()).unwrap();
    assert!(gone.is_error() && gone.as_text() == Some("there is no note 1"));
    assert_eq!(add_note("next", "", &[]), 2, "an id is not given again");
}

#[test]
fn notes_are_listed_newest_first_page_by_page() {
    fakes::kv::grant("notes").with("note/x", "of another tool").with("note/999", "of another tool");
    for number in 1..=45 {
        add_note(&format!("note {number}"), "", if number % 2 == 0 { &["Even"] } else { &[] });
    }
    let first = json_of(list::call("{}"));
    assert_eq!((ids(&first), &first["next"]), ((26..=45).rev().collect(), &json!(26)));
    assert!(first["notes"][0].get("text").is_none());
    let last = json_of(list::call(r#"{"before": 26, "limit": 25}"#));
    assert_eq!((ids(&last), &last["next"]), ((1..=25).rev().collect(), &Value::Null));
    let even = json_of(list::call(r#"{"tag": "EVEN", "limit": 2}"#));
    assert_eq!((ids(&even), &even["next"]), (vec![44, 42], &json!(42)));
}

#[test]
fn notes_are_found_by_words_in_all_their_parts() {
    fakes::kv::grant("notes");
    add_note("Rope", "40 m, tarred", &["deck"]);
    add_note("Tar", "two barrels", &["Deck", "hold"]);
    add_note("Sails", "canvas", &[]);
    let find = |query: &str| json_of(search::call(&json!({"query": query}).to_string()));
    assert_eq!(ids(&find("tar")), [2, 1]);
    assert_eq!(ids(&find("TAR deck barrel")), [2]);
    assert_eq!(ids(&find("nothing")), Vec::<u64>::new());
    assert_eq!(find("canvas")["notes"][0]["excerpt"], "canvas");
    let cut = json_of(search::call(r#"{"query": "a", "limit": 2}"#));
    assert_eq!((ids(&cut), &cut["is_cut"]), (vec![3, 2], &json!(true)));
}

#[test]
fn without_a_grant_all_of_it_is_denied_and_read_only_what_writes() {
    for denied in
        [add::call(r#"{"title": "a"}"#), get::call(r#"{"id": 1}"#), list::call("{}"), remove::call(r#"{"id": 1}"#)]
    {
        assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    }
    fakes::kv::grant("notes").read_only();
    assert!(list::call("{}").is_ok() && search::call(r#"{"query": "a"}"#).is_ok());
    assert_eq!(add::call(r#"{"title": "a"}"#).unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(remove::call(r#"{"id": 1}"#).unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn at_each_limit_a_note_is_kept_and_past_it_refused() {
    fakes::kv::grant("notes");
    let add_with = |title: usize, text: usize, tags: usize, tag: usize| {
        let tags: Vec<String> = (0..tags).map(|n| format!("{n:0tag$}")).collect();
        let arguments = json!({"title": "ä".repeat(title), "text": "x".repeat(text), "tags": tags});
        add::call(&arguments.to_string())
    };
    let (title, text, tags, tag) = (TITLE_CHARS_MAX, TEXT_BYTES_MAX, TAGS_MAX, TAG_CHARS_MAX);
    add_with(title, text, tags, tag).unwrap();
    for past in [
        add_with(title + 1, text, tags, tag),
        add_with(0, text, tags, tag),
        add_with(title, text + 1, tags, tag),
        add_with(title, text, tags + 1, tag),
        add_with(title, text, tags, tag + 1),
    ] {
        assert_eq!(past.unwrap_err().kind(), ErrorKind::InvalidArguments);
    }
    assert_eq!(fakes::kv::content("notes").len(), 2, "one note and the counter");
    for refused in [
        list::call(r#"{"limit": 101}"#),
        search::call(r#"{"query": "a", "limit": 51}"#),
        search::call(r#"{"query": " "}"#),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArguments);
    }
}
