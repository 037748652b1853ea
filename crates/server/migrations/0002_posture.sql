-- Reports, and since when each finding stands as it does.

create table targets (
    id text primary key,
    kind text not null,
    name text not null,
    first_at bigint not null,
    last_at bigint not null
);

create table reports (
    id text primary key,
    target_id text not null references targets (id) on delete cascade,
    started_at bigint not null,
    duration_ms bigint not null,
    content text not null,
    passed bigint not null,
    failed bigint not null,
    undecided bigint not null,
    not_applicable bigint not null,
    waived bigint not null,
    -- Base64 of the zlib of the JSON.
    body text not null
);
create index reports_of_target on reports (target_id, started_at, id);
create index reports_by_time on reports (started_at, id);

-- One row for each time a finding changed its verdict; the newest has no end.
create table standings (
    target_id text not null references targets (id) on delete cascade,
    rule text not null,
    subject text not null,
    verdict text not null,
    severity text not null,
    since bigint not null,
    until bigint,
    primary key (target_id, rule, subject, since)
);
create index standings_now on standings (target_id, until, verdict);
create index standings_of_rule on standings (rule, since);
