//! What all formats have in common.

use report::{Format, Options, write};

use crate::standard;

#[test]
fn the_same_report_gives_the_same_bytes() {
    for format in Format::ALL {
        let once = write(format, &standard::report(), &Options::default()).unwrap();
        let twice = write(format, &standard::report(), &Options::default()).unwrap();
        assert_eq!(once, twice, "{format}");
        assert!(once.ends_with('\n'), "{format}");
    }
}

#[test]
fn no_format_lets_a_hostile_name_act() {
    for format in Format::ALL {
        for verbose in [false, true] {
            let text = write(format, &standard::report(), &Options { verbose, ..Options::default() }).unwrap();
            let bad = text.chars().find(|c| {
                (c.is_control() && !matches!(c, '\n'))
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            });
            // RFC 4180 ends its lines with CR LF; no other carriage return may stand there.
            let bad = bad.filter(|c| format != Format::Csv || *c != '\r');
            assert_eq!(bad, None, "{format} holds a raw {bad:?}");
            assert!(!text.replace("\r\n", "\n").contains('\r'), "{format}");
        }
    }
}

#[test]
fn reports_with_nothing_in_them_are_written() {
    for format in Format::ALL {
        for report in [standard::empty(), standard::clean()] {
            assert!(!write(format, &report, &Options::default()).unwrap().is_empty(), "{format}");
        }
    }
}

#[test]
fn formats_are_read_as_they_are_shown() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
        assert!(!format.extension().is_empty());
    }
    let error = "yaml\x1b".parse::<Format>().unwrap_err().to_string();
    assert!(error.starts_with("unknown format `yaml\\x1b`"), "{error}");
}
