//! Each layer only takes away: shown over random ceilings, policies and needs.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Leaving a layer out never takes anything away: so having it never adds.
    #[test]
    fn a_layer_never_adds(
        top in rules(),
        tenant in rules(),
        required in prop_oneof![Just(0), any::<u16>()],
        optional: u16,
        package_nth in 0..3usize,
    ) {
        let (low, all) = (ceiling(&top.text(true)), ceiling(&format!("{ALL}{PROVIDERS}")));
        let tenant = policy(&tenant.text(false));
        let some = Needs { required: kinds_of(required), optional: kinds_of(optional) };
        let every = Needs { required: BTreeSet::new(), optional: kinds_of(u16::MAX) };
        let tight: LimitsPatch = toml::from_str("fuel = 70_000").unwrap();
        let loose = LimitsPatch::default();
        let package = package(PACKAGES[package_nth]);
        let with = |ceiling, needs, limits| decide(ceiling, &tenant, &Subject { package: &package, needs, limits });

        if let Decision::Allowed(three) = with(&low, &some, &tight) {
            for two in [with(&all, &some, &tight), with(&low, &every, &loose), with(&all, &every, &loose)] {
                let two = allowed(two);
                prop_assert!(is_within(&three.grants, &two.grants), "{:#?} is not within {:#?}", three, two);
                prop_assert_eq!(three.limits.min(&two.limits), (*three.limits).clone());
            }
        }
    }

    /// What is granted is what a plain reckoning over the rules gives: in all three layers, and no less than that.
    #[test]
    fn what_is_granted_is_in_all_three(
        top in rules(),
        tenant in rules(),
        required in prop_oneof![Just(0), any::<u16>()],
        optional: u16,
        package_nth in 0..3usize,
    ) {
        let package_name = PACKAGES[package_nth];
        let needs = Needs { required: kinds_of(required), optional: kinds_of(optional) };
        let limits = LimitsPatch::default();
        let (ceiling, policy) = (ceiling(&top.text(true)), policy(&tenant.text(false)));
        let package = package(package_name);
        let subject = Subject { package: &package, needs: &needs, limits: &limits };
        let explanation = explain(&ceiling, &policy, &subject, None);
        let callable = top.lets(package_name) && tenant.lets(package_name);
        let (above, below) = (top.of(package_name), tenant.of(package_name));
        let declared = |kind| needs.declare(kind);

        let kv = stores(&above, &below, |said| &said.kv, (10 << 20, 10_000));
        let kv = if declared(GrantKind::Kv) { kv } else { Stores::new() };
        let files = stores(&above, &below, |said| &said.files, (100 << 20, 10_000));
        let files = if declared(GrantKind::Files) { files } else { Stores::new() };
        let lets = |all: &[&Said], host, method, path| all.iter().any(|said| said.lets_request(host, method, path));
        let http: Vec<bool> = requests()
            .map(|(_, host, method, path)| {
                declared(GrantKind::Http) && lets(&above, host, method, path) && lets(&below, host, method, path)
            })
            .collect();
        let widest = |all: &[&Said]| all.iter().filter_map(|said| said.clock).max();
        let clock = widest(&above).min(widest(&below)).filter(|_| declared(GrantKind::Clock)).unwrap_or(Clock::Frozen);
        let widest = |all: &[&Said]| all.iter().filter_map(|said| said.random).max();
        let random = widest(&above).min(widest(&below)).filter(|_| declared(GrantKind::Random));
        let random = random.unwrap_or(Random::Seeded);
        let widest = |all: &[&Said]| all.iter().filter_map(|said| said.log).min();
        let log = widest(&above).zip(widest(&below)).filter(|_| declared(GrantKind::Log));
        let log = log.map(|(above, below)| above.max(below));
        let config = declared(GrantKind::Config) && above.iter().any(|said| said.config.is_some());
        let config: BTreeSet<&str> = below.iter().filter_map(|said| said.config).filter(|_| config).collect();

        let passing = |all: &[&Said], name: &str| {
            let named = all.iter().flat_map(|said| &said.call).filter(|(pattern, _)| names(pattern, name));
            named.map(|(_, own)| *own).max()
        };
        let calls: Vec<Option<bool>> = PACKAGES
            .iter()
            .map(|name| passing(&above, name).min(passing(&below, name)).filter(|_| declared(GrantKind::Call)))
            .collect();
        // A pattern may name packages that there are none of in this world.
        let overlap = |one: &str, other: &str| {
            names(one, other) || names(other, one) || one == other
        };
        let rules = |all: &[&Said]| -> Vec<&'static str> {
            all.iter().flat_map(|said| &said.call).map(|(pattern, _)| *pattern).collect()
        };
        let calls_something = declared(GrantKind::Call)
            && rules(&below).iter().any(|own| rules(&above).iter().any(|cap| overlap(own, cap)));

        let named = |all: &[&Said], wanted: &str| -> Vec<Option<u64>> {
            all.iter().flat_map(|said| &said.model).filter(|(name, _)| *name == wanted).map(|(_, tokens)| *tokens).collect()
        };
        let speaks = declared(GrantKind::Model) && above.iter().any(|said| !said.model.is_empty());
        let models: BTreeMap<String, (Option<u64>, Vec<bool>)> = ROUTES
            .iter()
            .filter(|(route, ..)| speaks && !named(&below, route).is_empty())
            .map(|(route, _, choices)| {
                let lets = |provider: &&str| {
                    ROUTES.iter().any(|(name, other, _)| other == provider && !named(&above, name).is_empty())
                };
                let tokens = named(&below, route).into_iter().flatten().min();
                ((*route).to_owned(), (tokens, choices.iter().map(lets).collect()))
            })
            .collect();
        let prompts = declared(GrantKind::Prompt) && above.iter().any(|said| !said.prompt.is_empty());
        let prompts: BTreeSet<&str> = below.iter().flat_map(|said| &said.prompt).copied().filter(|_| prompts).collect();

        let missing = needs.required.iter().any(|kind| match kind {
            GrantKind::Http => !http.contains(&true),
            GrantKind::Kv => kv.is_empty(),
            GrantKind::Files => files.is_empty(),
            GrantKind::Clock => clock == Clock::Frozen,
            GrantKind::Random => random == Random::Seeded,
            GrantKind::Log => log.is_none(),
            GrantKind::Config => config.is_empty(),
            GrantKind::Call => !calls_something,
            GrantKind::Model => models.is_empty(),
            GrantKind::Prompt => prompts.is_empty(),
        });
        prop_assert_eq!(explanation.allowed, callable && !missing, "{}", explanation);
        let Decision::Allowed(held) = decide(&ceiling, &policy, &subject) else {
            prop_assert!(!explanation.allowed);
            return Ok(());
        };
        prop_assert!(explanation.allowed);

        let of = |kv: &Grant<KvGrant>| (kv.bucket.clone(), (kv.access, kv.bytes_max, kv.keys_max));
        prop_assert_eq!(held.grants.kv.iter().map(of).collect::<Stores>(), kv);
        let of = |files: &Grant<FilesGrant>| (files.volume.clone(), (files.access, files.bytes_max, files.files_max));
        prop_assert_eq!(held.grants.files.iter().map(of).collect::<Stores>(), files);
        let decides = |target: &HttpTarget| held.grants.http.as_ref().is_some_and(|http| http.decide(target).is_ok());
        prop_assert_eq!(requests().map(|(target, ..)| decides(&target)).collect::<Vec<_>>(), http);
        prop_assert_eq!((*held.grants.clock, *held.grants.random), (clock, random));
        prop_assert_eq!(held.grants.log.as_deref().copied(), log);
        prop_assert_eq!(held.grants.config.keys().map(String::as_str).collect::<BTreeSet<_>>(), config);

        let passing = |name: &&str| {
            let call = held.grants.call.as_ref()?;
            call.decide(&super::package(name)).ok().map(|passing| passing == Passing::Own)
        };
        prop_assert_eq!(PACKAGES.iter().map(passing).collect::<Vec<_>>(), calls);
        let route = |route: &ModelRoute| {
            let offered: Vec<bool> = route.choices.iter().map(|choice| choice.offered.is_ok()).collect();
            (route.name.clone(), (route.tokens_max, offered))
        };
        let held_models = held.grants.model.iter().flat_map(|grant| grant.routes.values()).map(route);
        prop_assert_eq!(held_models.collect::<BTreeMap<_, _>>(), models);
        prop_assert_eq!(held.grants.prompt.keys().map(String::as_str).collect::<BTreeSet<_>>(), prompts);

        let (default, most) = (CallLimits::default(), CallLimits::ceiling());
        let in_force = |name, default: u64, most: u64| {
            tenant.limits.get(name).copied().unwrap_or(default).min(top.limits.get(name).copied().unwrap_or(most))
        };
        prop_assert_eq!(held.limits.fuel, in_force("fuel", default.fuel, most.fuel));
        prop_assert_eq!(held.limits.memory_bytes, in_force("memory_bytes", default.memory_bytes, most.memory_bytes));
        let operations = in_force("kv_operations", default.kv_operations, most.kv_operations);
        prop_assert_eq!(held.limits.kv_operations, operations);
    }

    /// What a call holds that another made, that one holds, and what is left of its limits; and it holds no more than if a
    /// key had made it. The same for a call below both.
    #[test]
    fn a_child_holds_no_more_than_its_caller(top in rules(), tenant in rules(), kinds: [u16; 3], nth in prop::array::uniform3(0..3usize)) {
        let (ceiling, policy) = (ceiling(&top.text(true)), policy(&tenant.text(false)));
        let (limits, mut above) = (LimitsPatch::default(), None::<Holding>);
        for (bits, nth) in kinds.into_iter().zip(nth) {
            let needs = Needs { required: BTreeSet::new(), optional: kinds_of(bits) };
            let package = package(PACKAGES[nth]);
            let subject = Subject { package: &package, needs: &needs, limits: &limits };
            let Decision::Allowed(alone) = decide(&ceiling, &policy, &subject) else { return Ok(()) };
            let held = match &above {
                None => alone.clone(),
                Some(above) => {
                    let child = alone.under(&subject, above, Passing::Caller).unwrap();
                    prop_assert!(is_within(&child.grants, &above.grants), "{:#?} is not within {:#?}", child, above);
                    prop_assert!(is_within(&child.grants, &alone.grants), "{:#?} is not within {:#?}", child, alone);
                    prop_assert_eq!(child.limits.min(&above.limits), (*child.limits).clone());
                    prop_assert!(child.limits.child_depth < above.limits.child_depth);
                    let own = alone.under(&subject, above, Passing::Own).unwrap();
                    prop_assert_eq!(&own.grants, &alone.grants);
                    prop_assert!(own.limits.fuel <= above.limits.fuel);
                    child
                }
            };
            above = Some(Holding { grants: held.grants, limits: held.limits });
        }
    }

    /// Two rules are said to overlap if and only if some request matches both.
    #[test]
    fn rules_overlap_where_a_request_matches_both(one in 0..36usize, other in 0..36usize) {
        let rule = |nth: usize| {
            let text = |text: &str| vec![text.to_owned()];
            let (host, method, path) = (HOSTS[nth % 4], METHODS[nth / 4 % 3], PATHS[nth / 12]);
            HttpRule::new(Scheme::Https, host, None, &text(method), &text(path)).unwrap()
        };
        let (one, other) = (rule(one), rule(other));
        let grant = HttpGrant::new(vec![one.clone()], vec![other.clone()], Vec::new());
        let both = requests().any(|(target, ..)| grant.decide(&target).is_ok());
        prop_assert_eq!(one.overlaps(&other), both, "{} and {}", one, other);
        prop_assert_eq!(other.overlaps(&one), both);
    }
}
