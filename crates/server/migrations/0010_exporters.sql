-- Who hands the ledger on to receivers outside: how far each exporter has come, and how it stands.

create table ledger_exporters (
    name text primary key,
    begun_at bigint not null,
    -- The server process that sends for it, and until when; empty and 0: none.
    holder text not null,
    held_until bigint not null,
    -- When a receiver took something last; 0: never.
    succeeded_at bigint not null,
    -- Since when nothing is taken, and why; 0 and empty: it is.
    failing_since bigint not null,
    error text not null,
    -- Whether it was told in the ledger that it fails, and its recovery not yet; when a failure was told last.
    told_failed bigint not null,
    told_at bigint not null,
    -- Whether it was told that it is behind.
    told_behind bigint not null
);

create table ledger_cursors (
    exporter text not null references ledger_exporters (name),
    log text not null,
    -- The first entry that was not handed on.
    next bigint not null,
    primary key (exporter, log)
);
