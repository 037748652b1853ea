//! The Management System's own certificate authority and its certificates.
