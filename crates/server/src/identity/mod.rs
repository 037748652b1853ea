//! Users, credentials, sessions, roles, tokens, and the gate before every credential.

mod gate;
mod ldap;
mod oidc;
mod passkeys;
mod password;
mod recovery;
mod roles;
mod sessions;
mod tokens;
mod totp;
mod users;
