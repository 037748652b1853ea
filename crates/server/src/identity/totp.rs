//! Codes of an authenticator app (RFC 6238), each taken once.
