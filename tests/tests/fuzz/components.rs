//! Components, their types and the definitions that they give of themselves.

use cofferdam_tests::handmade::{Handmade, with_sections};
use cofferdam_tests::{foreign, guest, run};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{acceptable, documents, fuzz, mutated, names, tenant};

#[test]
fn fuzz_uploads() {
    run(async {
        let tenant = tenant("uploads").await;
        let (real, small) = (guest("noop").to_vec(), Handmade::default().build().to_vec());
        let size = |bytes: &[u8], at: usize| {
            // A section that claims to be as large as it can be said to be.
            let mut bytes = bytes.to_vec();
            bytes.splice(at..at, [11, 0xff, 0xff, 0xff, 0xff, 0x0f]);
            bytes
        };
        let uploads = prop_oneof![
            3 => mutated(real.clone()),
            5 => mutated(small.clone()),
            2 => vec(any::<u8>(), 0..2_000).prop_map(|bytes| [b"\0asm\x0d\0\x01\0", bytes.as_slice()].concat()),
            1 => vec(any::<u8>(), 0..2_000),
            1 => any::<prop::sample::Index>().prop_map(move |cut| real[..cut.index(real.len())].to_vec()),
            1 => (0_u32..30_000).prop_map({ let small = small.clone(); move |count| with_sections(&small, count as usize).to_vec() }),
            1 => Just(size(&small, 8)),
            1 => (8_usize..small.len()).prop_map(move |at| size(&small, at)),
        ];
        fuzz(&tenant, uploads, async |bytes| Some(tenant.publisher.upload(bytes.clone()).await)).await;
        // What of it was admitted is what it says, and can be called.
        for component in tenant.publisher.get("/v1/components").await.ok()["components"].as_array().unwrap() {
            assert!(!component["definitions"].as_array().unwrap().is_empty(), "{component}");
        }
    });
}

/// Values of every WIT type, as agents would get them wrong.
#[test]
fn fuzz_values_of_functions() {
    let functions =
        ["wide", "double", "letter", "bytes", "pair", "place", "figure", "rights", "maybe-maybe", "outcome"];
    let cases = prop_oneof![
        documents(),
        ("[a-z-]{0,9}", documents()).prop_map(|(name, value)| json!({ name: value })),
        prop::sample::select(vec!["circle", "polygon", "some", "ok", "err", "x"])
            .prop_map(|name| json!({ name: [null] })),
        vec(documents(), 0..4).prop_map(Value::from),
    ];
    run(async {
        let tenant = tenant("values").await;
        tenant.push("shapes", foreign("shapes")).await;
        fuzz(&tenant, (prop::sample::select(functions.to_vec()), cases), async |(function, value)| {
            Some(tenant.agent.call(&format!("shapes.echo-{function}"), json!({"value": value})).await)
        })
        .await;
    });
}

/// Types and functions of components of others, damaged: what is read of them, is read behind the walls.
#[test]
fn fuzz_types_of_functions() {
    run(async {
        let tenant = tenant("types").await;
        let bytes = foreign("shapes").to_vec();
        // Types stand behind the code: half of the damage goes there.
        let tail = bytes.len() - 4_000;
        let (head, types) = (bytes[..tail].to_vec(), bytes[tail..].to_vec());
        let damaged = mutated(types).prop_map(move |types| [head.clone(), types].concat());
        fuzz(&tenant, prop_oneof![damaged, mutated(bytes)], async |bytes| {
            Some(tenant.publisher.upload(bytes.clone()).await)
        })
        .await;
    });
}

#[test]
fn fuzz_definitions() {
    run(async {
        let tenant = tenant("definitions").await;
        let schemas = prop_oneof![
            Just(r#"{"type":"object"}"#.to_owned()),
            documents().prop_map(|document| document.to_string()),
            documents().prop_map(|document| json!({"type": "object", "properties": document}).to_string()),
            documents().prop_map(|document| json!({"type": "object", "properties": {"a": document}}).to_string()),
            "\\PC{0,30}".prop_map(|pattern| json!({"type": "object", "patternProperties": {pattern: {}}}).to_string()),
            Just(json!({"type": "object", "$ref": "#"}).to_string()),
            Just(json!({"type": "object", "$ref": "https://example.com/schema"}).to_string()),
            Just(json!({"type": "object", "$ref": "file:///etc/passwd"}).to_string()),
            Just(json!({"type": "object", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}).to_string()),
            Just(r#"{"type":"object","properties":{"a":{"pattern":"(a+)+$"}}}"#.to_owned()),
        ];
        let names = prop_oneof![Just("handmade".to_owned()), names().prop_map(|name| name.chars().take(500).collect())];
        let definitions = (names, any::<String>(), schemas);
        fuzz(&tenant, definitions, async |(name, description, schema)| {
            // Its texts lie where no argument is put.
            let schema: String = schema.chars().take(8_000).collect();
            let handmade =
                Handmade { name: name.clone(), description: description.clone(), schema, ..Handmade::default() };
            let answer = tenant.publisher.upload(handmade.build()).await;
            if answer.status >= 400 {
                return Some(answer);
            }
            let digest = answer.body["digest"].clone();
            let package = format!("p{}", &digest.as_str().unwrap()[7..40]);
            let body = json!({"version": "1.0.0", "component": digest});
            tenant.publisher.post(&format!("/v1/packages/{package}/versions"), &body).await.ok();
            // Whatever its schema is, arguments are checked against it in time.
            let tool = format!("{package}.{name}");
            for arguments in
                [json!({}), json!({"a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}), json!({"x": [1], "a": {"b": null}})]
            {
                acceptable(&tenant.agent.call(&tool, arguments).await, &handmade);
            }
            Some(tenant.agent.get(&format!("/v1/tools/{tool}")).await)
        })
        .await;
    });
}
