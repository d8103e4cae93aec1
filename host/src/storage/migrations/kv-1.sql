-- Buckets of tenants. Sums stand beside the rows and change in the same transaction, so that quotas hold.
create table tenants (
    tenant      text primary key,
    bytes       integer not null default 0,         -- of all its buckets
    buckets     integer not null default 0
) strict, without rowid;

create table buckets (
    id          integer primary key,
    tenant      text not null references tenants (tenant),
    name        text not null,
    bytes       integer not null default 0,         -- keys and values
    keys        integer not null default 0,
    sequence    integer not null default 0,         -- counts writes: gives places and versions
    unique (tenant, name)
) strict;

create table items (
    bucket      integer not null references buckets (id),
    key         text not null,
    place       integer not null,                   -- in listings: when the key came, never changed
    version     integer not null,                   -- when the value came
    value       blob not null,
    primary key (bucket, key),
    unique (bucket, place)
) strict;
