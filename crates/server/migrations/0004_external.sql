-- Logins at an OpenID provider that were begun and have not come back.

create table oidc_logins (
    -- Of the token in the browser's cookie.
    token_hash text primary key,
    -- The address, or the network of an IPv6 address, it was begun from.
    address text not null,
    -- State, nonce and verifier, sealed.
    sealed text not null,
    ends_at bigint not null
);
create index oidc_logins_of_address on oidc_logins (address);
create index oidc_logins_by_end on oidc_logins (ends_at);
