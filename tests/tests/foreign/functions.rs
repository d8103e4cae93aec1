//! Functions: found, described by their types, called with values of every type.

use cofferdam::Code;
use cofferdam_tests::{foreign, run, shared};
use serde_json::{Value, json};
use wasm_encoder::{ComponentSection as _, CustomSection};

use crate::tenant_with;

#[test]
fn each_function_is_a_tool_with_a_schema_of_its_types() {
    run(async {
        let tenant = tenant_with("shapes").await;
        let components = tenant.publisher.get("/v1/components").await.ok();
        assert_eq!(components["components"][0]["kind"], "functions");
        let tools = tenant.agent.get("/v1/tools").await.ok();
        let tools: Vec<&Value> = tools["tools"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|tool| tool["name"].as_str().unwrap().starts_with("shapes"))
            .collect();
        assert_eq!(tools.len(), 21, "{tools:?}");
        let tool = |name: &str| *tools.iter().find(|tool| tool["name"] == format!("shapes.{name}")).unwrap();
        assert_eq!(
            tool("area")["input_schema"]["required"],
            json!(["width", "height"]),
            "in the order of the parameters"
        );
        let place = tool("echo-place");
        assert_eq!(place["input_schema"]["properties"]["value"]["required"], json!(["x", "y"]));
        assert!(place["description"].as_str().unwrap().contains("acme:shapes/echo@1.2.0#place"), "{place}");
        // It imports nothing that it could change anything with.
        assert_eq!(place["annotations"]["read_only"], true);
    });
}

#[test]
fn values_of_every_type_go_in_and_come_out() {
    run(async {
        let tenant = tenant_with("shapes").await;
        for (function, value) in [
            ("flag", json!(true)),
            ("small", json!(255)),
            ("wide", json!("18446744073709551615")),
            ("wide", json!(9_007_199_254_740_991_u64)),
            ("signed", json!("-9223372036854775808")),
            ("single", json!(0.1)),
            ("double", json!("NaN")),
            ("double", json!(-0.25)),
            ("letter", json!("é")),
            ("bytes", json!("AAEC/w==")),
            ("numbers", json!([1, -2, 3])),
            ("pair", json!(["a", 7])),
            ("place", json!({"x": 1, "y": -1, "label": "here"})),
            ("figure", json!("nothing")),
            ("figure", json!({"circle": 1.5})),
            ("figure", json!({"polygon": [{"x": 0, "y": 0, "label": null}]})),
            ("paint", json!("dark-blue")),
            ("rights", json!(["read", "run"])),
            ("maybe", json!(null)),
            ("maybe", json!(7)),
            ("maybe-maybe", json!({"some": null})),
            ("outcome", json!({"err": "no"})),
        ] {
            let answer = tenant.agent.call(&format!("shapes.echo-{function}"), json!({"value": value})).await.json();
            let answer = if function == "outcome" { answer[0].clone() } else { answer };
            assert_eq!(answer, value, "{function}");
        }
        // A string is text, nothing is nothing, and of a result the bad case is an answer that says so.
        assert_eq!(tenant.agent.call("shapes.echo-text", json!({"value": "ä\u{0}"})).await.text(), "ä\u{0}");
        assert_eq!(tenant.agent.call("shapes.greet", json!({})).await.text(), "Hello, whoever you are!");
        assert_eq!(tenant.agent.call("shapes.forget", json!({})).await.ok()["content"], json!([]));
        assert_eq!(tenant.agent.call("shapes.area", json!({"width": 2, "height": 1.5})).await.json(), json!(3.0));
        let refused = tenant.agent.call("shapes.area", json!({"width": -2, "height": 1.5})).await.ok();
        assert_eq!(
            (&refused["is_error"], &refused["content"][0]["text"]),
            (&json!(true), &json!("a side is negative"))
        );
    });
}

#[test]
fn arguments_that_are_no_values_are_refused_with_their_place() {
    run(async {
        let tenant = tenant_with("shapes").await;
        for (function, arguments, place) in [
            ("echo-small", json!({"value": 256}), "/value"),
            ("echo-place", json!({"value": {"x": 1, "y": true}}), "/value/y"),
            ("echo-figure", json!({"value": {"square": 1}}), "/value"),
            ("echo-wide", json!({"value": "18446744073709551616"}), "/value"),
            ("echo-bytes", json!({"value": "not base64"}), "/value"),
            ("echo-rights", json!({"value": ["read", "read"]}), "/value"),
            ("area", json!({"width": 1}), "height"),
            ("forget", json!({"more": 1}), "more"),
        ] {
            let answer = tenant.agent.call(&format!("shapes.{function}"), arguments).await;
            let problem = answer.problem(Code::InvalidArguments);
            assert!(problem["detail"].as_str().unwrap().contains(place), "{function}: {problem}");
        }
    });
}

/// A component carries no documentation unless someone puts it in, as `wit-docs-inject` and others do.
#[test]
fn documentation_that_a_component_carries_describes_its_tools() {
    run(async {
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/foreign/rust/shapes/wit");
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(wit).unwrap();
        let docs = wit_parser::PackageMetadata::extract(&resolve, package).encode().unwrap();
        let mut bytes = foreign("shapes").to_vec();
        let section = CustomSection { name: wit_parser::PackageMetadata::SECTION_NAME.into(), data: docs.into() };
        section.append_to_component(&mut bytes);
        let tenant = shared().await.tenant("documented").await;
        tenant.push("shapes", bytes).await;
        let area = tenant.agent.get("/v1/tools/shapes.area").await.ok();
        assert_eq!(area["description"], "The area of a rectangle.\n\nNegative sides are refused.", "{area}");
        let place = tenant.agent.get("/v1/tools/shapes.echo-place").await.ok();
        assert_eq!(place["input_schema"]["properties"]["value"]["properties"]["x"]["description"], "To the right.");
    });
}

/// What was called once can be run again to the same bytes and the same fuel.
#[test]
fn a_call_of_a_function_is_replayed() {
    run(async {
        let tenant = tenant_with("shapes").await;
        tenant.policy("[audit]\npayloads = \"1h\"").await;
        let answer = tenant.agent.call("shapes.echo-text", json!({"value": "again"})).await;
        let call = answer.call().to_owned();
        let replay = tenant.auditor.post(&format!("/v1/calls/{call}/replay"), &json!({})).await.ok();
        assert_eq!(replay["outcome"], "same", "{replay}");
    });
}
