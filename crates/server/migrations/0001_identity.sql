-- Users, credentials, sessions, roles, tokens, and what counts failed attempts.

create table users (
    id text primary key,
    name text not null,
    -- The name as it is compared: lower case.
    name_key text not null unique,
    full_name text not null,
    mail text,
    mail_key text unique,
    state text not null check (state in ('invited', 'active', 'deactivated')),
    -- Where it is vouched for: here, or by the provider or directory under an identifier of theirs.
    origin text not null check (origin in ('local', 'oidc', 'ldap')),
    external_id text,
    zone text,
    password text,
    password_at bigint,
    -- Former hashes, newest first, as a JSON list.
    password_history text not null,
    -- Sealed; confirmed when totp_at is set.
    totp text,
    totp_at bigint,
    totp_step bigint,
    created_at bigint not null,
    created_by text not null,
    last_login_at bigint,
    last_login_from text,
    version bigint not null,
    unique (origin, external_id)
);

create table recovery_codes (
    user_id text not null references users (id) on delete cascade,
    hash text not null,
    used_at bigint,
    primary key (user_id, hash)
);

create table passkeys (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    name text not null,
    credential text not null,
    created_at bigint not null,
    last_used_at bigint
);
create index passkeys_of_user on passkeys (user_id);

create table sessions (
    id text primary key,
    token_hash text not null unique,
    user_id text not null references users (id) on delete cascade,
    -- What was shown: a password alone, or a second factor too.
    factors text not null check (factors in ('password', 'both')),
    created_at bigint not null,
    seen_at bigint not null,
    ends_at bigint not null,
    -- Until when dangerous acts are allowed without a credential being shown again.
    privileged_until bigint not null,
    locked bigint not null check (locked in (0, 1)),
    address text not null,
    agent text not null
);
create index sessions_of_user on sessions (user_id, seen_at);
create index sessions_by_end on sessions (ends_at);

create table roles (
    id text primary key,
    title text not null,
    about text not null,
    built_in bigint not null check (built_in in (0, 1)),
    -- A JSON list of permissions.
    permissions text not null,
    version bigint not null
);

create table assignments (
    user_id text not null references users (id) on delete cascade,
    role_id text not null references roles (id),
    -- The node label it holds for, `key=value`; empty: everywhere.
    label text not null,
    granted_at bigint not null,
    granted_by text not null,
    primary key (user_id, role_id, label)
);
create index assignments_of_role on assignments (role_id);

create table tokens (
    id text primary key,
    user_id text not null references users (id) on delete cascade,
    name text not null,
    secret_hash text not null,
    permissions text not null,
    created_at bigint not null,
    ends_at bigint not null,
    last_used_at bigint,
    last_used_from text
);
create index tokens_of_user on tokens (user_id);

-- Set-up codes, invitations and credential resets: single use.
create table links (
    secret_hash text primary key,
    kind text not null check (kind in ('setup', 'invitation', 'reset')),
    user_id text references users (id) on delete cascade,
    created_at bigint not null,
    ends_at bigint not null,
    used_at bigint
);

-- One row for each address, and one for each surface, address and user name.
create table attempts (
    key text primary key,
    -- Empty for the row of an address alone.
    surface text not null,
    address text not null,
    -- Only names of users that there are: what else is typed there may be a password.
    user_name text,
    -- The newest attempts that were not given back, oldest first: 13 digits of milliseconds and 11 of the attempt each.
    failures text not null,
    blocked_until bigint not null,
    -- The attempt that was let in last, and the one that made it blocked.
    admitted text not null,
    blocked_by text not null,
    touched_at bigint not null
);
create index attempts_blocked on attempts (blocked_until);
create index attempts_touched on attempts (touched_at);

-- What is decided once at install: parameters of hashes and the like.
create table settings (
    key text primary key,
    value text not null
);
