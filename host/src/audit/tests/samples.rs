//! Events to append: one of every kind.

use std::time::{Duration, SystemTime};

use crate::audit::entry::*;
use crate::error::Code;
use crate::id::{ApprovalId, CallId, ChangeId, DecisionId, Digest, PrincipalId, SubmissionId};
use crate::labels::{Brought, Label};
use crate::money::Money;
use crate::routed::{ChoiceFacts, DecidedChoice, DecidedRoute, Health, Level, RouteInputs, Standing, Verdict};
use crate::uses::{CapabilityUse, Clock, LogLevel, Scheme, Touch};

/// A time that microseconds spell exactly.
pub(crate) fn micros_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_530_000_123_456)
}

fn access() -> DecidedAccess {
    DecidedAccess {
        awaits: true,
        by: vec!["scopes: permit @id(\"agent-may-call\")".to_owned()],
        hour: 9,
        platform: Digest::of(b"platform"),
        recalled: Some("tenant".to_owned()),
        tenant: Digest::of(b"tenant"),
        weekday: "thu".to_owned(),
    }
}

fn brought() -> Brought {
    Brought { by: "read bucket \"notes\"".to_owned(), call: CallId::new(), label: Label::Private }
}

/// A decision on a route with everything that can be in one.
fn route(first: CallId) -> DecidedRoute {
    let choice = |verdict, why: Option<&str>| DecidedChoice {
        cost: Some(Level::Low),
        facts: ChoiceFacts {
            budget: why.map(|_| "fuel_per_day".to_owned()),
            flow: why.map(|_| "policy line 12: [[flow]] 1".to_owned()),
            health: Health::HalfOpen,
            needed: why.map(|_| "http".to_owned()).into_iter().collect(),
            risk: Some(Level::High),
            standing: Standing::Callable,
            tried: why.map(|_| Code::ToolFailed),
            version: Some("1.2.0".parse().unwrap()),
        },
        tool: "catalogue/text.count@1".parse().unwrap(),
        verdict,
        why: why.map(str::to_owned),
        without: why.map(|_| "http".to_owned()).into_iter().collect(),
    };
    DecidedRoute {
        attempt: 2,
        choices: vec![
            choice(Verdict::Rejected, Some("risk high > max medium")),
            choice(Verdict::Taken, None),
            choice(Verdict::StandingBy, None),
        ],
        first: Some(first),
        inputs: RouteInputs {
            budget: Some("fuel_per_day".to_owned()),
            budget_left_ppm: 1_000_000,
            complexity: Level::Medium,
            draw_ppm: 123_456,
            input_bytes: 120,
            load_ppm: 50_000,
            risk: Level::Low,
        },
        name: "count".parse().unwrap(),
    }
}

pub(crate) fn decided(call: CallId) -> Event {
    CallDecided {
        access: Some(access()),
        approval: Some(ApprovalId::new()),
        arguments: Mac::from_bytes([7; 32]),
        arguments_bytes: 120,
        call,
        ceiling: Digest::of(b"ceiling"),
        component: Digest::of(b"component"),
        engine: "48.0.8-small-0f3a".to_owned(),
        frozen_time: Some(micros_time()),
        labels: vec![brought()],
        limits: (&crate::limits::CallLimits::default()).into(),
        parent: None,
        policy: Digest::of(b"policy"),
        reserved: Some(Reserved {
            amounts: crate::amounts::Amounts::of(|amount| 1_000 + amount as u64),
            at: micros_time(),
        }),
        risk: Some(Level::Medium),
        route: Some(route(call)),
        root: None,
        rule: "tools.\"catalogue/text\"".to_owned(),
        session: Some("chat-7".parse().unwrap()),
        tool: "catalogue/text.count".parse().unwrap(),
        version: "1.2.0".parse().unwrap(),
    }
    .into()
}

pub(crate) fn ended(call: CallId) -> Event {
    CallEnded {
        duration_us: 310,
        fuel: 12_000,
        kv_operations: 1,
        memory_bytes: 1 << 20,
        result: Some(Mac::from_bytes([9; 32])),
        result_bytes: 44,
        uses: Some(vec![CapabilityUse::Kv { access: Touch::Read, bucket: "notes".to_owned() }]),
        ..CallEnded::of(call, Outcome::Ok)
    }
    .into()
}

