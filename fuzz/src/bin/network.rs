//! Tables of the kernel, mounts, sysctl settings, proxies.
#![no_main]

use probe::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = parsers::rows(bytes, |_| true);
    let _ = parsers::proxied(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = parsers::local_v4(&text);
    let _ = parsers::local_v6(&text);
    let _ = parsers::parse_fstab(&text);
    let _ = parsers::mountinfo(text.as_bytes());
    let _ = parsers::parse_sysctl(&text, "sysctl.conf");
    assert!(parsers::without_login(&text).len() <= text.len());
    let _ = parsers::container_of_cgroup(&text);
    let _ = parsers::unit_of_cgroup(&text);
});
