//! The public listener's application: every operation, behind one check of the key.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::request::BodySettings;
use super::room::{RoomSettings, Rooms};
use super::scheduler::Scheduler;
use super::server::Drain;
use super::{
    access, answer, approvals, audit, auth, calls, components, identity, keys, log, openapi, packages, payloads,
    policy, secrets, sessions, submissions, tenants, tools, usage,
};
use crate::control::Control;
use crate::host::Host;
use crate::router;

/// Bounds of the requests.
#[derive(Debug, Clone, Default)]
pub struct DoorSettings {
    /// Of one request's body.
    pub body: BodySettings,
    /// Of all requests that are open.
    pub room: RoomSettings,
}

/// What operations work with. Cheap to clone: each request does so several times.
#[derive(Debug, Clone)]
pub(super) struct Door(Arc<Inside>);

#[derive(Debug)]
pub(super) struct Inside {
    pub(super) router: router::Router,
    pub(super) control: Control,
    pub(super) drain: Drain,
    pub(super) rooms: Arc<Rooms>,
    pub(super) scheduler: Scheduler,
    pub(super) body: BodySettings,
    /// The OpenAPI document, as JSON text.
    pub(super) document: Bytes,
}

impl Deref for Door {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.0
    }
}

/// The application for the public listener. It has no anonymous operation: without a valid key, every path and method
/// there is or is not answers 401.
pub fn app(host: &Host, drain: &Drain, scheduler: &Scheduler, settings: DoorSettings) -> Router {
    let (operations, document) = operations().split_for_parts();
    let document = openapi::text(&openapi::complete(document));
    let door = Door(Arc::new(Inside {
        router: host.router.clone(),
        control: host.control.clone(),
        drain: drain.clone(),
        rooms: Arc::new(Rooms::new(settings.room)),
        scheduler: scheduler.clone(),
        body: settings.body,
        document: document.into(),
    }));
    operations
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(from_fn_with_state(door.clone(), auth::authenticate))
        .layer(answer::catch_panics())
        .layer(from_fn(answer::finish))
        .with_state(door)
}

/// Every operation, with its documentation.
pub(super) fn operations() -> OpenApiRouter<Door> {
    // These take as long as their own limits let them: a call's deadline, an upload's time.
    let long = OpenApiRouter::default()
        .routes(routes!(calls::call))
        .routes(routes!(payloads::replay))
        .routes(routes!(submissions::approve))
        .routes(routes!(components::upload, components::list));
    let short = OpenApiRouter::default()
        .routes(routes!(openapi::document))
        .routes(routes!(identity::whoami))
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(tenants::show))
        .routes(routes!(tenants::suspend))
        .routes(routes!(tenants::resume))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::revoke))
        .routes(routes!(components::show))
        .routes(routes!(packages::publish))
        .routes(routes!(packages::list))
        .routes(routes!(packages::show))
        .routes(routes!(packages::promote))
        .routes(routes!(packages::roll_back))
        .routes(routes!(packages::deprecate))
        .routes(routes!(packages::approve))
        .routes(routes!(submissions::submit))
        .routes(routes!(submissions::list))
        .routes(routes!(submissions::show))
        .routes(routes!(submissions::refuse))
        .routes(routes!(submissions::recall, submissions::lift))
        .routes(routes!(submissions::recalls))
        .routes(routes!(tools::list))
        .routes(routes!(tools::show))
        .routes(routes!(calls::record))
        .routes(routes!(log::receipt))
        .routes(routes!(payloads::show, payloads::erase))
        .routes(routes!(payloads::erase_all))
        .routes(routes!(policy::show, policy::put))
        .routes(routes!(policy::check))
        .routes(routes!(policy::try_on))
        .routes(routes!(policy::diff))
        .routes(routes!(policy::suggest))
        .routes(routes!(policy::explain))
        .routes(routes!(secrets::put, secrets::remove))
        .routes(routes!(secrets::list))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::deny))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::clear))
        .routes(routes!(access::show_access, access::put_access))
        .routes(routes!(access::check_access))
        .routes(routes!(access::try_access))
        .routes(routes!(usage::report))
        .routes(routes!(audit::log))
        .routes(routes!(log::show))
        .routes(routes!(log::rotate))
        .routes(routes!(log::checkpoint))
        .routes(routes!(log::tile))
        .routes(routes!(log::handover));
    short.route_layer(from_fn(answer::in_time)).merge(long)
}
