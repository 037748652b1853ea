-- Access reviews: what was found, what was decided on each user and role, and the signed record.

create table reviews (
    id text primary key,
    state text not null check (state in ('open', 'signed')),
    started_at bigint not null,
    started_by_id text not null,
    started_by text not null,
    signed_at bigint,
    signed_by text,
    -- The signed envelope, as it is handed out.
    record text
);
create index reviews_by_time on reviews (started_at, id);
-- Two at once would decide on the same users.
create unique index reviews_open on reviews (state) where state = 'open';

create table review_items (
    review_id text not null references reviews (id) on delete cascade,
    -- `user-` or `role-`, and the identifier.
    id text not null,
    -- How it was when it was shown, as JSON.
    found text not null,
    -- Keep, remove, or what it is changed to, as JSON; none: not decided yet.
    decision text,
    note text not null,
    -- Users by name, then roles.
    place bigint not null,
    decided_by_id text,
    decided_by text,
    decided_at bigint,
    -- Whether who decided is concerned by it.
    own bigint not null check (own in (0, 1)),
    primary key (review_id, id)
);
