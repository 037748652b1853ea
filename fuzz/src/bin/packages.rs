//! Sources and settings of apt, apk's packages, and the order of versions.
#![no_main]

use probe::parsers;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parsers::apt_conf(text);
    let _ = parsers::apt_sources(text, "x.sources");
    let _ = parsers::apt_list(text, "x.list");
    let _ = parsers::apk(text);
    let _ = parsers::package_category(text);
    let (a, b) = text.split_once('\n').unwrap_or((text, ""));
    assert_eq!(model::version::vercmp(a, b), model::version::vercmp(b, a).reverse());
});
