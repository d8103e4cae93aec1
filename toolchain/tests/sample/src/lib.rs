//! Answers with its arguments, the time and what is in a file: enough to need the standard library and its bindings.

wit_bindgen::generate!({ path: "../../../wit", world: "cofferdam:tool/native", generate_all });

use exports::cofferdam::tool::tools::{Content, Definition, Failure, Guest, Hints, Output};

struct Sample;

impl Guest for Sample {
    fn describe() -> Vec<Definition> {
        vec![Definition {
            name: "echo".into(),
            title: None,
            description: "Answers with its arguments.".into(),
            input_schema: r#"{"type":"object"}"#.into(),
            output_schema: None,
            hints: Hints { read_only: true, destructive: false, idempotent: true },
        }]
    }

    fn call(name: String, arguments: String) -> Result<Output, Failure> {
        if name != "echo" {
            return Err(Failure::UnknownTool);
        }
        let now = std::time::SystemTime::now();
        let file = std::fs::read_to_string("/work/note").unwrap_or_default();
        println!("{now:?}");
        Ok(Output { content: vec![Content::Json(arguments), Content::Text(file)], is_error: false })
    }
}

export!(Sample);
