//! Tools ask models that a test plays.

use super::*;
use crate::{ErrorKind, fakes};

#[test]
fn a_test_says_what_the_model_answers_and_reads_what_it_was_asked() {
    assert_eq!(chat("answers").user("a").send().unwrap_err().kind(), ErrorKind::Denied);
    fakes::model::respond("answers", "one");
    fakes::model::respond("answers", Error::unavailable("nobody is there"));
    fakes::model::respond("answers", ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() });
    assert_eq!(chat("answers").system("s").user("a").send().unwrap().text, "one");
    assert_eq!(chat("answers").user("b").stream().unwrap_err().kind(), ErrorKind::Unavailable);
    let pieces: Vec<_> = chat("answers").user("c").stream().unwrap().map(Result::unwrap).collect();
    assert!(matches!(&pieces[..], [Piece::ToolCall(call), Piece::End(end)]
        if call.name == "look" && end.stop == StopReason::ToolUse));
    let asked = fakes::model::asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].messages, [Message::System("s".into()), Message::User("a".into())]);
}

#[test]
fn vectors_are_what_the_test_makes_of_texts() {
    assert_eq!(embed("vectors", &["a"]).unwrap_err().kind(), ErrorKind::Denied);
    fakes::model::embed("vectors", |text| vec![text.len() as f32]);
    assert_eq!(embed("vectors", &["a", "bcd"]).unwrap().vectors, [[1.0], [3.0]]);
    fakes::reset();
    embed("vectors", &["a"]).unwrap_err();
}
