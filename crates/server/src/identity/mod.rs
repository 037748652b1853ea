//! Users, credentials, sessions, roles, tokens, and the gate before every credential.

pub(crate) mod api;
pub(crate) mod gate;
pub(crate) mod holders;
mod ldap;
pub(crate) mod links;
pub(crate) mod login;
mod oidc;
mod passkeys;
pub(crate) mod password;
mod recovery;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tokens;
mod totp;
pub(crate) mod users;
