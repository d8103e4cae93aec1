-- Tenants' logs: how far each has been made from the journal, and what its next tiles begin with.
create table logs (
    tenant      text primary key,
    frontier    blob not null,                      -- its size, and what is not yet in a full tile
    generation  integer not null                    -- of the key that signs
) strict, without rowid;

-- The keys that sign a log's checkpoints, by the log's origin. Generations count from 0; the greatest signs.
create table log_keys (
    origin      text not null,
    generation  integer not null,
    seed        blob not null check (length(seed) = 32),
    since       integer not null,
    primary key (origin, generation)
) strict, without rowid;
