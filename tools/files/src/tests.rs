use std::fs;
use std::path::PathBuf;

use cofferdam_sdk::{Error, ErrorKind, Output, Tool, fakes};
use serde_json::{Value, json};

use crate::list::list;
use crate::read::{TEXT_BYTES_MAX, read};
use crate::search::{FILE_BYTES_MAX, LINE_CHARS_MAX, SEARCHED_BYTES_MAX, search};
use crate::write::write;

fn work() -> PathBuf {
    fakes::files::mount("/work")
}

fn json_of(output: Result<Output, Error>) -> Value {
    output.unwrap().as_json().unwrap()
}

fn failed(output: Result<Output, Error>) -> String {
    let output = output.unwrap();
    assert!(output.is_error());
    output.as_text().unwrap().to_owned()
}

fn refused(output: Result<Output, Error>) -> String {
    let error = output.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArguments);
    error.to_string()
}

fn call<T: Tool>(arguments: Value) -> Result<Output, Error> {
    T::call(&arguments.to_string())
}

#[test]
fn a_folder_is_listed_as_deep_as_asked() {
    fs::create_dir_all(work().join("b/c")).unwrap();
    fs::write(work().join("b/c/d.txt"), "1234").unwrap();
    fs::write(work().join("a.txt"), "12").unwrap();
    let paths = |listed: Value| -> Vec<String> {
        let path = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
        listed["entries"].as_array().unwrap().iter().map(path).collect()
    };
    let listed = json_of(call::<list>(json!({})));
    assert_eq!(listed["entries"][0], json!({"path": "/work/a.txt", "kind": "file", "bytes": 2}));
    assert_eq!(listed["entries"][1], json!({"path": "/work/b", "kind": "folder"}));
    assert_eq!(listed["is_cut"], false);
    let deep = json_of(call::<list>(json!({"path": "b", "depth": 2})));
    assert_eq!(paths(deep), ["/work/b/c", "/work/b/c/d.txt"]);
    let cut = json_of(call::<list>(json!({"path": "/", "depth": 16, "entries_max": 2})));
    assert_eq!((cut["is_cut"].clone(), paths(cut)), (true.into(), vec!["/work".to_owned(), "/work/a.txt".to_owned()]));
    assert!(failed(call::<list>(json!({"path": "a.txt"}))).contains("/work/a.txt is not a folder"));
    assert!(failed(call::<list>(json!({"path": "none"}))).starts_with("/work/none: "));
    assert!(refused(call::<list>(json!({"depth": 17}))).contains("`depth`"));
    assert!(refused(call::<list>(json!({"entries_max": 0}))).contains("`entries_max`"));
}

#[test]
fn a_range_of_lines_is_read() {
    fs::write(work().join("a.txt"), "eins\nzwei\ndrüi\nvier").unwrap();
    let range = |from_line: u64, lines_max: usize| {
        let lines = json_of(call::<read>(json!({"path": "a.txt", "from_line": from_line, "lines_max": lines_max})));
        assert_eq!(lines["file_bytes"], 20);
        (lines["text"].as_str().unwrap().to_owned(), lines["lines"].as_u64().unwrap(), lines["is_cut"] == true)
    };
    assert_eq!(range(1, 4), ("eins\nzwei\ndrüi\nvier".to_owned(), 4, false));
    assert_eq!(range(2, 2), ("zwei\ndrüi\n".to_owned(), 2, true));
    assert_eq!(range(4, 1), ("vier".to_owned(), 1, false));
    assert_eq!(range(9, 1), (String::new(), 0, false));
    assert!(refused(call::<read>(json!({"path": "a.txt", "from_line": 0}))).contains("from 1"));
    assert!(refused(call::<read>(json!({"path": "a.txt", "lines_max": 5001}))).contains("5000"));
}

#[test]
fn a_long_file_is_cut_between_characters() {
    fs::write(work().join("a.txt"), "a".to_owned() + &"ä".repeat(TEXT_BYTES_MAX / 2)).unwrap();
    let lines = json_of(call::<read>(json!({"path": "a.txt"})));
    assert_eq!(lines["text"].as_str().unwrap().len(), TEXT_BYTES_MAX - 1);
    assert_eq!(lines["is_cut"], true);
    fs::write(work().join("b.txt"), "b".repeat(TEXT_BYTES_MAX)).unwrap();
    assert_eq!(json_of(call::<read>(json!({"path": "b.txt"})))["is_cut"], false);
}

#[test]
fn what_is_no_text_is_not_read() {
    fs::write(work().join("a.bin"), [0xff, 0xfe]).unwrap();
    assert_eq!(failed(call::<read>(json!({"path": "a.bin"}))), "/work/a.bin is not text in UTF-8");
    assert_eq!(failed(call::<read>(json!({"path": "/work"}))), "/work is not a file");
}

