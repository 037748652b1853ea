//! A saved report, as a baseline and as something to be printed in every format.
#![no_main]

use model::report::Report;
use report::{Format, Options};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let mut next = || serde_json::from_slice::<Report>(parts.next()?).ok();
    let Some(mut now) = next() else { return };
    let before = next().unwrap_or_else(|| Report { findings: Vec::new(), ..now.clone() });
    now.changes = Some(policy::compare(&now, &before));
    for format in
        [Format::Terminal, Format::Json, Format::Html, Format::Sarif, Format::Oscal, Format::Junit, Format::Csv]
    {
        let text = report::write(format, &now, &Options::default()).expect("every report can be printed");
        if format == Format::Terminal {
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(control), "what a target says reaches the terminal unescaped");
        }
    }
});
