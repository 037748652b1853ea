-- The tamper-evident log: events that wait for their place, entries, the tree over them, and what was signed of it.

-- Written in the transaction of the act that they tell of.
create table ledger_pending (
    id text primary key,
    log text not null,
    entry text not null
);

create table ledger_heads (
    log text primary key,
    size bigint not null,
    -- In hexadecimal digits.
    root text not null,
    -- The signed note, with cosignatures.
    checkpoint text not null,
    signed_at bigint not null,
    -- The first entry that is still kept.
    first_kept bigint not null
);

-- Tiles of hashes, the last of each level as wide as it is so far.
create table ledger_tiles (
    log text not null,
    level bigint not null,
    number bigint not null,
    -- Base64, hash after hash.
    hashes text not null,
    primary key (log, level, number)
);

create table ledger_entries (
    log text not null,
    position bigint not null,
    -- What lists are filtered by, out of the entry. Empty: nobody, nothing.
    time bigint not null,
    event text not null,
    category text not null,
    result text not null,
    actor text not null,
    address text not null,
    subject text not null,
    correlation text not null,
    -- The bytes that are hashed: JSON.
    entry text not null,
    primary key (log, position)
);
create index ledger_entries_by_time on ledger_entries (log, time);
-- Lists are in the order of places, newest first; the time is in them so that a list of some days passes over the rest without its rows.
create index ledger_entries_of_actor on ledger_entries (log, actor, position, time);
create index ledger_entries_of_event on ledger_entries (log, event, position, time);
create index ledger_entries_of_subject on ledger_entries (log, subject, position, time);
create index ledger_entries_of_address on ledger_entries (log, address, position, time);
create index ledger_entries_of_request on ledger_entries (log, correlation, position);
