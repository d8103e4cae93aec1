//! Requests on their way out: rules, credentials and quotas.

use super::{Key, Keys, Section, key};

/// A rule for requests.
pub(in crate::policy) static HTTP: Section = Section {
    title: "http",
    doc: "A rule matches a request when all that it names does; of several the first. Private, loopback, link-local and metadata addresses are \
          refused whatever a rule says, but for the ceiling's `[egress]`. Redirects are the tool's to follow, each as a \
          request of its own.",
    keys: Keys::These(&[
        key("scheme", "`\"https\"` or `\"http\"`", "`\"https\"`", "The scheme."),
        key(
            "host",
            "a host name, an address, `\"*.example.com\"` for all below one, or `\"*\"`",
            "",
            "The host, in ASCII: an international name is written as `xn--…`.",
        ),
        key("port", "1 to 65535", "443, or 80 for `http`", "The port."),
        key("methods", "a list, 16 at most", "`[\"GET\", \"HEAD\"]`", "Methods, in upper case; `\"*\"` is any."),
        key(
            "paths",
            "a list, 100 at most",
            "`[\"/*\"]`",
            "Paths, as they stand in the URL without the query; `*` at the end stands for anything.",
        ),
        key(
            "headers",
            "a table, 16 at most: `{ x-team = \"core\", x-debug = false }`",
            "any",
            "Header fields: a text is the value that it has to have, once; `true`: it has to be there; `false`: it may not.",
        ),
        key(
            "only_headers",
            "a list, 100 at most",
            "any",
            "The only header fields that the tool may send beside those of `headers`.",
        ),
        key(
            "credential",
            "the name of a secret, or a table",
            "none",
            "The secret that the host puts into the request on its way out; not in the ceiling.",
        ),
    ]),
    below: &[],
    renamed: &[
        ("hosts", "host"),
        ("url", "host"),
        ("domain", "host"),
        ("ports", "port"),
        ("method", "methods"),
        ("path", "paths"),
        ("header", "headers"),
        ("secret", "credential"),
        ("auth", "credential"),
    ],
};

/// What a rule's requests leave with.
pub(in crate::policy) static CREDENTIAL: Section = Section {
    title: "credential",
    doc: "`credential = \"github\"` is `{ secret = \"github\", header = \"authorization\", value = \"Bearer {}\" }`. The secret \
          is put in after the decision and goes to the rule's host alone; the tool never has it. What the tool sends as \
          that header itself is left out; as that parameter, or with a `range`, its request is refused. Where the secret \
          is not set, nothing is sent. In what comes back (header fields, trailers and the body) the value is \
          overwritten with `*`, as it is and in base64, hexadecimal and escaped forms; a compressed response is refused. A \
          host that hands the value out in yet another form, or in pieces, is not stopped: give secrets to hosts that keep \
          them, and use ones that cannot be guessed.",
    keys: Keys::These(&[
        key("secret", "a name", "", "The secret, as `cofferdam secret set` names it."),
        key("header", "a name", "`\"authorization\"`", "The header field that it goes into."),
        key(
            "value",
            "a text with `{}` in it once",
            "`\"Bearer {}\"` for `authorization`, else `\"{}\"`",
            "The field's value; `{}` is the secret.",
        ),
        key("query", "a name", "none", "The parameter of the query that it is, instead of a header."),
        key("basic", "a text", "none", "The user whose password it is in basic authentication, instead of a header."),
        key("plain_http", "`true` or `false`", "`false`", "Has to be `true` in a rule with `scheme = \"http\"`."),
    ]),
    below: &[],
    renamed: &[("name", "secret"), ("template", "value"), ("user", "basic"), ("username", "basic"), ("param", "query")],
};

const REQUESTS: Key = key("requests_per_minute", "a whole number", "no bound", "Requests that leave in one minute.");
const SENT: Key = key("sent_bytes_per_hour", "a size", "no bound", "Bodies of requests in one hour.");
const RECEIVED: Key = key("received_bytes_per_hour", "a size", "no bound", "Bodies of responses in one hour.");
const CONNECTIONS: Key = key("connections", "a whole number", "no bound", "Connections at once; 64 in any case.");

/// `[egress]` of a tenant's file.
pub(in crate::policy) static EGRESS: Section = Section {
    title: "[egress]",
    doc: "Of all the tenant's calls together; in force is the lesser of this and the ceiling's. Minutes and hours are those \
          of the clock in UTC. What is past a quota is refused at once, by its name, and in the record. A host counts \
          by itself and in memory: several hosts let through as many times as much, and a restart begins anew. To one \
          host and port go as many requests at once as it answers in good time, 16 at first: more while answers take as \
          long as usual, fewer where they take much longer, do not come, or are 429 or 503. Further ones wait until \
          they would have to be connected, and then fail as one connection too many does.",
    keys: Keys::These(&[REQUESTS, SENT, RECEIVED, CONNECTIONS]),
    below: &[&EGRESS_CAP],
    renamed: QUOTAS_RENAMED,
};

const QUOTAS_RENAMED: &[(&str, &str)] = &[
    ("requests", "requests_per_minute"),
    ("sent_bytes", "sent_bytes_per_hour"),
    ("received_bytes", "received_bytes_per_hour"),
];

const EGRESS_RENAMED: &[(&str, &str)] = &[
    ("private", "private_addresses"),
    ("allow_private", "private_addresses"),
    ("secrets", "credentials"),
    ("requests", "requests_per_minute"),
    ("sent_bytes", "sent_bytes_per_hour"),
    ("received_bytes", "received_bytes_per_hour"),
];

/// `[egress]` of the platform's.
pub(in crate::policy) static EGRESS_CAP: Section = Section {
    title: "[egress] of the ceiling",
    doc: "The quotas are each tenant's, as in a policy.",
    keys: Keys::These(&[
        REQUESTS,
        SENT,
        RECEIVED,
        CONNECTIONS,
        key(
            "credentials",
            "`\"none\"`, `\"https\"` or `\"any\"`",
            "`\"https\"`",
            "How tenants' secrets may be sent: not at all; by TLS; in clear, too, where a rule says `plain_http`.",
        ),
        key(
            "private_addresses",
            "a list of networks such as `\"10.1.0.0/16\"`, 100 at most",
            "`[]`",
            "Private, loopback, link-local and metadata addresses that requests may go to all the same, where a rule of \
             both files lets them.",
        ),
    ]),
    below: &[],
    renamed: EGRESS_RENAMED,
};
