-- Writes that a caller may send again: what was answered, for a day.

create table idempotency (
    user_id text not null references users (id) on delete cascade,
    -- SHA-256 of the key.
    key_hash text not null,
    -- SHA-256 of method, path, query and body.
    request_hash text not null,
    begun_at bigint not null,
    -- None: not answered yet, or who worked on it died.
    status bigint,
    -- Sealed; none when it was too long to keep.
    answer text,
    primary key (user_id, key_hash)
);
create index idempotency_by_time on idempotency (begun_at);
