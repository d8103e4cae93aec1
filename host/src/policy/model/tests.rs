use proptest::prelude::*;

use super::*;
use crate::policy::{Ceiling, Decision, LimitsPatch, Needs, Policy, Subject, decide};
use crate::routed::WHOLE_PPM;

const PLATFORM: &str = r#"
[[provider]]
name = "big"
protocol = "openai"
url = "https://api.example.com/v1/"
key = "big-key"
models = [
  { name = "small", input_price = "0.10 USD", output_price = "0.40 USD", context_tokens = 8_000, strength = "low" },
  { name = "large", input_price = "10 USD", output_price = "30 USD", context_tokens = 100_000 },
  { name = "vectors", kind = "embeddings", input_price = "0.02 USD", context_tokens = 8_000 },
]
[[provider]]
name = "other"
protocol = "anthropic"
url = "http://10.0.0.1:8080"
key = "other-key"
plain_http = true
attempts = 1
models = [{ name = "m", input_price = "1 USD", output_price = "1 USD", context_tokens = 1_000 }]
[[grant]]
tools = ["*"]
model = ["big"]
prompt = true
"#;

const TENANT: &str = r#"
[[model]]
name = "answers"
choices = [
  { provider = "big", model = "small", max_risk = "medium" },
  { provider = "big", model = "large", min_budget_left = 0.2 },
  { provider = "other", model = "m" },
  { provider = "big", model = "none" },
]
[prompts]
short = "In a word: {text}"
[[grant]]
tools = ["a"]
model = ["answers", { route = "answers", tokens_max = 500 }]
prompt = ["short"]
"#;

fn grant() -> Arc<ModelGrant> {
    let (ceiling, policy) = (Ceiling::parse(PLATFORM).unwrap(), Policy::parse(TENANT).unwrap());
    let needs = Needs { optional: crate::policy::GrantKind::ALL.into_iter().collect(), ..Needs::default() };
    let package = "a".parse().unwrap();
    let subject = Subject { package: &package, needs: &needs, limits: &LimitsPatch::default() };
    let Decision::Allowed(allowed) = decide(&ceiling, &policy, &subject) else { panic!("denied") };
    assert!(allowed.grants.prompt.contains_key("short"));
    assert!(allowed.withheld.iter().any(|withheld| withheld.words.contains("other/m")), "{:?}", allowed.withheld);
    Arc::clone(allowed.grants.model.as_ref().unwrap())
}

fn facts() -> ModelFacts {
    ModelFacts {
        kind: ModelKind::Chat,
        complexity: Level::Low,
        risk: Level::Low,
        input_tokens: 100,
        input_tokens_max: 300,
        output_tokens_max: 200,
        tokens_left: 10_000,
        cost_left: Money::dollars(1),
        budget_left_ppm: WHOLE_PPM,
    }
}

fn chosen(facts: &ModelFacts, failed: &[(usize, &str)]) -> ModelDecision {
    let failed = failed.iter().map(|(nth, why)| (*nth, (*why).to_owned())).collect();
    choose(&grant().routes["answers"], facts, &failed)
}

#[test]
fn a_grant_is_what_both_files_let_through() {
    let grant = grant();
    let route = &grant.routes["answers"];
    assert_eq!((route.tokens_max, route.choices.len(), grant.has_providers), (Some(500), 4, true));
    let offered = route.choices[0].offered.as_ref().unwrap();
    assert_eq!(offered.provider.endpoint.post("/chat/completions").unwrap().path, "/v1/chat/completions");
    assert_eq!(offered.provider.credential.as_ref().unwrap().to_string(), "\"big-key\"");
    assert!(route.choices[2].offered.is_err(), "the ceiling names one provider");
    assert!(route.choices[3].offered.is_err());
}

#[test]
fn a_call_that_another_makes_may_use_what_both_may() {
    let own = grant();
    let mut above = ModelGrant::clone(&own);
    assert_eq!(own.within(&above), *own);
    let route = above.routes.get_mut("answers").unwrap();
    route.tokens_max = Some(300);
    route.choices.remove(1);
    let route = own.within(&above).routes.remove("answers").unwrap();
    assert_eq!(route.tokens_max, Some(300));
    assert!(route.choices[0].offered.is_ok() && route.choices[1].offered.is_err());
    above.routes.clear();
    assert!(own.within(&above).routes.is_empty());
}

