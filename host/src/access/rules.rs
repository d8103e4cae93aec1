//! A text of access rules: read, checked against the schema, compiled when it is first asked.

mod text;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};

use cedar_policy::{ActionConstraint, Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) use self::text::{DEPTH_MAX, OPERATORS_MAX};
use self::text::{line_at, too_deep, without_comments};
use super::action::Action;
use super::schema::schema;
use crate::id::Digest;
use crate::policy::{About, PolicyError, Problem};

/// Rules of one text. Cedar asks them one by one.
pub(super) const RULES_MAX: usize = 200;
/// Problems that are told of one text.
const PROBLEMS_MAX: usize = 100;
/// What is told of a rule's `@id`.
const ID_CHARS_MAX: usize = 80;

/// Whose rules they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The platform's, which only forbid.
    Platform,
    /// A tenant's own.
    Tenant,
}

impl Side {
    /// What names a rule of it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform access",
            Self::Tenant => "access",
        }
    }
}

/// A text of rules. Cheap to clone; compiled at the first question.
#[derive(Clone)]
pub struct Rules(Arc<Inner>);

struct Inner {
    side: Side,
    text: String,
    digest: Digest,
    compiled: OnceLock<Result<Compiled, String>>,
}

/// Rules as they are asked.
pub(super) struct Compiled {
    pub(super) set: PolicySet,
    /// Each rule's line.
    lines: HashMap<PolicyId, usize>,
    side: Side,
    /// The actions of which a `permit` speaks.
    permits: BTreeSet<Action>,
}

impl Rules {
    /// A text, in bytes.
    pub const TEXT_BYTES_MAX: usize = 32 << 10;

    /// Reads a text. The empty one is lawful: it takes nothing away.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its line.
    pub fn parse(side: Side, text: &str) -> Result<Self, PolicyError> {
        // What reads such a character can take it for another than what shows it.
        let unseen =
            |(_, character): &(usize, char)| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
        if let Some((at, character)) = text.char_indices().find(unseen) {
            let message = format!("it has the control character {character:?}: leave it out");
            let problem = Problem { line: Some(line_at(text, at)), key: String::new(), message };
            return Err(PolicyError { about: About::Access, problems: vec![problem] });
        }
        let compiled = compile(side, text)?;
        let problems = validate(&compiled);
        if !problems.is_empty() {
            return Err(PolicyError { about: About::Access, problems });
        }
        Ok(Self::new(side, text, OnceLock::from(Ok(compiled))))
    }

    /// A text that was read when it was put in force. What cannot be compiled all the same denies.
    pub fn kept(side: Side, text: &str) -> Self {
        Self::new(side, text, OnceLock::new())
    }

    fn new(side: Side, text: &str, compiled: OnceLock<Result<Compiled, String>>) -> Self {
        let digest = Digest::of(text.as_bytes());
        Self(Arc::new(Inner { side, text: text.to_owned(), digest, compiled }))
    }

    /// No rules.
    pub fn none(side: Side) -> Self {
        Self::kept(side, "")
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Its text, as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.text.is_empty()
    }

    /// Them, as they are asked.
    pub(super) fn compiled(&self) -> Result<&Compiled, &str> {
        let compile =
            || compile(self.0.side, &self.0.text).map_err(|error| error.to_string().chars().take(500).collect());
        self.0.compiled.get_or_init(compile).as_ref().map_err(String::as_str)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rules").field(&self.0.side).field(&self.digest()).finish()
    }
}

impl Compiled {
    /// Whether a `permit` speaks of `action`: then it takes one.
    pub(super) fn needs_permit(&self, action: Action) -> bool {
        self.permits.contains(&action)
    }

    /// The rules, in the order of their lines.
    pub(super) fn rules(&self) -> Vec<&Policy> {
        let mut rules: Vec<&Policy> = self.set.policies().collect();
        rules.sort_by_key(|rule| self.lines.get(rule.id()));
        rules
    }

