-- Who there is, what was published, and what is in force. One row a fact. Nothing here is ever deleted but what is in
-- the outbox; times are microseconds since 1970.
create table tenants (
    id          text primary key,
    state       text not null default 'active' check (state in ('active', 'suspended')),
    digest_key  blob not null check (length(digest_key) = 32),  -- keys the digests of arguments and results; erasable
    created     integer not null
) strict;

create table principals (
    id          text primary key,
    tenant      text not null references tenants (id),
    name        text not null,
    scopes      text not null,                      -- JSON list
    hash        blob not null check (length(hash) = 32),        -- SHA-256 of the secret; the secret itself is nowhere
    created     integer not null,
    revoked     integer
) strict;
-- A policy may name a key by its name: two live ones of the same name would share what it gives.
create unique index principals_by_name on principals (tenant, name) where revoked is null;

create table policy_texts (
    tenant      text not null references tenants (id),
    digest      text not null,
    text        text not null,
    primary key (tenant, digest)
) strict;

create table policies (
    tenant      text not null,
    kind        text not null check (kind in ('policy', 'ceiling')),
    number      integer not null,                   -- from 1; the greatest is in force
    digest      text not null,
    since       integer not null,
    primary key (tenant, kind, number),
    foreign key (tenant, digest) references policy_texts (tenant, digest)
) strict;

create table components (
    tenant      text not null references tenants (id),
    digest      text not null,
    bytes       integer not null,
    facts       text not null,                      -- JSON: what inspection and `describe` found
    admitted    integer not null,
    primary key (tenant, digest)
) strict;

create table packages (
    tenant      text not null references tenants (id),
    name        text not null,
    promoted    text not null,                      -- JSON list of versions, each once; the last one is what runs
    rolled_back text,                               -- the version that the last change rolled back from
    primary key (tenant, name)
) strict;

create table versions (
    tenant      text not null,
    package     text not null,
    version     text not null,
    component   text not null,
    needs       text not null,                      -- JSON
    limits      text not null,                      -- JSON
    deprecated  text,                               -- what its publisher says
    published   integer not null,
    primary key (tenant, package, version),
    foreign key (tenant, package) references packages (tenant, name),
    foreign key (tenant, component) references components (tenant, digest)
) strict;

-- Entries of changes that are committed here and may not be in the journal yet.
create table outbox (
    id          integer primary key autoincrement,
    change      text not null unique,
    tenant      text not null,
    principal   text,
    event       text not null                       -- JSON
) strict;
create index outbox_by_tenant on outbox (tenant, id);

-- Small facts of the host itself.
create table marks (
    name        text primary key,
    value       text not null
) strict;

-- The fold over the journal, up to a position: what starting again need not read.
create table usage (
    one         integer primary key check (one = 1),
    position    integer not null,
    book        text not null                       -- JSON
) strict;