#[test]
fn the_first_that_nothing_stands_against_is_taken() {
    assert_eq!(chosen(&facts(), &[]).taken, Ok(0));
    let hard = ModelFacts { complexity: Level::High, ..facts() };
    let decision = chosen(&hard, &[]);
    assert_eq!((decision.taken, &decision.downgrade), (Ok(1), &None));
    assert_eq!(decision.considered[0].reason, "complexity high > max low");
    let risky = ModelFacts { risk: Level::High, ..facts() };
    assert_eq!(chosen(&risky, &[]).considered[0].reason, "risk high > max medium");
    let long = ModelFacts { input_tokens: 9_000, input_tokens_max: 9_000, ..facts() };
    assert_eq!(chosen(&long, &[]).considered[0].reason, "about 9,200 tokens > context of 8,000");
    let vectors = ModelFacts { kind: ModelKind::Embeddings, ..facts() };
    assert_eq!(chosen(&vectors, &[]).taken, Err(ModelRefusal::Conditions));
}

#[test]
fn what_is_hard_takes_the_cheap_one_when_money_is_short_and_says_so() {
    let short = ModelFacts { complexity: Level::High, budget_left_ppm: 150_000, ..facts() };
    let decision = chosen(&short, &[]);
    assert_eq!(decision.taken, Ok(0));
    assert_eq!(decision.downgrade.unwrap(), "downgraded from big/large: budget left 15 % < min 20 %");
    let dear = ModelFacts { complexity: Level::High, cost_left: Money::billionths(200_000), ..facts() };
    let decision = chosen(&dear, &[]);
    assert_eq!(decision.taken, Ok(0));
    assert_eq!(decision.downgrade.unwrap(), "downgraded from big/large: up to 0.009 USD, and 0.0002 USD is left");
    // Risk is not traded.
    let risky = ModelFacts { risk: Level::High, ..short };
    assert_eq!(chosen(&risky, &[]).taken, Err(ModelRefusal::Budget));
    let nothing = ModelFacts { tokens_left: 100, ..facts() };
    assert_eq!(chosen(&nothing, &[]).taken, Err(ModelRefusal::Budget));
}

#[test]
fn what_failed_is_not_taken_again() {
    let decision = chosen(&facts(), &[(0, "it answered with 500")]);
    // Simple requests may take what is better than they need.
    assert_eq!(decision.taken, Ok(1));
    assert_eq!(decision.considered[0].reason, "it answered with 500");
    assert_eq!(chosen(&facts(), &[(0, "a"), (1, "b")]).taken, Err(ModelRefusal::Unavailable));
}

