//! Users, credentials, sessions, roles, tokens, and the gate before every credential.

mod above;
pub(crate) mod api;
pub(crate) mod external;
pub(crate) mod gate;
pub(crate) mod holders;
pub(crate) mod ldap;
pub(crate) mod links;
pub(crate) mod login;
pub(crate) mod oidc;
pub(crate) mod passkey_login;
pub(crate) mod passkeys;
pub(crate) mod password;
pub(crate) mod post;
mod recovery;
pub(crate) mod review;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod survey;
pub(crate) mod tokens;
pub(crate) mod totp;
pub(crate) mod users;
