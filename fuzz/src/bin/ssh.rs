//! Settings and keys of the SSH server, and what a server says first.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = probe::parsers::ssh_greeting(bytes);
    let _ = probe::parsers::ssh_kexinit(bytes);
    let _ = probe::parsers::ssh_host_key(bytes);
    let text = String::from_utf8_lossy(bytes);
    probe::parsers::sshd_config(&text);
    probe::parsers::authorized_keys(&text);
    probe::parsers::glob(&text);
});
