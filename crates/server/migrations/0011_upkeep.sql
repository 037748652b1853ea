-- What keeps the log in order: when the server checked it and what it found, and what it remembers from one look to the next.

create table ledger_checkups (
    begun_at bigint primary key,
    ended_at bigint not null,
    -- Entries that are the ones that were logged.
    entries bigint not null,
    -- How many faults there were, and the first of them as JSON.
    faults bigint not null,
    found text not null
);

-- The parameters of the last start, how full the log was: one value a name, put in place of the one before.
create table remembered (
    name text primary key,
    value text not null
);

-- Reviews of the log: which entries, what was unusual in them, what was found of that, and the signed record.

create table ledger_reviews (
    id text primary key,
    state text not null check (state in ('open', 'signed')),
    begun_at bigint not null,
    begun_by_id text not null,
    begun_by text not null,
    signed_at bigint,
    signed_by text,
    -- The signed envelope, as it is handed out.
    record text
);
create index ledger_reviews_by_time on ledger_reviews (begun_at, id);
create unique index ledger_reviews_open on ledger_reviews (state) where state = 'open';

-- Each begins where the one before ended.
create table ledger_review_ranges (
    review_id text not null references ledger_reviews (id) on delete cascade,
    log text not null,
    first bigint not null,
    until bigint not null,
    -- The first entry that was still kept when the review began.
    first_kept bigint not null,
    -- What was signed of these entries.
    checkpoint text not null,
    primary key (review_id, log)
);

create table ledger_review_items (
    review_id text not null references ledger_reviews (id) on delete cascade,
    place bigint not null,
    -- What is unusual, as JSON.
    found text not null,
    -- None: nobody looked at it yet.
    decision text check (decision in ('expected', 'unexpected')),
    note text not null,
    ticket text not null,
    decided_by_id text,
    decided_by text,
    decided_at bigint,
    primary key (review_id, place)
);
