//! Files of keys and values: login.defs, those of PAM's modules, and the modules' own arguments.

use std::collections::BTreeMap;

use host::Door;
use model::{Fact, Source};

use crate::accounts::pam::Module;
use crate::fact::{IntoFact, reason};
use crate::text;

/// Values of a `key = value` file by key, with the line each came from.
pub(crate) type Values = BTreeMap<String, (String, Source)>;

/// `/etc/login.defs`.
pub(crate) fn login_defs(door: &Door) -> Fact<Values> {
    door.read_text("/etc/login.defs").into_fact(door).map(|text| parse_login_defs(&text))
}

/// The text of `/etc/login.defs`.
pub(crate) fn parse_login_defs(text: &str) -> Values {
    let mut values = Values::new();
    for line in text::meaningful_lines(text) {
        let mut words = line.text.split_ascii_whitespace();
        if let (Some(key), Some(value)) = (words.next(), words.next()) {
            let source = Source::line("/etc/login.defs", line.number, &line.text);
            values.insert(key.to_ascii_uppercase(), (value.trim_matches('"').to_owned(), source));
        }
    }
    values
}

/// A number of such a file; absent when it is not set.
pub(crate) fn number(values: &Fact<Values>, key: &str) -> Fact<i64> {
    text_of(values, key).and_then(|text| match text.parse() {
        Ok(number) => Fact::known(number),
        Err(_) => Fact::unreadable(format!("{key} reads {text}, which is no number")),
    })
}

/// A text of such a file; absent when it is not set.
pub(crate) fn text_of(values: &Fact<Values>, key: &str) -> Fact<String> {
    match values {
        Fact::Known(values, _) => match values.get(key) {
            Some((value, source)) => Fact::sourced(value.clone(), source.clone()),
            None => Fact::Absent,
        },
        Fact::Absent => Fact::Absent,
        Fact::Unreadable(why) => Fact::unreadable(why.clone()),
    }
}

/// `key = value` lines of files, the last one winning; a key alone is a flag with an empty value.
pub(crate) fn key_values(door: &Door, files: &[String]) -> Fact<Values> {
    let mut values = Values::new();
    for path in files {
        let text = match text::read_if_any(door, path) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(error) => return Fact::unreadable(reason(&error, door)),
        };
        for line in text::meaningful_lines(&text) {
            let setting = line.text.split('#').next().unwrap_or_default();
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            let mut source = Source::line(path, line.number, &line.text);
            let key = key.trim().to_ascii_lowercase();
            if let Some((_, lost)) = values.remove(&key) {
                source = source.over(lost);
            }
            values.insert(key, (value.trim().to_owned(), source));
        }
    }
    Fact::known(values)
}

/// A value of the module's arguments, or of its files.
pub(crate) fn argument(module: &Module, conf: &Fact<Values>, name: &str) -> Fact<String> {
    match module.arg(name) {
        Some(value) => Fact::sourced(value.to_owned(), module.place()),
        None => text_of(conf, name),
    }
}

pub(crate) fn parsed(text: String) -> Fact<i64> {
    match text.parse() {
        Ok(number) => Fact::known(number),
        Err(_) => Fact::unreadable(format!("{text} is no number")),
    }
}
