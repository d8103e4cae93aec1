//! Where a call's own calls come back into the router.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::tree::{Branch, Member};
use super::{Lineage, Link, Spent};
use crate::admission::budget::Line;
use crate::capability::call::{Answer, Bytes, Child, ChildEnded, Door, Kin, Piece};
use crate::engine::output::{Blob, Content, ToolOutput};
use crate::id::SessionId;
use crate::policy::Holding;
use crate::routed::Declared;
use crate::router::flow::Gate;
use crate::router::{CallRequest, Router};
use crate::snapshot::Caller;

/// The door of one call.
pub(super) struct RouterDoor {
    pub(super) router: Router,
    /// Whoever made the root; asked about anew for each call.
    pub(super) caller: Caller,
    pub(super) link: Arc<Link>,
    pub(super) holding: Holding,
    pub(super) kin: Arc<Kin>,
    pub(super) branch: Arc<Branch>,
    /// The session that calls made here belong to.
    pub(super) session: Option<SessionId>,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) line: Arc<Line>,
    pub(super) declared: Declared,
}

impl Door for RouterDoor {
    fn call(&self, child: Child) -> BoxFuture<'static, ChildEnded> {
        let (router, caller) = (self.router.clone(), self.caller.clone());
        let Child { tool, arguments, until, fuel, passing, place } = child;
        let spent = Spent::default();
        let member = Member::new(Arc::clone(&self.branch), place, tool.name.clone(), spent.clone());
        let lineage = Lineage {
            above: Arc::clone(&self.link),
            holding: self.holding.clone(),
            passing,
            until,
            fuel,
            member: parking_lot::Mutex::new(Some(member)),
            kin: Arc::clone(&self.kin),
            branch: Arc::clone(&self.branch),
            gate: self.gate.clone(),
            line: Arc::clone(&self.line),
        };
        let (session, declared) = (self.session.clone(), self.declared);
        let request = CallRequest { session, declared, ..CallRequest::new(tool.clone(), arguments) };
        Box::pin(async move {
            let reply = router.call_below(&caller, &tool, request, lineage).await;
            let result = reply.map(|reply| answer(reply.output)).map_err(|failed| failed.error);
            ChildEnded { result, fuel: spent.fuel() }
        })
    }
}

fn answer(output: ToolOutput) -> Answer {
    let bytes = |Blob { media_type, name, data }: Blob| Bytes { media_type, name, data };
    let content = output.content.into_iter().map(|content| match content {
        Content::Text(text) => Piece::Text(text),
        Content::Json(json) => Piece::Json(json),
        Content::Image(blob) => Piece::Image(bytes(blob)),
        Content::File(blob) => Piece::File(bytes(blob)),
    });
    Answer { content: content.collect(), is_error: output.is_error }
}
