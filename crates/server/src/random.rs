//! Identifiers, tokens and codes from the system's random numbers.
