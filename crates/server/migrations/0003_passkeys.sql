-- Passkeys with what they say of themselves, and ceremonies under way.

-- Nothing wrote this table before.
drop table passkeys;
create table passkeys (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    -- As the authenticator names it, in base64url: no two users have the same.
    credential_id text not null unique,
    label text not null,
    credential text not null,
    -- The kind of authenticator, where it says so.
    aaguid text,
    can_sync bigint not null check (can_sync in (0, 1)),
    is_synced bigint not null check (is_synced in (0, 1)),
    created_at bigint not null,
    last_used_at bigint
);
create index passkeys_of_user on passkeys (user_id, created_at);

-- At most one of a kind for each session; it is deleted by whoever reads it.
create table ceremonies (
    session_id text not null references sessions (id) on delete cascade,
    kind text not null check (kind in ('registration', 'login')),
    -- Sealed.
    state text not null,
    ends_at bigint not null,
    primary key (session_id, kind)
);
create index ceremonies_by_end on ceremonies (ends_at);
