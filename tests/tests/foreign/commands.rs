//! Programs: arguments and standard input in, what they print and their exit code out.

use cofferdam::Code;
use cofferdam_tests::{foreign, program, run, shared};
use serde_json::json;
use tokio::process::Command;

use crate::tenant_with;

#[test]
fn a_program_gets_arguments_and_input_and_gives_output_and_exit_code() {
    run(async {
        let tenant = tenant_with("program").await;
        let called = async |arguments| tenant.agent.call("program.run", arguments).await.ok();
        let counted = called(json!({"args": ["count"], "stdin": "one two\nthree\n"})).await;
        assert_eq!(counted["is_error"], false);
        let told = json!({"exit_code": 0, "stdout": "2 lines, 3 words, 14 bytes\n", "stderr": ""});
        assert_eq!(counted["content"][0]["json"], told);
        // What is no text goes both ways as base64.
        let bytes = called(json!({"args": ["cat"], "stdin_base64": "/wD+"})).await;
        assert_eq!(bytes["content"][0]["json"], json!({"exit_code": 0, "stdout_base64": "/wD+", "stderr": ""}));
        let idle = called(json!({})).await;
        assert_eq!(idle["content"][0]["json"]["stdout"], "nothing to do: None\n");
        // The Rust of today knows 0 and 1 alone.
        for (arguments, code) in [(json!(["exit", "7"]), 1), (json!(["exit", "0"]), 0), (json!(["fail"]), 1)] {
            let ended = called(json!({"args": arguments})).await;
            assert_eq!(ended["content"][0]["json"]["exit_code"], code, "{ended}");
            assert_eq!(ended["is_error"], code != 0);
        }
        let left = called(json!({"args": ["exit", "3"]})).await;
        assert_eq!(left["content"][0]["json"]["stderr"], "leaving\n");
        let both = tenant.agent.call("program.run", json!({"stdin": "a", "stdin_base64": "YQ=="})).await;
        both.problem(Code::InvalidArguments);
        let none = tenant.agent.call("program.run", json!({"stdin_base64": "!"})).await;
        assert!(none.problem(Code::InvalidArguments)["detail"].as_str().unwrap().contains("/stdin_base64"));
    });
}

#[test]
fn a_program_sees_nothing_of_the_host() {
    run(async {
        let tenant = tenant_with("program").await;
        let looked = tenant.agent.call("program.run", json!({"args": ["look", "a", "b c"]})).await.json();
        assert_eq!(
            looked["stdout"], "a,b c as run\nenvironment: 0\nfolders: [None, None, None]\nconnected: false\n",
            "{looked}"
        );
    });
}

#[test]
fn a_program_that_breaks_down_fails_the_call() {
    run(async {
        let tenant = tenant_with("program").await;
        let answer = tenant.agent.call("program.run", json!({"args": ["panic"]})).await;
        answer.problem(Code::ToolFailed);
    });
}

/// What it requires by its imports alone is nothing, and what is granted it has.
#[test]
fn a_program_reads_the_volume_that_policy_grants() {
    run(async {
        let tenant = tenant_with("program").await;
        let read = json!({"args": ["read", "/work/note.txt"]});
        let denied = tenant.agent.call("program.run", read.clone()).await.json();
        assert!(denied["stdout"].as_str().unwrap().starts_with("none: "), "{denied}");
        let volume = "files = [{ volume = \"work\", mount = \"/work\", access = \"read-only\" }]";
        tenant.policy(&format!("[[grant]]\ntools = [\"program\"]\n{volume}")).await;
        let granted = tenant.agent.call("program.run", read).await.json();
        assert_eq!(granted["stdout"], "none: entity not found", "{granted}");
    });
}

/// Without a manifest it is named after its file; `run` needs no server.
#[test]
fn the_command_runs_and_pushes_a_component_of_others() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Word_Count.wasm");
        std::fs::write(&path, foreign("program")).unwrap();
        let path = path.to_str().unwrap();
        let tenant = shared().await.tenant("command").await;
        let cofferdam = async |arguments: &[&str]| {
            let mut command = Command::new(program());
            command
                .args(arguments)
                .env("COFFERDAM_URL", tenant.operator.base())
                .env("COFFERDAM_KEY", tenant.publisher.key());
            let output = command.output().await.unwrap();
            let text = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8_lossy(&text).into_owned())
        };
        let (code, text) = cofferdam(&["run", path, "run", "args=[\"count\"]", "stdin=one two"]).await;
        assert!(code == Some(0) && text.contains("1 lines, 2 words, 7 bytes"), "{text}");
        let (code, text) = cofferdam(&["push", path]).await;
        assert!(code == Some(0) && text.contains("word-count.run"), "{text}");
        let counted = tenant.agent.call("word-count.run", json!({"args": ["count"], "stdin": "a b"})).await.json();
        assert_eq!(counted["stdout"], "1 lines, 2 words, 3 bytes\n");
    });
}
