//! Users, credentials, sessions, roles, tokens, and the gate before every credential.

pub(crate) mod api;
pub(crate) mod gate;
mod ldap;
pub(crate) mod links;
pub(crate) mod login;
mod oidc;
pub(crate) mod passkey_login;
pub(crate) mod passkeys;
pub(crate) mod password;
mod recovery;
pub(crate) mod review;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod tokens;
mod totp;
pub(crate) mod users;
