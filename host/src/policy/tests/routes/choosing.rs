//! What routes choose, against a reckoning of its own.

use expect_test::expect;
use proptest::prelude::*;

use super::super::policy;
use super::route;
use crate::error::Code;
use crate::id::{PrincipalId, TenantId};
use crate::policy::route::{choose, draw};
use crate::routed::{
    ChoiceFacts, DecidedChoice, DecidedRoute, Health, Level, RouteInputs, Standing, Verdict, WHOLE_PPM,
};

const INPUTS: RouteInputs = RouteInputs {
    budget: None,
    budget_left_ppm: WHOLE_PPM,
    complexity: Level::Low,
    draw_ppm: 432_100,
    input_bytes: 1_000,
    load_ppm: 0,
    risk: Level::Low,
};

fn facts() -> ChoiceFacts {
    ChoiceFacts {
        budget: None,
        flow: None,
        health: Health::Closed,
        needed: Vec::new(),
        risk: Some(Level::Low),
        standing: Standing::Callable,
        tried: None,
        version: Some("1.0.0".parse().unwrap()),
    }
}

/// What was decided, in words, of the only route of a policy.
fn words(text: &str, inputs: &RouteInputs, facts: &[ChoiceFacts]) -> String {
    let decided = choose(&policy(text).routes()[0], inputs, facts.to_vec());
    let line = |choice: DecidedChoice| match choice.why {
        Some(why) => format!("{} {}: {why}", choice.tool, choice.verdict.as_str()),
        None => format!("{} {}", choice.tool, choice.verdict.as_str()),
    };
    decided.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Each condition names the two facts that it compared.
#[test]
fn each_rejection_says_the_fact_that_decided() {
    let all = route(
        "{ tool = \"a\", max_risk = \"medium\" }, { tool = \"b\", max_complexity = \"low\" },
         { tool = \"c\", max_input_bytes = 999 }, { tool = \"d\", max_load = 0.5 },
         { tool = \"e\", min_budget_left = 0.2 }, { tool = \"f\", share = 0.1 }, { tool = \"g\", trust = \"catalogue\" },
         { tool = \"h\" }, { tool = \"i\" }, { tool = \"j\" }, { tool = \"k\" }, { tool = \"l\" }, { tool = \"m\" },
         { tool = \"n\" }, { tool = \"o\" }, { tool = \"p\" }",
    );
    let inputs = RouteInputs {
        budget: Some("fuel_per_day".to_owned()),
        budget_left_ppm: 199_999,
        complexity: Level::Medium,
        load_ppm: 550_000,
        ..INPUTS
    };
    let mut of = vec![facts(); 16];
    of[0].risk = Some(Level::High);
    of[7].standing = Standing::Denied;
    of[8] = ChoiceFacts { standing: Standing::NotFound, risk: None, version: None, ..facts() };
    of[9].health = Health::Open;
    of[10].health = Health::Probing;
    of[11].tried = Some(Code::DeadlineExceeded);
    of[12].flow = Some("policy line 9: [[flow]] 1 (when = [\"private\"], deny = [\"http\"])".to_owned());
    of[13].budget = Some("calls_per_hour".to_owned());
    of[14].health = Health::HalfOpen;
    expect![[r#"
        a rejected: risk high > max medium
        b rejected: complexity medium > max low
        c rejected: input 1,000 bytes > max 999 bytes
        d rejected: load 55 % > max 50 %
        e rejected: budget left 19.9999 % of fuel_per_day < min 20 %
        f rejected: draw 43.21 % is not in its share of 10 %
        g rejected: trust own is not catalogue
        h rejected: this key may not call it
        i rejected: there is no such tool
        j rejected: its breaker is open
        k rejected: its breaker waits for how a call ends
        l rejected: an attempt with it ended: deadline-exceeded
        m rejected: the session may not have what it needs: policy line 9: [[flow]] 1 (when = ["private"], deny = ["http"])
        n rejected: no room in the budget calls_per_hour
        o taken
        p standing-by"#]]
    .assert_eq(&words(&all, &inputs, &of));
    // What the call declares counts where the tool's own is less.
    let declared = RouteInputs { risk: Level::High, ..INPUTS };
    let mut of = vec![facts(); 3];
    of[1].needed = vec!["http".to_owned(), "kv".to_owned()];
    let choices =
        "{ tool = \"a\", max_risk = \"medium\" }, { tool = \"b\", without = [\"kv\", \"http\"] }, { tool = \"b\" }";
    let risky = words(&route(choices), &declared, &of);
    expect![[r#"
        a rejected: risk high > max medium
        b rejected: the tool cannot do without http and kv
        b taken"#]]
    .assert_eq(&risky);
}

/// One of ten thousand keys after the other, at ten per cent.
#[test]
fn a_canary_gets_its_share_of_keys_and_always_the_same_ones() {
    let tenant: TenantId = "acme".parse().unwrap();
    // The same ones each time: of other ones one set in a thousand lies outside of what is asked for here.
    let key = |nth: u32| format!("0192f0c4-{:04x}-7c3a-9b52-5f0d6c1e{nth:04x}", nth % 97).parse().unwrap();
    let keys: Vec<PrincipalId> = (0..10_000).map(key).collect();
    let on = |share: &str, route: &str| -> Vec<bool> {
        let text = super::route(&format!("{{ tool = \"new\", share = {share} }}, {{ tool = \"old\" }}"));
        let policy = policy(&text.replace("\"a\"", &format!("{route:?}")));
        let route = &policy.routes()[0];
        let taken = |key: &PrincipalId| {
            let inputs = RouteInputs { draw_ppm: draw(&tenant, &route.name, *key), ..INPUTS };
            choose(route, &inputs, vec![facts(); 2])[0].verdict == Verdict::Taken
        };
        keys.iter().map(taken).collect()
    };
    let count = |taken: &[bool]| taken.iter().filter(|taken| **taken).count();
    let tenth = on("0.1", "a");
    assert!((900..=1_100).contains(&count(&tenth)), "{}", count(&tenth));
    // Whenever it is asked.
    assert_eq!(tenth, on("0.1", "a"));
    // A larger share adds keys and takes none away.
    let mut before = on("0", "a");
    assert_eq!(count(&before), 0);
    for share in ["0.000001", "0.05", "0.1", "0.25", "0.5", "0.999999", "1"] {
        let after = on(share, "a");
        assert!(before.iter().zip(&after).all(|(before, after)| !before || *after), "{share}");
        before = after;
    }
    assert_eq!(count(&before), keys.len());
    // Another route tries its canary on others.
    let other = on("0.1", "b");
    let both = tenth.iter().zip(&other).filter(|(one, other)| **one && **other).count();
    assert!((50..=150).contains(&both), "{both} of a hundred expected");
}

#[test]
fn shares_lie_one_behind_the_other() {
    let policy = policy(&route("{ tool = \"a\", share = 0.1 }, { tool = \"b\", share = 0.2 }, { tool = \"c\" }"));
    let taken = |draw_ppm: u32| {
        let decided = choose(&policy.routes()[0], &RouteInputs { draw_ppm, ..INPUTS }, vec![facts(); 3]);
        decided.iter().position(|choice| choice.verdict == Verdict::Taken).unwrap()
    };
    let places: Vec<usize> = [0, 99_999, 100_000, 299_999, 300_000, 999_999].map(taken).into();
    assert_eq!(places, [0, 0, 1, 1, 2, 2]);
}

/// A choice as it is written, and what is known of it.
#[derive(Debug, Clone)]
struct Given {
    tool: &'static str,
    max_input_bytes: Option<u64>,
    max_risk: Option<Level>,
    max_complexity: Option<Level>,
    max_load: Option<u32>,
    min_budget_left: Option<u32>,
    share: Option<u32>,
    trust: Option<&'static str>,
    facts: ChoiceFacts,
}

impl Given {
    fn text(&self) -> String {
        let part = |ppm: u32| format!("{}.{:06}", ppm / WHOLE_PPM, ppm % WHOLE_PPM);
        let mut text = format!("{{ tool = {:?}", self.tool);
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                text += &format!(", {key} = {value}");
            }
        };
        add("max_input_bytes", self.max_input_bytes.map(|bytes| bytes.to_string()));
        add("max_risk", self.max_risk.map(|level| format!("\"{level}\"")));
        add("max_complexity", self.max_complexity.map(|level| format!("\"{level}\"")));
        add("max_load", self.max_load.map(part));
        add("min_budget_left", self.min_budget_left.map(part));
        add("share", self.share.map(part));
        add("trust", self.trust.map(|trust| format!("{trust:?}")));
        text + " }"
    }

    /// Whether it takes a call, reckoned from what was said of it.
    fn takes(&self, inputs: &RouteInputs, start: u64) -> bool {
        let Self { facts, .. } = self;
        let own = if self.tool.starts_with("catalogue/") { "catalogue" } else { "own" };
        let draw = u64::from(inputs.draw_ppm);
        facts.standing == Standing::Callable
            && matches!(facts.health, Health::Closed | Health::HalfOpen)
            && facts.tried.is_none()
            && facts.flow.is_none()
            && facts.budget.is_none()
            && self.trust.is_none_or(|trust| trust == own)
            && self.max_input_bytes.is_none_or(|max| inputs.input_bytes <= max)
            && self.max_risk.is_none_or(|max| inputs.risk <= max && facts.risk.is_none_or(|risk| risk <= max))
            && self.max_complexity.is_none_or(|max| inputs.complexity <= max)
            && self.max_load.is_none_or(|max| inputs.load_ppm <= max)
            && self.min_budget_left.is_none_or(|min| inputs.budget_left_ppm >= min)
            && self.share.is_none_or(|share| draw >= start && draw < start + u64::from(share))
    }
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(Level::ALL.to_vec())
}

fn ppm() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(WHOLE_PPM), 0..=WHOLE_PPM, Just(500_000)]
}

fn given() -> impl Strategy<Value = Given> {
    // Most facts speak for a choice, or nothing would ever be taken.
    let health = prop_oneof![
        6 => Just(Health::Closed), 1 => Just(Health::HalfOpen), 1 => Just(Health::Open), 1 => Just(Health::Probing),
    ];
    let standing =
        prop_oneof![8 => Just(Standing::Callable), 1 => Just(Standing::Denied), 1 => Just(Standing::NotFound)];
    let tried = prop_oneof![6 => Just(None), 1 => Just(Some(Code::ToolFailed))];
    let named = |text: &'static str| prop_oneof![8 => Just(None), 1 => Just(Some(text.to_owned()))];
    let facts = (named("fuel_per_day"), named("policy: [[flow]] 1"), health, standing, tried, level(), prop::bool::ANY)
        .prop_map(|(budget, flow, health, standing, tried, risk, version)| ChoiceFacts {
            budget,
            flow,
            health,
            needed: Vec::new(),
            risk: (standing == Standing::Callable).then_some(risk),
            standing,
            tried,
            version: version.then(|| "1.2.3".parse().unwrap()),
        });
    let rarely = |one: BoxedStrategy<u32>| prop_oneof![2 => Just(None), 1 => one.prop_map(Some)];
    let conditions = (
        prop_oneof![2 => Just(None), 1 => (0..3_000u64).prop_map(Some)],
        prop::option::of(level()),
        prop::option::of(level()),
        rarely(ppm().boxed()),
        rarely(ppm().boxed()),
        rarely(ppm().boxed()),
        prop_oneof![4 => Just(None), 1 => prop::sample::select(vec!["own", "catalogue"]).prop_map(Some)],
    );
    let tool = prop::sample::select(vec!["a", "a@1", "b.c@1.2.0", "catalogue/a", "catalogue/b.c@2"]);
    (tool, conditions, facts).prop_map(|(tool, conditions, facts)| {
        let (max_input_bytes, max_risk, max_complexity, max_load, min_budget_left, share, trust) = conditions;
        Given { tool, max_input_bytes, max_risk, max_complexity, max_load, min_budget_left, share, trust, facts }
    })
}

fn inputs() -> impl Strategy<Value = RouteInputs> {
    let budget = prop_oneof![1 => Just(None), 1 => Just(Some("calls_per_day".to_owned()))];
    (budget, ppm(), level(), 0..WHOLE_PPM, 0..3_000u64, ppm(), level()).prop_map(
        |(budget, budget_left_ppm, complexity, draw_ppm, input_bytes, load_ppm, risk)| RouteInputs {
            budget,
            budget_left_ppm,
            complexity,
            draw_ppm,
            input_bytes,
            load_ppm,
            risk,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// What is chosen is what a reckoning of its own says, and what the record has of it chooses the same again.
    #[test]
    fn a_recorded_decision_is_made_again(choices in prop::collection::vec(given(), 1..6), inputs in inputs()) {
        let written: Vec<String> = choices.iter().map(Given::text).collect();
        let text = route(&written.join(", "));
        let policy = policy(&text);
        let facts: Vec<ChoiceFacts> = choices.iter().map(|choice| choice.facts.clone()).collect();
        let decided = choose(&policy.routes()[0], &inputs, facts);

        let mut start = 0;
        let mut taken = false;
        for (given, decided) in choices.iter().zip(&decided) {
            let takes = given.takes(&inputs, start);
            start += u64::from(given.share.unwrap_or(0));
            let expected = match (takes, taken) {
                (false, _) => Verdict::Rejected,
                (true, true) => Verdict::StandingBy,
                (true, false) => Verdict::Taken,
            };
            prop_assert_eq!((decided.verdict, decided.why.is_some()), (expected, !takes), "{:?}", given);
            taken |= takes;
        }

        // By way of an entry's text, under a policy that was read anew.
        let name = policy.routes()[0].name.clone();
        let recorded = DecidedRoute { attempt: 1, choices: decided, first: None, inputs, name };
        let read: DecidedRoute = serde_json::from_str(&serde_json::to_string(&recorded).unwrap()).unwrap();
        prop_assert_eq!(&read, &recorded);
        let again = super::super::policy(&text);
        let facts = read.choices.iter().map(|choice| choice.facts.clone()).collect();
        prop_assert_eq!(choose(again.route(&read.name).unwrap(), &read.inputs, facts), read.choices);
    }
}
