-- What seals tenants' payloads. Erasing the row erases everything that it seals, wherever a copy of that is.
create table payload_keys (
    tenant      text primary key references tenants (id),
    id          text not null unique,               -- what it sealed names it
    wrapped     blob not null,                      -- sealed itself, by the host's key
    since       integer not null
) strict, without rowid;

-- What was erased: a call's payload, or with an empty call all that the tenant had. Done once nothing is left of it.
create table payload_erasures (
    tenant      text not null references tenants (id),
    call        text not null,
    at          integer not null,
    done        integer not null default 0,
    primary key (tenant, call)
) strict, without rowid;
