-- What seals tenants' secrets.
create table secret_keys (
    tenant      text primary key references tenants (id),
    id          text not null unique,               -- what it sealed names it
    wrapped     blob not null,                      -- sealed itself, by the host's key
    since       integer not null
) strict, without rowid;

-- Tenants' secrets: the last value of each, sealed. Of one that was removed the number stays: no version is ever another.
create table secrets (
    tenant      text not null references tenants (id),
    name        text not null,
    version     integer not null,                   -- from 1
    since       integer not null,
    sealed      blob,                               -- absent: removed
    primary key (tenant, name)
) strict, without rowid;
