//! Where a guest's requests may go: rules over scheme, host, port, method and path.

use serde::Serialize;

/// The rules that a request has to satisfy: one of the tenant's and one of the platform's ceiling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpGrant {
    /// The tenant's rules; one of them has to match.
    pub(super) tenant: Vec<HttpRule>,
    /// The platform's; one of them has to match too.
    pub(super) ceiling: Vec<HttpRule>,
}

/// One rule: what it names has to match, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpRule {
    /// `https`, or `http` where the rule says so.
    pub scheme: String,
    /// A host name, `*.example.com` for what is below one, or `*`.
    pub host: String,
    /// The port; absent: the scheme's own.
    pub port: Option<u16>,
    /// Methods in upper case.
    pub methods: Vec<String>,
    /// Paths; `*` stands for anything, slashes too, at the end only.
    pub paths: Vec<String>,
}
