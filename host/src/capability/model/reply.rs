//! An answer that a guest reads as it is made.

use std::fmt;

use super::ModelFault;
use super::ask::{Asking, Held};
use super::stream::{Live, Part};
use crate::capability::bindings::cofferdam::tool::model::Piece;
use crate::capability::tape::Line;

/// An answer that comes. Dropping it ends the request; what was reserved for it is then charged.
pub(super) struct Reply {
    open: Option<(Asking, Held)>,
    live: Live,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("live", &self.live).finish_non_exhaustive()
    }
}

impl Reply {
    pub(super) fn new(asking: Asking, live: Live, held: Held) -> Self {
        Self { open: Some((asking, held)), live }
    }

    /// The next piece; nothing behind the last, nor behind an error.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, ModelFault> {
        if self.open.is_none() {
            return Ok(None);
        }
        let part = self.live.part().await;
        if let Ok(Some(part)) = part {
            return Ok(Some(match part {
                Part::Text(text) => Piece::Text(text),
                Part::Call(call) => Piece::ToolCall(call),
            }));
        }
        let Some((mut asking, held)) = self.open.take() else { return Ok(None) };
        match part {
            Err(failure) => Err(asking.fail(&self.live, held, failure)),
            Ok(_) => Ok(Some(Piece::End(asking.finish(&self.live, held)))),
        }
    }
}

/// A guest's handle to one, with its own line of the call's tape. In a replay nothing is behind it.
#[derive(Debug)]
pub struct OpenReply {
    pub(super) reply: Option<Reply>,
    pub(super) line: Option<Line>,
}
