//! Logins that an OpenID Connect provider vouches for.
