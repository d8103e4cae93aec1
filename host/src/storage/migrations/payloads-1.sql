-- Payloads of calls, sealed. Sums stand beside the rows and change with them, so that quotas hold.
create table tenants (
    tenant      text primary key,
    bytes       integer not null default 0          -- of what is sealed
) strict, without rowid;

create table payloads (
    tenant      text not null,
    call        text not null,
    kind        text not null check (kind in ('arguments', 'result', 'recording')),
    key         text not null,                      -- the id of the key that sealed it
    kept        integer not null,                   -- microseconds since 1970, as all times here
    until       integer not null,
    sealed      blob,                               -- absent: there was no room for it
    primary key (tenant, call, kind)
) strict;
create index payloads_by_end on payloads (until);

create trigger payload_came after insert on payloads begin
    insert into tenants (tenant, bytes) values (new.tenant, coalesce(length(new.sealed), 0))
    on conflict do update set bytes = bytes + excluded.bytes;
end;
create trigger payload_went after delete on payloads begin
    update tenants set bytes = bytes - coalesce(length(old.sealed), 0) where tenant = old.tenant;
end;
