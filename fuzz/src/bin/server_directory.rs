//! What an LDAP directory sends, names of entries; what is sound the library takes, no name breaks out of its filter.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzzing::directory(bytes));
