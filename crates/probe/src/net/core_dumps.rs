//! Where the memory of crashed processes goes.

use host::{Door, Error};
use model::{Fact, Source};

use super::dns;
use crate::fact::reason;
use crate::text::{files_in, meaningful_lines};

/// Decides by the pattern in effect: a handler, a file, or nowhere.
pub(crate) fn core_dumps(door: &Door, pattern: &Fact<String>) -> Fact<String> {
    let place = "/proc/sys/kernel/core_pattern";
    let (pattern, source) = match pattern {
        Fact::Known(pattern, source) => (pattern.as_str(), source.clone()),
        // Kernels without the setting write no dumps.
        Fact::Absent => return Fact::read_at("none".to_owned(), place),
        Fact::Unreadable(reason) => return Fact::unreadable(reason),
    };
    let decided = |value: String| match &source {
        Some(source) => Fact::sourced(value, (**source).clone()),
        None => Fact::read_at(value, place),
    };
    let Some(handler) = pattern.strip_prefix('|') else {
        return match hard_limit(door) {
            Ok(Some((limit, source))) if limit == "0" => Fact::sourced("none".to_owned(), source),
            Ok(Some((_, source))) => Fact::sourced("file".to_owned(), source),
            Ok(None) => decided("file".to_owned()),
            Err(error) => Fact::unreadable(reason(&error, door)),
        };
    };
    let program = handler.split_ascii_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    if name == "false" || name == "true" {
        return decided("none".to_owned());
    }
    if name != "systemd-coredump" {
        return decided(format!("handler {program}"));
    }
    dns::setting(door, "coredump.conf", "Storage").or_default_value("external".to_owned())
}

/// The hard limit on the size of dumps for everybody (`* hard core 0` or `* - core 0`); the last line counts.
fn hard_limit(door: &Door) -> Result<Option<(String, Source)>, Error> {
    let directory = "/etc/security/limits.d";
    let mut files = vec!["/etc/security/limits.conf".to_owned()];
    files.extend(files_in(door, directory, ".conf")?.iter().map(|name| format!("{directory}/{name}")));
    let mut found = None;
    for file in files {
        let text = match door.read_text(&file) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        for line in meaningful_lines(&text) {
            let fields: Vec<&str> = line.text.split_ascii_whitespace().collect();
            if let ["*", "hard" | "-", "core", value, ..] = fields.as_slice() {
                found = Some(((*value).to_owned(), Source::line(&file, line.number, &line.text)));
            }
        }
    }
    Ok(found)
}
