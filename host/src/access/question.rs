//! What is asked: who, to do what, to what, when. Plain facts, and their spelling as Cedar's entities.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use semver::Version;

use super::action::Action;
use crate::id::{Origin, PackageRef, PrincipalId, TenantId, ToolName};
use crate::identity::{Principal, Scopes};
use crate::policy::Risk;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// The key's id.
    pub id: PrincipalId,
    /// What its owner calls it.
    pub name: &'a str,
    /// Whose it is.
    pub tenant: &'a TenantId,
    /// What it may be used for.
    pub scopes: Scopes,
}

impl<'a> From<&'a Principal> for Who<'a> {
    fn from(principal: &'a Principal) -> Self {
        let Principal { id, tenant, name, scopes, .. } = principal;
        Self { id: *id, name, tenant, scopes: *scopes }
    }
}

/// What it is to be done to.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// A tool, as it would run.
    Tool {
        /// Its name.
        name: &'a ToolName,
        /// The version that would run.
        version: &'a Version,
        /// What a call of it could do.
        risk: Risk,
    },
    /// A package.
    Package(&'a PackageRef),
    /// The asking key's tenant.
    Tenant,
}

/// When it is asked, as coarse as rules see it: UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// The hour, from 0 to 23.
    pub hour: u8,
    /// The day of the week, from 0 for Monday to 6.
    pub weekday: u8,
}

/// Days of the week, as rules spell them.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Moment {
    /// The moment that `time` is in.
    pub fn of(time: SystemTime) -> Self {
        let hours = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 3_600;
        // The first of January 1970 was a Thursday.
        Self { hour: (hours % 24) as u8, weekday: ((hours / 24 + 3) % 7) as u8 }
    }

    /// The day of the week, as rules spell it.
    pub fn day(self) -> &'static str {
        WEEKDAYS[usize::from(self.weekday % 7)]
    }

    /// Every moment that rules can tell from another.
    pub fn week() -> impl Iterator<Item = Self> {
        (0..7).flat_map(|weekday| (0..24).map(move |hour| Self { hour, weekday }))
    }

    /// The moment that a record has.
    pub fn parse(day: &str, hour: u8) -> Option<Self> {
        let weekday = WEEKDAYS.iter().position(|known| *known == day)?;
        (hour < 24).then_some(Self { hour, weekday: weekday as u8 })
    }
}

/// All of it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub who: Who<'a>,
    /// What.
    pub action: Action,
    /// To what.
    pub resource: Resource<'a>,
    /// When.
    pub moment: Moment,
}

/// The same as Cedar has it. What cannot be spelt is an error, which denies.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

pub(super) fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(|error| format!("{kind}: {error}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

impl Question<'_> {
    /// Its resource by name, as messages have it.
    pub(super) fn resource_words(&self) -> String {
        match self.resource {
            Resource::Tool { name, .. } => name.to_string(),
            Resource::Package(package) => package.to_string(),
            Resource::Tenant => format!("tenant {}", self.who.tenant),
        }
    }

    pub(super) fn asked(&self) -> Result<Asked, String> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let (who, scopes) = (self.who, self.who.scopes);
        let principal = uid("Principal", &who.id.to_string())?;
        let parents = scopes.iter().map(|scope| uid("Scope", scope.as_str())).collect::<Result<HashSet<_>, _>>()?;
        let attributes =
            HashMap::from([("name".to_owned(), text(who.name)), ("tenant".to_owned(), text(who.tenant.as_str()))]);
        let mut entities = vec![entity(principal.clone(), attributes, parents)?];
        let resource = match self.resource {
            Resource::Tool { name, version, risk } => {
                let package = package(&name.package, &mut entities)?;
                let tool = uid("Tool", &name.to_string())?;
                let flag = RestrictedExpression::new_bool;
                let attributes = HashMap::from([
                    ("name".to_owned(), text(&name.to_string())),
                    ("package".to_owned(), text(&name.package.to_string())),
                    ("origin".to_owned(), text(origin(name.package.origin))),
                    ("version".to_owned(), text(&version.to_string())),
                    ("risk".to_owned(), text(risk.level.as_str())),
                    ("read_only".to_owned(), flag(risk.read_only)),
                    ("destructive".to_owned(), flag(risk.destructive)),
                    ("idempotent".to_owned(), flag(risk.idempotent)),
                    ("open_world".to_owned(), flag(risk.open_world)),
                    ("deterministic".to_owned(), flag(risk.deterministic)),
                ]);
                entities.push(entity(tool.clone(), attributes, HashSet::from([package]))?);
                tool
            }
            Resource::Package(named) => package(named, &mut entities)?,
            Resource::Tenant => {
                let tenant = uid("Tenant", who.tenant.as_str())?;
                let attributes = HashMap::from([("name".to_owned(), text(who.tenant.as_str()))]);
                entities.push(entity(tenant.clone(), attributes, HashSet::new())?);
                tenant
            }
        };
        let context = Context::from_pairs([
            ("hour".to_owned(), RestrictedExpression::new_long(i64::from(self.moment.hour))),
            ("weekday".to_owned(), text(self.moment.day())),
        ]);
        let context = context.map_err(|error| error.to_string())?;
        let action = uid("Action", self.action.as_str())?;
        let request = Request::new(principal, action, resource, context, None).map_err(|error| error.to_string())?;
        let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        Ok(Asked { request, entities })
    }
}

fn package(named: &PackageRef, entities: &mut Vec<Entity>) -> Result<EntityUid, String> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let package = uid("Package", &named.to_string())?;
    let attributes = HashMap::from([
        ("name".to_owned(), text(&named.to_string())),
        ("origin".to_owned(), text(origin(named.origin))),
    ]);
    entities.push(entity(package.clone(), attributes, HashSet::new())?);
    Ok(package)
}

fn entity(
    uid: EntityUid,
    attributes: HashMap<String, RestrictedExpression>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, String> {
    Entity::new(uid, attributes, parents).map_err(|error| error.to_string())
}

/// An origin, as rules spell it.
const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Catalogue => "catalogue",
        Origin::Own => "own",
    }
}