#[test]
fn a_diff_tells_of_all_that_a_route_says() {
    let (ceiling, before) = (Ceiling::parse(PLATFORM).unwrap(), Policy::parse(TENANT).unwrap());
    let diff = |from: &str, to: &str| {
        assert!(TENANT.contains(from), "{from}");
        let after = Policy::parse(&TENANT.replace(from, to)).unwrap();
        crate::policy::diff_offline(&ceiling, &before, &after).to_string()
    };
    let was = "big/small (max_risk medium), then big/large (min_budget_left 20 %), then other/m (not to be had), \
               then big/none (not to be had); at most 500 tokens a call";
    for (from, to, now) in [
        ("max_risk = \"medium\"", "max_complexity = \"high\"", "big/small (max_complexity high), then"),
        ("min_budget_left = 0.2", "max_input_tokens = 2_000", "big/large (max_input_tokens 2,000), then"),
        ("name = \"answers\"\n", "name = \"answers\"\nfallback = \"none\"\n", "; fallback none; at most 500 tokens"),
        ("tokens_max = 500", "tokens_max = 400", "at most 400 tokens a call; before: "),
    ] {
        let told = diff(from, to);
        assert!(told.contains("model route \"answers\": ") && told.contains(now), "{told}");
        assert!(told.contains(&format!("before: {was}")), "{told}");
    }
    // Of a prompt, that it is another one, and nothing of its text.
    let told = diff("In a word", "In two words");
    assert!(told.contains("prompt \"short\": another value") && !told.contains("words"), "{told}");
    assert_eq!(crate::policy::diff_offline(&ceiling, &before, &before).to_string(), "nothing changes");
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    for (text, said) in [
        ("[[provider]]\nname = \"a\"\n", "line 1: provider[1].protocol: it has to be there"),
        ("[[provider]]\nname = \"a\"\nurl = \"ftp://x\"", "it begins with https:// or http://"),
        ("[[provider]]\nurl = \"https://u:p@x\"", "nothing else"),
        ("[[provider]]\nkey = \"abc\"\nurl = \"http://x\"", "plain_http = true says"),
        ("[[provider]]\nmodels = [{ name = \"x\", input_price = \"free\" }]", "\"free\" is no sum of money"),
        ("[[provider]]\napi_key = \"x\"", "is called \"key\""),
        ("[provider]\nname = \"a\"", "[[provider]] with two brackets"),
    ] {
        let told = Ceiling::parse(text).unwrap_err().to_string();
        assert!(told.contains(said), "{text}: {told}");
    }
    for (text, said) in [
        ("[[model]]\nname = \"a\"\nchoices = []", "it has to have a choice"),
        (
            "[[model]]\nname = \"a\"\nchoices = [{ provider = \"p\", model = \"m\", min_budget_left = 2 }]",
            "from 0 to 1",
        ),
        ("[prompts]\na = \"{\"", "without a }"),
        ("[prompts]\nA = \"\"", "is no name"),
        ("[limits]\nmodel_cost = \"1 EUR\"", "\"1 EUR\" is no sum of money: write one as"),
    ] {
        let told = Policy::parse(text).unwrap_err().to_string();
        assert!(told.contains(said), "{text}: {told}");
    }
    let warned = crate::policy::check(&Ceiling::parse(PLATFORM).unwrap(), &Policy::parse(TENANT).unwrap());
    let warned: Vec<String> = warned.iter().map(ToString::to_string).collect();
    assert_eq!(warned, ["line 2: model[1].choices[4]: the platform has no model big/none"]);
}

proptest! {
    /// Whatever is asked: what is taken fits into what is left, no risk is traded, and the same facts choose the same.
    #[test]
    fn a_choice_fits_its_facts(
        complexity in 0..3usize, risk in 0..3usize, input in 0..20_000u64, output in 0..20_000u64,
        tokens_left in 0..50_000u64, cost_left in 0..2_000_000_000u64, budget_left_ppm in 0..=WHOLE_PPM, failed in 0..16u8,
    ) {
        let facts = ModelFacts {
            complexity: [Level::Low, Level::Medium, Level::High][complexity],
            risk: [Level::Low, Level::Medium, Level::High][risk],
            input_tokens: input / 3,
            input_tokens_max: input,
            output_tokens_max: output,
            tokens_left,
            cost_left: Money::billionths(cost_left),
            budget_left_ppm,
            ..facts()
        };
        let failed: BTreeMap<usize, String> =
            (0..4).filter(|nth| failed & 1 << nth != 0).map(|nth| (nth, "failed".to_owned())).collect();
        let grant = grant();
        let route = &grant.routes["answers"];
        let decision = choose(route, &facts, &failed);
        prop_assert_eq!(&decision, &choose(route, &facts, &failed));
        prop_assert_eq!(decision.considered.iter().filter(|choice| choice.taken).count(), usize::from(decision.taken.is_ok()));
        prop_assert!(decision.considered.iter().all(|choice| !choice.reason.is_empty()));
        if let Ok(taken) = decision.taken {
            let choice = &route.choices[taken];
            let model = &choice.offered.as_ref().unwrap().model;
            prop_assert!(!failed.contains_key(&taken));
            prop_assert!(facts.tokens_max() <= tokens_left);
            prop_assert!(model.cost(facts.input_tokens_max, facts.output_tokens_max) <= facts.cost_left);
            prop_assert!(choice.conditions.max_risk.is_none_or(|most| facts.risk <= most));
            let good = facts.complexity <= choice.conditions.max_complexity.unwrap_or(model.strength);
            prop_assert!(good || decision.downgrade.is_some(), "what is not good enough is explained");
        }
    }
}
