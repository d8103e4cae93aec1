-- Access rules, beside policies: a tenant's own, and the platform's for all.
create table policies_next (
    tenant      text not null,
    kind        text not null check (kind in ('policy', 'ceiling', 'access', 'platform-access')),
    number      integer not null,                   -- from 1; the greatest is in force
    digest      text not null,
    since       integer not null,
    primary key (tenant, kind, number),
    foreign key (tenant, digest) references policy_texts (tenant, digest)
) strict;
insert into policies_next select tenant, kind, number, digest, since from policies;
drop table policies;
alter table policies_next rename to policies;

-- Who signed a version, with the signed note; and who let it run although it asks for more than the one before.
alter table versions add column signature text;
alter table versions add column signer text;
alter table versions add column approved text;

-- Components that are not to run any more: the platform's for everyone, a tenant's for itself.
create table recalls (
    tenant      text not null references tenants (id),
    digest      text not null,
    reason      text not null,
    since       integer not null,
    primary key (tenant, digest)
) strict, without rowid;

-- Versions that tenants submitted to the catalogue.
create table submissions (
    id          text primary key,
    tenant      text not null references tenants (id),
    package     text not null,
    version     text not null,
    component   text not null,
    message     text not null,
    state       text not null check (state in ('open', 'approved', 'refused')),
    reason      text,                               -- why it was refused
    since       integer not null,
    foreign key (tenant, package, version) references versions (tenant, package, version)
) strict;
create index submissions_by_tenant on submissions (tenant, id);
