//! Limits of calls, and what the ceiling says of the host.

use super::*;

#[test]
fn a_packages_limits_only_tighten() {
    let limits: LimitsPatch = toml::from_str("fuel = 1_000\ndeadline = \"50s\"").unwrap();
    let subject = Subject { package: &package("notes"), needs: &Needs::default(), limits: &limits };
    let allowed = allowed(decide(&Ceiling::builtin(), &policy(EXAMPLE), &subject));
    assert_eq!((allowed.limits.fuel, allowed.limits.deadline.as_secs()), (1_000, 2));
}

#[test]
fn the_platform_can_raise_its_ceiling_and_a_tenant_its_limits_up_to_it() {
    let policy = policy("[limits]\nfuel = 900_000_000_000\nmemory_bytes = \"1MiB\"");
    let fuel = |ceiling: &Ceiling| allowed(decided(ceiling, &policy, "a", "", "")).limits.fuel;
    assert_eq!(fuel(&Ceiling::builtin()), CallLimits::ceiling().fuel);
    assert_eq!(fuel(&ceiling("[limits]\nfuel = 1_000_000_000_000")), 900_000_000_000);
    assert_eq!(fuel(&ceiling("[limits]\nfuel = 10")), 10);
}

#[test]
fn what_the_platform_says_of_the_host_is_read() {
    let low = ceiling(LOW_CEILING);
    assert_eq!((low.buckets_bytes_max(), low.volumes_bytes_max()), (2 << 30, 10 << 30));
    assert_eq!(low.private_addresses(), ["10.0.0.7/32".parse().unwrap()]);
    let built_in = Ceiling::builtin();
    assert_eq!((built_in.buckets_bytes_max(), built_in.volumes_bytes_max()), (1 << 30, 10 << 30));
    assert_eq!((built_in.private_addresses().len(), built_in.limits()), (0, CallLimits::ceiling()));
}

#[test]
fn every_limit_is_in_the_table_once_and_reads_back() {
    let all = serde_json::to_value(CallLimits::default()).unwrap();
    let mut keys: Vec<&String> = all.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    let mut names: Vec<&str> = limits::LIMITS.iter().map(|limit| limit.name).collect();
    names.sort_unstable();
    assert_eq!(keys, names);
    // Each can be set to its ceiling, and nothing else changes with it.
    let ceiling = serde_json::to_value(CallLimits::ceiling()).unwrap();
    for limit in limits::LIMITS {
        let name = limit.name;
        let stated = match limit.unit {
            limits::Unit::Money => limit.words((limit.get)(&CallLimits::ceiling())).into(),
            _ => ceiling[name].clone(),
        };
        let text = serde_json::json!({ name: stated }).to_string();
        let patch: LimitsPatch = serde_json::from_str(&text).unwrap();
        let mut expected = all.clone();
        expected[name] = ceiling[name].clone();
        assert_eq!(serde_json::to_value(patch.apply_to(&CallLimits::default())).unwrap(), expected);
        assert_eq!(serde_json::to_value(patch.tighten(&CallLimits::default())).unwrap(), all);
    }
}
