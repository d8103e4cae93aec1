//! Who is asking. The key is looked at before anything else of a request is: what there is, is nobody's business who
//! has none.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::calls;
use super::door::Door;
use super::problem::Denial;
use super::room::Rooms;
use super::scheduler::Seat;
use crate::error::{Error, Result};
use crate::identity::unauthenticated;
use crate::router::RefusedRequest;
use crate::snapshot::Caller;

/// Lets requests with a valid key pass, and gives them room.
pub(super) async fn authenticate(State(door): State<Door>, mut request: Request, next: Next) -> Result<Response> {
    let key = bearer(request.headers()).ok_or_else(unauthenticated)?;
    let caller = door.router.authenticate(key)?;
    // Before anything is refused: a tenant without room is not to take the turns of strangers at its address.
    if let Some(seat) = request.extensions().get::<Seat>() {
        seat.change(&caller.tenant.id, door.router.weight(&caller));
    }
    let room = Rooms::enter(&door.rooms, &caller.tenant.id)?;
    let asked = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let extensions = request.extensions_mut();
    extensions.insert(caller.clone());
    extensions.insert(door.body);
    extensions.insert(room.clone());
    let answer = next.run(request).await;
    if answer.status() == StatusCode::UNAUTHORIZED {
        // The key was good when the request began, and was not any more when it was asked again.
        door.router.note_login(caller.tenant.id.clone());
    }
    if answer.status() == StatusCode::FORBIDDEN
        && let (method, Some(path)) = asked
        && path.as_str() != calls::PATH
    {
        // As the API describes it: a parameter that may hold slashes is a parameter.
        let operation = format!("{method} {}", path.as_str().replace("{*", "{"));
        let Denial { reason, rules, decision } = answer.extensions().get().cloned().unwrap_or_default();
        door.router.note_refused(&caller, RefusedRequest { operation, reason, rules, decision });
    }
    room.keep_answer(answer)
}

/// The text behind `Bearer`, where there is exactly one such header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return None };
    let (scheme, key) = one.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim_matches(' '))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        // Only `authenticate` puts one there.
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn one_bearer_header_is_taken_and_nothing_else() {
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer  abc "])), Some("abc"));
        for values in [&[][..], &["abc"], &["Basic abc"], &["Bearer a", "Bearer a"], &["Bearerabc"]] {
            assert_eq!(bearer(&headers(values)), None, "{values:?}");
        }
        let mut latin = HeaderMap::new();
        latin.insert(header::AUTHORIZATION, header::HeaderValue::from_bytes(b"Bearer \xff").unwrap());
        assert_eq!(bearer(&latin), None);
    }
}
