-- Which permissions people use, so that a review sees which of them nobody needs.

create table permission_uses (
    user_id text not null references users (id) on delete cascade,
    permission text not null,
    -- The last day on which it was used: when that day began, UTC.
    day bigint not null,
    primary key (user_id, permission)
);