/// One use of every kind.
pub(crate) fn every_use() -> Vec<CapabilityUse> {
    let name = || "notes".to_owned();
    vec![
        CapabilityUse::Clock { shows: Clock::Coarse },
        CapabilityUse::Config { key: "said \"so\"\n".to_owned() },
        CapabilityUse::Files { access: Touch::Write, mount: "/work".to_owned(), volume: name() },
        CapabilityUse::Http {
            host: "api.example.com".to_owned(),
            method: "GET".to_owned(),
            path: "/repos/*".to_owned(),
            port: 443,
            scheme: Scheme::Https,
        },
        CapabilityUse::Kv { access: Touch::Read, bucket: name() },
        CapabilityUse::Log { level: LogLevel::Warn },
        CapabilityUse::Random {},
        CapabilityUse::Secret { host: "a.example".to_owned(), name: "github".parse().unwrap(), version: 2 },
    ]
}

pub(crate) fn every_event() -> Vec<Event> {
    let (call, change, key) = (CallId::new(), ChangeId::new(), PrincipalId::new());
    let version: semver::Version = "1.2.0-rc.1+x".parse().unwrap();
    let (component, text) = (Digest::of(b"component"), || "said \"so\"\n\u{1}é".to_owned());
    let package: crate::id::PackageName = "notes".parse().unwrap();
    let (tool, texts) = ("notes.add".parse().unwrap(), || vec!["wasi:keyvalue/store@0.2.0".to_owned(), text()]);
    vec![
        decided(call),
        ended(call),
        CallEnded {
            call,
            child_calls: 0,
            child_fuel: 0,
            duration_us: u64::MAX,
            files_bytes_written: u64::MAX,
            fuel: u64::MAX,
            http_received_bytes: u64::MAX,
            http_requests: u64::MAX,
            http_sent_bytes: u64::MAX,
            kv_operations: u64::MAX,
            labels: Some(vec![brought()]),
            memory_bytes: u64::MAX,
            model_cost: u64::MAX,
            model_input_tokens: u64::MAX,
            model_output_tokens: u64::MAX,
            model_requests: u64::MAX,
            outcome: Outcome::Failed(Code::DeadlineExceeded),
            result: None,
            result_bytes: u64::MAX,
            uses: Some(every_use()),
            uses_left_out: u64::MAX,
        }
        .into(),
        CallRefused {
            access: Some(access()),
            call: Some(call),
            ceiling: Some(Digest::of(b"ceiling")),
            code: Code::Denied,
            count: 1,
            decisions: vec![],
            labels: Vec::new(),
            parent: None,
            policy: Some(Digest::of(b"policy")),
            reason: text(),
            route: Some(route(call)),
            rule: Some(text()),
            session: None,
            tool: Some(tool),
            version: Some(version.clone()),
        }
        .into(),
        CallRefused {
            access: None,
            call: None,
            ceiling: None,
            code: Code::Throttled,
            count: 31,
            decisions: vec![DecisionId::new()],
            labels: Vec::new(),
            parent: None,
            policy: None,
            reason: text(),
            route: None,
            rule: None,
            session: None,
            tool: None,
            version: None,
        }
        .into(),
        CallReplayed {
            call,
            component: Some(component),
            difference: Some(text()),
            fuel: Some(1),
            outcome: ReplayOutcome::Differs,
        }
        .into(),
        CallReplayed { call, component: None, difference: None, fuel: None, outcome: ReplayOutcome::NotComparable }
            .into(),
        PayloadErased { call: Some(call), change }.into(),
        PayloadErased { call: None, change }.into(),
        CapabilityDenied { action: text(), call, capability: "http".to_owned(), nearest: Some(text()), rule: text() }
            .into(),
        model_requested(call, &text()).into(),
        ComponentAdmitted { bytes: 80_000, change, component, imports: texts(), tool_kind: "native".to_owned() }.into(),
        ComponentRejected { component: None, reasons: texts() }.into(),
        ToolPublished { change, component, package: package.clone(), signer: None, version: version.clone() }.into(),
        ToolPublished { change, component, package: package.clone(), signer: Some(text()), version: version.clone() }
            .into(),
        ToolApproved { asks: text(), change, package: package.clone(), version: version.clone() }.into(),
        ComponentRecalled { change, component, reason: text() }.into(),
        RecallLifted { change, component }.into(),
        SubmissionOpened {
            change,
            component,
            package: package.clone(),
            submission: SubmissionId::new(),
            tenant: "acme".parse().unwrap(),
            version: version.clone(),
        }
        .into(),
        SubmissionDecided {
            approved: false,
            change,
            component,
            package: package.clone(),
            reason: Some(text()),
            submission: SubmissionId::new(),
            tenant: "acme".parse().unwrap(),
            version: version.clone(),
        }
        .into(),
        ToolPromoted { before: Some(version.clone()), change, package: package.clone(), version: version.clone() }
            .into(),
        ToolPromoted { before: None, change, package: package.clone(), version: version.clone() }.into(),
        ToolRolledBack { before: Some(version.clone()), change, package: package.clone(), version: version.clone() }
            .into(),
        ToolDeprecated { change, message: text(), package, version }.into(),
        PolicyChanged { after: Digest::of(b"after"), before: Some(Digest::of(b"before")), change }.into(),
        AccessChanged { after: Digest::of(b"after"), before: Some(Digest::of(b"before")), change, platform: true }
            .into(),
        AccessChanged { after: Digest::of(b"after"), before: None, change, platform: false }.into(),
        TenantCreated { change }.into(),
        TenantSuspended { change, reason: Some(text()) }.into(),
        TenantResumed { change }.into(),
        KeyCreated { change, key, name: text(), scopes: vec!["agent".to_owned()] }.into(),
        KeyRotated { change, key }.into(),
        KeyRevoked { change, key }.into(),
        CallAnswered {
            access: access(),
            answer_of: CallId::new(),
            arguments: Mac::from_bytes([7; 32]),
            arguments_bytes: 120,
            because: Code::BudgetExceeded,
            call: CallId::new(),
            ceiling: Digest::of(b"ceiling"),
            component: Digest::of(b"component"),
            labels: vec![brought()],
            policy: Digest::of(b"policy"),
            result: Mac::from_bytes([9; 32]),
            result_bytes: 7,
            route: Some(route(CallId::new())),
            rule: text(),
            session: Some("chat-7".parse().unwrap()),
            tool: "catalogue/text.count".parse().unwrap(),
            version: "1.2.0".parse().unwrap(),
        }
        .into(),
        ApprovalAsked {
            approval: ApprovalId::new(),
            arguments: Mac::from_bytes([7; 32]),
            arguments_bytes: 120,
            call: CallId::new(),
            ceiling: Digest::of(b"ceiling"),
            component: Digest::of(b"component"),
            expires: micros_time(),
            labels: vec![brought()],
            policy: Digest::of(b"policy"),
            risk: Level::High,
            rules: vec![text()],
            session: Some("chat-7".parse().unwrap()),
            tool: "mail.send".parse().unwrap(),
            version: "1.2.0".parse().unwrap(),
        }
        .into(),
        ApprovalDecided {
            approval: ApprovalId::new(),
            approved: false,
            change: ChangeId::new(),
            expires: micros_time(),
            principal: PrincipalId::new(),
            reason: Some(text()),
            tool: "mail.send".parse().unwrap(),
        }
        .into(),
        ApprovalExpired { approval: ApprovalId::new(), why: ApprovalEnd::Time }.into(),
        SessionCleared {
            change: ChangeId::new(),
            principal: PrincipalId::new(),
            reason: "read through".to_owned(),
            session: "chat-7".parse().unwrap(),
        }
        .into(),
        SecretSet { change, name: "github".parse().unwrap(), version: 2 }.into(),
        SecretRemoved { change, name: "github".parse().unwrap(), version: 2 }.into(),
        LogKeyRotated { after: "log.example/acme+1d2c3b4a+AXyz".to_owned(), before: text(), change }.into(),
        LoginFailed { count: 4, reason: text() }.into(),
        RequestRefused {
            count: 2,
            decisions: vec![DecisionId::new()],
            operation: "PUT /v1/policy".to_owned(),
            reason: text(),
            rules: vec![text()],
        }
        .into(),
        HostStarted { engine: "48.0.8".to_owned(), version: "0.1.0".to_owned() }.into(),
        HostKeysRotated { change, payloads: 2, secrets: 3 }.into(),
        HostRecovered { interrupted: 3 }.into(),
    ]
}

fn model_requested(call: CallId, text: &str) -> ModelRequested {
    let considered = |taken| ModelConsidered {
        model: "large".to_owned(),
        provider: "acme".to_owned(),
        reason: text.to_owned(),
        taken,
    };
    ModelRequested {
        answer: Some(Mac::from_bytes([7; 32])),
        attempts: 2,
        budget_left_ppm: 150_000,
        call,
        complexity: Level::High,
        considered: vec![considered(false), considered(true)],
        cost: Money::billionths(2_400),
        cost_left: Money::dollars(1),
        downgrade: Some(text.to_owned()),
        input_tokens: 12,
        input_tokens_estimate: 10,
        input_tokens_max: 90,
        kind: "chat".to_owned(),
        outcome: "ok".to_owned(),
        output_tokens: 3,
        output_tokens_max: 50,
        request: Mac::from_bytes([8; 32]),
        risk: Level::Medium,
        route: "answers".to_owned(),
        tokens_left: 100_000,
    }
}
