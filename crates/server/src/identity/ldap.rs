//! Logins that an LDAP directory vouches for.
