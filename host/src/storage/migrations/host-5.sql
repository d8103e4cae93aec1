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
