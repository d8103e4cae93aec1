//! A program as anybody writes one: it reads arguments and standard input, prints, and exits.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let mut rest = arguments.iter().skip(1).map(String::as_str);
    match rest.next() {
        Some("count") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).expect("standard input is text");
            println!("{} lines, {} words, {} bytes", text.lines().count(), text.split_whitespace().count(), text.len());
        }
        Some("cat") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).expect("standard input can be read");
            std::io::stdout().write_all(&bytes).expect("standard output takes it");
        }
        Some("look") => {
            println!("{} as {}", rest.collect::<Vec<_>>().join(","), arguments[0]);
            println!("environment: {}", std::env::vars().count());
            let folders = ["/", ".", "/etc"].map(|path| std::fs::read_dir(path).map(|entries| entries.count()).ok());
            println!("folders: {folders:?}");
            println!("connected: {}", std::net::TcpStream::connect("127.0.0.1:80").is_ok());
        }
        Some("read") => {
            let path = rest.next().expect("a path");
            print!("{}", std::fs::read_to_string(path).unwrap_or_else(|error| format!("none: {}", error.kind())));
        }
        Some("sleep") => {
            let milliseconds = rest.next().and_then(|text| text.parse().ok()).expect("milliseconds");
            std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        }
        Some("exit") => {
            eprintln!("leaving");
            std::process::exit(rest.next().and_then(|text| text.parse().ok()).expect("an exit code"));
        }
        Some("fail") => return ExitCode::FAILURE,
        Some("panic") => panic!("on purpose"),
        Some("flood") => {
            let line = [b'x'; 4096];
            loop {
                std::io::stdout().write_all(&line).expect("standard output takes it");
            }
        }
        Some("flood-errors") => loop {
            eprintln!("x");
        },
        Some("spin") => loop {
            std::hint::black_box(0);
        },
        other => println!("nothing to do: {other:?}"),
    }
    ExitCode::SUCCESS
}
