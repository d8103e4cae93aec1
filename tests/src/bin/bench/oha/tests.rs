use serde_json::{Value, json};

use super::{Came, Printed};

/// What version 1.16.0 printed for 300 requests, ten in a hundred of which a server refused; less what is not read.
fn printed() -> Value {
    json!({
        "summary": {"successRate": 1.0, "total": 3.4, "slowest": 0.43, "requestsPerSec": 88.2, "sizePerRequest": 8},
        "metrics": {"success_rate": 1.0, "latency_ms": {"p99": 420.041}},
        "latencyPercentiles": {"p50": 0.236_069_687, "p99": 0.420_041_255},
        "latencyPercentilesSuccessful": {"p50": 0.236_069_687, "p99": 0.419, "p99.9": 0.430_236_198},
        "statusCodeDistribution": {"200": 270, "503": 30},
        "errorDistribution": {},
    })
}

fn came(printed: &Value, due: Option<u64>) -> Result<Came, String> {
    let read = serde_json::from_str::<Printed>(&printed.to_string()).map_err(|error| error.to_string());
    read.map(|printed| printed.came(due))
}

#[test]
fn what_it_prints_is_counted_once() {
    let came = came(&printed(), Some(300)).unwrap();
    assert_eq!((came.asked, came.answered, came.errors()), (300, 270, 30));
    assert_eq!((came.p99, came.seconds), (419.0, 3.4));
    assert!((came.rate() - 270.0 / 3.4).abs() < 1e-9);
    assert_eq!(came.others, [("503".to_owned(), 30)].into());
}

#[test]
fn requests_without_an_answer_are_errors_and_so_are_those_that_never_left() {
    let mut printed = printed();
    printed["errorDistribution"] = json!({"timeout": 2});
    let came = came(&printed, Some(310)).unwrap();
    assert_eq!((came.asked, came.answered, came.errors()), (310, 270, 40));
    assert_eq!((came.others["timeout"], came.others["never sent"]), (2, 8));
}

#[test]
fn where_it_is_not_known_how_many_were_due_it_is_as_many_as_it_tells_of() {
    let mut printed = printed();
    printed["errorDistribution"] = json!({"aborted due to deadline": 64});
    assert_eq!(came(&printed, None).unwrap().asked, 364);
}

#[test]
fn where_nothing_succeeds_there_is_no_p99() {
    let mut printed = printed();
    printed["latencyPercentilesSuccessful"] = json!({"p50": null, "p99": null});
    printed["statusCodeDistribution"] = json!({});
    printed["errorDistribution"] = json!({"Connection refused (os error 111)": 300});
    let came = came(&printed, Some(300)).unwrap();
    assert!(came.p99.is_nan());
    assert_eq!((came.answered, came.errors()), (0, 300));
}

#[test]
fn a_member_that_is_missing_is_named() {
    for (within, member) in [
        ("", "summary"),
        ("", "latencyPercentilesSuccessful"),
        ("", "statusCodeDistribution"),
        ("", "errorDistribution"),
        ("summary", "total"),
        ("latencyPercentilesSuccessful", "p99"),
    ] {
        let mut printed = printed();
        let object = if within.is_empty() { &mut printed } else { &mut printed[within] };
        object.as_object_mut().unwrap().remove(member);
        let error = came(&printed, None).unwrap_err();
        assert!(error.contains(&format!("missing field `{member}`")), "{error}");
    }
}