    /// The rule by the name that decisions and the record have for it: `access line 4: forbid @id("nights")`.
    pub(super) fn name(&self, id: &PolicyId) -> String {
        let line = self.lines.get(id).map(|line| format!(" line {line}")).unwrap_or_default();
        let Some(rule) = self.set.policy(id) else { return format!("{}{line}", self.side.as_str()) };
        let effect = match rule.effect() {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        match rule.annotation("id") {
            Some(given) => {
                let shown: String = given.chars().take(ID_CHARS_MAX).collect();
                format!("{}{line}: {effect} @id({shown:?})", self.side.as_str())
            }
            None => format!("{}{line}: {effect}", self.side.as_str()),
        }
    }

    pub(super) fn line(&self, id: &PolicyId) -> Option<usize> {
        self.lines.get(id).copied()
    }
}

/// Reads a text as rules, not yet against the schema.
fn compile(side: Side, text: &str) -> Result<Compiled, PolicyError> {
    let wrong = |line, message: String| {
        let problems = vec![Problem { line, key: String::new(), message }];
        PolicyError { about: About::Access, problems }
    };
    if text.len() > Rules::TEXT_BYTES_MAX {
        let (bytes, most) = (text.len(), Rules::TEXT_BYTES_MAX);
        return Err(wrong(None, format!("the text has {bytes} bytes, and access rules have at most {most}")));
    }
    if let Some((line, message)) = too_deep(text) {
        return Err(wrong(Some(line), message));
    }
    let set = PolicySet::from_str(text).map_err(|errors| {
        let problems = errors.iter().take(PROBLEMS_MAX).map(|error| Problem {
            line: error.labels().and_then(|mut labels| labels.next()).map(|label| line_at(text, label.offset())),
            key: String::new(),
            message: sentence(error, error.help()),
        });
        PolicyError { about: About::Access, problems: problems.collect() }
    })?;
    if let Some(template) = set.templates().next() {
        let line = text.find(&template.to_cedar()).map(|at| line_at(text, at));
        return Err(wrong(line, "it is a template: write the principal and the resource out".to_owned()));
    }
    let count = set.policies().count();
    if count > RULES_MAX {
        return Err(wrong(None, format!("there are {count} rules, and a text has at most {RULES_MAX}")));
    }
    let lines = lines(text, &set);
    let permits = set
        .policies()
        .filter(|rule| rule.effect() == Effect::Permit)
        .flat_map(|rule| named_actions(&rule.action_constraint()))
        .collect();
    Ok(Compiled { set, lines, side, permits })
}

/// Where each rule begins. Rules are kept with their own text, and stand in their order; one that is commented out is none.
fn lines(text: &str, set: &PolicySet) -> HashMap<PolicyId, usize> {
    let bare = without_comments(text);
    let number = |id: &PolicyId| id.to_string().strip_prefix("policy").and_then(|rest| rest.parse::<usize>().ok());
    let mut rules: Vec<&Policy> = set.policies().collect();
    rules.sort_by_key(|rule| number(rule.id()));
    let (mut lines, mut from) = (HashMap::new(), 0);
    for rule in rules {
        let Some(own) = rule.to_cedar().map(|own| without_comments(&own)) else { continue };
        let own = own.trim();
        let Some(at) = bare[from..].find(own).map(|at| from + at) else { continue };
        lines.insert(rule.id().clone(), line_at(text, at));
        from = at + own.len();
    }
    lines
}

/// The actions that a constraint names; all where it names none.
fn named_actions(constraint: &ActionConstraint) -> Vec<Action> {
    let known = |id: &str| Action::ALL.iter().copied().find(|action| action.as_str() == id);
    match constraint {
        ActionConstraint::Any => Action::ALL.to_vec(),
        ActionConstraint::Eq(one) => known(one.id().unescaped()).into_iter().collect(),
        ActionConstraint::In(several) => several.iter().filter_map(|one| known(one.id().unescaped())).collect(),
    }
}

/// Holds rules against the schema, strictly.
fn validate(compiled: &Compiled) -> Vec<Problem> {
    let whole = |message: String| vec![Problem { line: None, key: String::new(), message }];
    let schema = match schema() {
        Ok(schema) => schema.clone(),
        Err(error) => return whole(format!("this host's schema cannot be read: {error}")),
    };
    let mut problems = Vec::new();
    if compiled.side == Side::Platform {
        let permits = compiled.rules().into_iter().filter(|rule| rule.effect() == Effect::Permit);
        problems.extend(permits.map(|rule| Problem {
            line: compiled.line(rule.id()),
            key: key(rule),
            message: "a rule of the platform forbids: what is permitted, scopes and tenants say".to_owned(),
        }));
    }
    let result = Validator::new(schema).validate(&compiled.set, ValidationMode::Strict);
    problems.extend(result.validation_errors().take(PROBLEMS_MAX).map(|error| {
        let id = error.policy_id();
        let message = sentence(error, error.help());
        // Cedar names a rule by its place, which says nothing to whoever wrote it; the line does.
        let message = message.strip_prefix(&format!("for policy `{id}`, ")).unwrap_or(&message).to_owned();
        Problem { line: compiled.line(id), key: compiled.set.policy(id).map(key).unwrap_or_default(), message }
    }));
    problems.sort_by(|one, other| (one.line, &one.message).cmp(&(other.line, &other.message)));
    problems.dedup();
    problems.truncate(PROBLEMS_MAX);
    problems
}

/// What names a rule in a list of problems.
fn key(rule: &Policy) -> String {
    rule.annotation("id").map(|id| id.chars().take(ID_CHARS_MAX).collect()).unwrap_or_default()
}

fn sentence(error: &dyn fmt::Display, help: Option<Box<dyn fmt::Display + '_>>) -> String {
    let text = match help {
        Some(help) => format!("{error}: {help}"),
        None => error.to_string(),
    };
    text.chars().take(1_000).collect()
}

/// Something in rules that is lawful and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleWarning {
    /// The line, counted from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What it does instead, as one clause.
    pub message: String,
}

impl fmt::Display for RuleWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Looks over rules that could be put in force.
pub fn check(rules: &Rules) -> Vec<RuleWarning> {
    let (Ok(compiled), Ok(schema)) = (rules.compiled(), schema()) else { return Vec::new() };
    let result = Validator::new(schema.clone()).validate(&compiled.set, ValidationMode::Strict);
    let mut warnings: Vec<RuleWarning> = result
        .validation_warnings()
        .take(PROBLEMS_MAX)
        .map(|warning| {
            let id = warning.policy_id();
            let message = sentence(warning, warning.help());
            let message = message.strip_prefix(&format!("for policy `{id}`, ")).unwrap_or(&message).to_owned();
            RuleWarning { line: compiled.line(id), message }
        })
        .collect();
    for rule in compiled.rules() {
        if rule.effect() == Effect::Permit && rule.action_constraint() == ActionConstraint::Any {
            let message = "it names no action, so every action needs a permit from here on".to_owned();
            warnings.push(RuleWarning { line: compiled.line(rule.id()), message });
        }
    }
    warnings.sort_by_key(|warning| warning.line);
    warnings
}
