//! Mail over TLS: invitations and credential resets.
