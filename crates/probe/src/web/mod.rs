//! Section `web`: the configuration files of nginx and Apache, as the servers read them.
//!
//! The parsers keep settings that bear on security and leave out all others, which may hold secrets.

mod apache;
mod nginx;
#[cfg(test)]
mod tests;

use host::Door;
use model::Fact;
use model::facts::web::{Web, WebServer, WebSetting};

use crate::Context;
use crate::fact::reason;
use crate::ssh::glob_expand;

pub use apache::parse as parse_apache;
pub use nginx::parse as parse_nginx;

/// Files of one server that are read; real sites have some dozens.
const MAX_FILES: usize = 500;

/// Settings of one server that are kept.
const MAX_SETTINGS: usize = 3_000;

/// How deep files may include each other.
const MAX_DEPTH: usize = 12;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Web> {
    let servers: Vec<WebServer> =
        [nginx::read(&cx.door), apache::read(&cx.door)].into_iter().flatten().collect();
    if servers.is_empty() { Fact::Absent } else { Fact::known(Web { servers }) }
}

/// What is read of one server's files so far.
struct Reader<'a> {
    door: &'a Door,
    server: WebServer,
    files: usize,
}

impl<'a> Reader<'a> {
    fn new(door: &'a Door, name: &str, main: &str) -> Self {
        let server = WebServer {
            name: name.to_owned(),
            main_file: main.to_owned(),
            drop_ins: Fact::Absent,
            source: main.to_owned(),
            ..WebServer::default()
        };
        Self { door, server, files: 0 }
    }

    /// The text of a file; none when it cannot be read, or too much was.
    fn text(&mut self, file: &str, depth: usize) -> Option<String> {
        self.files += 1;
        if self.files > MAX_FILES || depth > MAX_DEPTH {
            self.server.truncated = true;
            return None;
        }
        match self.door.read(file) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                if self.server.unread.len() < 50 {
                    self.server.unread.push(format!("{file}: {}", reason(&error, self.door)));
                }
                None
            }
        }
    }

    /// The files that an include names.
    fn expand(&mut self, pattern: &str) -> Vec<String> {
        if !pattern.contains(['*', '?', '[']) {
            return vec![pattern.to_owned()];
        }
        match glob_expand(self.door, pattern) {
            Ok(files) => files,
            Err(error) => {
                self.server.unread.push(format!("{pattern}: {}", reason(&error, self.door)));
                Vec::new()
            }
        }
    }

    fn keep(&mut self, setting: WebSetting) {
        if self.server.settings.len() < MAX_SETTINGS {
            self.server.settings.push(setting);
        } else {
            self.server.truncated = true;
        }
    }

    /// A folder of files `*.conf` that is read at the outermost level, when it is one for settings of the whole server.
    fn note_folder(&mut self, pattern: &str) {
        if let Some(folder) = pattern.strip_suffix("/*.conf")
            && folder.rsplit('/').next().is_some_and(|name| name.starts_with("conf"))
        {
            self.server.drop_ins = Fact::known(folder.to_owned());
            self.server.drop_ins_end = self.server.settings.len() as u64;
        }
    }
}

/// Settings of one name, with their values in words.
fn named<'a>(server: &'a WebServer, name: &'a str) -> impl Iterator<Item = &'a WebSetting> {
    server.settings.iter().filter(move |setting| setting.name == name)
}

/// Whether any setting of that name has one of the words.
fn says(server: &WebServer, name: &str, words: &[&str]) -> bool {
    named(server, name).any(|setting| {
        setting
            .value
            .split_whitespace()
            .any(|word| words.iter().any(|wanted| word.eq_ignore_ascii_case(wanted)))
    })
}