#[test]
fn lines_are_found_in_every_folder() {
    fs::create_dir(work().join("b")).unwrap();
    fs::write(work().join("a.rs"), "fn one() {}\nfn two() {}\n").unwrap();
    fs::write(work().join("b/c.txt"), "FN three").unwrap();
    fs::write(work().join("b/d.bin"), b"fn\0").unwrap();
    let found = json_of(call::<search>(json!({"pattern": "(?i)^fn t"})));
    let line = |path: &str, line: usize, text: &str| json!({"path": path, "line": line, "text": text});
    assert_eq!(found["matches"], json!([line("/work/a.rs", 2, "fn two() {}"), line("/work/b/c.txt", 1, "FN three")]));
    assert_eq!((&found["files"], &found["passed_over"], &found["is_cut"]), (&json!(2), &json!(1), &json!(false)));
    let found = json_of(call::<search>(json!({"pattern": "fn", "name_ends_with": ".rs", "matches_max": 1})));
    assert_eq!((found["matches"].as_array().unwrap().len(), &found["is_cut"]), (1, &json!(true)));
    let one = json_of(call::<search>(json!({"pattern": "three", "path": "b/c.txt"})));
    assert_eq!(one["matches"][0]["path"], "/work/b/c.txt");
    assert!(refused(call::<search>(json!({"pattern": "("}))).contains("`pattern`"));
    assert!(refused(call::<search>(json!({"pattern": "x".repeat(1025)}))).contains("1024"));
}

#[test]
fn a_large_file_is_passed_over_and_a_long_line_cut() {
    let size = usize::try_from(FILE_BYTES_MAX).unwrap();
    fs::write(work().join("at.txt"), "x".repeat(size)).unwrap();
    fs::write(work().join("past.txt"), "x".repeat(size + 1)).unwrap();
    let found = json_of(call::<search>(json!({"pattern": "x"})));
    assert_eq!((&found["files"], &found["passed_over"]), (&json!(1), &json!(1)));
    assert_eq!(found["matches"][0]["text"].as_str().unwrap().len(), LINE_CHARS_MAX);
}

#[test]
fn a_search_ends_at_the_limit_of_bytes() {
    let size = usize::try_from(FILE_BYTES_MAX).unwrap();
    let files = SEARCHED_BYTES_MAX / FILE_BYTES_MAX;
    (0..files).for_each(|n| fs::write(work().join(format!("{n}.txt")), "x".repeat(size)).unwrap());
    let at = json_of(call::<search>(json!({"pattern": "none"})));
    assert_eq!((&at["files"], &at["is_cut"]), (&json!(files), &json!(false)));
    fs::write(work().join("z.txt"), "x").unwrap();
    let past = json_of(call::<search>(json!({"pattern": "none"})));
    assert_eq!((&past["files"], &past["is_cut"]), (&json!(files), &json!(true)));
}

#[test]
fn a_file_is_made_replaced_and_extended() {
    let put = |mode: &str, text: &str| call::<write>(json!({"path": "n/a.txt", "text": text, "mode": mode}));
    let content = || fs::read_to_string(work().join("n/a.txt")).unwrap();
    assert_eq!(json_of(put("create", "eins\n")), json!({"path": "/work/n/a.txt", "bytes": 5}));
    assert!(failed(put("create", "zwei\n")).contains("is there already"));
    assert_eq!(json_of(put("append", "zwei\n"))["bytes"], 10);
    assert_eq!(content(), "eins\nzwei\n");
    put("overwrite", "drei").unwrap();
    assert_eq!(content(), "drei");
    assert_eq!(fs::read_dir(work().join("n")).unwrap().count(), 1, "nothing is left beside it");
    assert!(failed(call::<write>(json!({"path": "n", "text": "", "mode": "overwrite"}))).starts_with("/work/n: "));
    assert!(refused(call::<write>(json!({"path": "/", "text": ""}))).contains("no file"));
}

#[test]
fn no_tool_leaves_its_mounts() {
    work();
    let path = json!({"path": "/work/../etc/passwd"});
    for refusal in [
        call::<read>(path.clone()),
        call::<list>(path.clone()),
        call::<write>(json!({"path": "../x", "text": ""})),
        call::<search>(json!({"pattern": "x", "path": "/work/.."})),
    ] {
        assert!(refused(refusal).contains("`..`"));
    }
    assert!(failed(call::<read>(json!({"path": "/etc/passwd"}))).starts_with("/etc/passwd: "));
}
