//! Names that read back as they were written, and such as are none.

use super::*;

#[test]
fn tool_names_read_back_as_written() {
    for text in ["notes.add", "catalogue/text.count", "catalogue/http-fetch", "calculate"] {
        assert_eq!(text.parse::<ToolName>().unwrap().to_string(), text);
    }
    // The long spelling of a package's own definition is the same tool.
    assert_eq!("notes.notes".parse::<ToolName>().unwrap(), "notes".parse().unwrap());
    assert_eq!("notes.add@1".parse::<ToolRequest>().unwrap().to_string(), "notes.add@1");
    assert_eq!("notes@1.2.0".parse::<ToolRequest>().unwrap().to_string(), "notes@1.2.0");
}

#[test]
fn a_route_is_told_from_a_tool_by_its_name() {
    for (text, is_route) in [("routes/summarise", true), ("routes", false), ("notes.add@1", false)] {
        let target: CallTarget = text.parse().unwrap();
        assert_eq!((target.to_string().as_str(), matches!(target, CallTarget::Route(_))), (text, is_route));
    }
    for text in ["routes/", "routes/a@1", "routes/a.b", "routes/a/b", "routes//a", "Routes/a", "catalogue/routes/a"] {
        assert!(text.parse::<CallTarget>().is_err(), "{text:?}");
    }
}

/// Refused; what was given does not come back whole.
#[test]
fn hostile_names_are_refused_and_the_error_stays_short() {
    for text in ["", "a/b", "../x", "catalogue/", "A", "a..b", "a.b.c", "a@", "a@1.x", "a\u{0}", "a--b", "-a", "a-"] {
        assert!(text.parse::<ToolRequest>().is_err(), "{text:?}");
    }
    let error = "x".repeat(1 << 20).parse::<TenantId>().unwrap_err().to_string();
    assert!(error.len() < 300, "{}", error.len());
}

#[test]
fn digests_have_one_spelling() {
    let digest = Digest::of(b"x");
    assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    assert!(CallId::new().to_string().to_uppercase().parse::<CallId>().is_err());
}
