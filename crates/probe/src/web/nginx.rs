//! nginx's files. What stands within `http` is the outermost level here.

use host::Door;
use model::Fact;
use model::facts::web::{WebServer, WebSetting};

use super::{Reader, named, says};

const MAIN: &[&str] = &["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf"];

/// Settings that are kept.
const KEPT: &[&str] = &[
    "add_header",
    "autoindex",
    "fastcgi_hide_header",
    "listen",
    "proxy_hide_header",
    "server_tokens",
    "ssl",
    "ssl_ciphers",
    "ssl_ecdh_curve",
    "ssl_prefer_server_ciphers",
    "ssl_protocols",
    "ssl_session_tickets",
];

/// Versions of TLS that nobody should speak any more.
const OLD: &[&str] = &["SSLv2", "SSLv3", "TLSv1", "TLSv1.1"];

/// One directive, or the end of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Name and arguments; empty at the end of a block.
    pub words: Vec<String>,
    /// Whether a block begins here.
    pub opens: bool,
    /// 1-based.
    pub line: usize,
    /// The line's text when it holds this directive as a whole and no other.
    pub text: Option<String>,
}

/// Takes a file apart. Never fails: what makes no sense is left out.
pub fn parse(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let (mut line, mut begun) = (1, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if words.is_empty() && word.is_none() {
            begun = line;
        }
        match c {
            '\n' | ' ' | '\t' | '\r' => {
                words.extend(word.take());
                line += usize::from(c == '\n');
            }
            '#' if word.is_none() => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            ';' | '{' => {
                words.extend(word.take());
                if !words.is_empty() {
                    let text = (begun == line && c == ';').then(String::new);
                    let words = std::mem::take(&mut words);
                    found.push(Statement { words, opens: c == '{', line: begun, text });
                }
            }
            '}' if word.is_none() && words.is_empty() => {
                found.push(Statement { line, ..Statement::default() });
            }
            '"' | '\'' if word.is_none() => {
                let mut quoted = String::new();
                while let Some(inner) = chars.next() {
                    line += usize::from(inner == '\n');
                    match inner {
                        '\\' => quoted.extend(chars.next()),
                        inner if inner == c => break,
                        inner => quoted.push(inner),
                    }
                }
                word = Some(quoted);
            }
            '\\' => {
                let word = word.get_or_insert_default();
                word.push(c);
                if let Some(next) = chars.next() {
                    line += usize::from(next == '\n');
                    word.push(next);
                }
            }
            // `${name}` is no block.
            '$' if chars.peek() == Some(&'{') => {
                let word = word.get_or_insert_default();
                word.push(c);
                for inner in chars.by_ref() {
                    line += usize::from(inner == '\n');
                    word.push(inner);
                    if inner == '}' {
                        break;
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    for index in 0..found.len() {
        let alone = |other: Option<&Statement>, line: usize| other.is_none_or(|other| other.line != line);
        let before = index.checked_sub(1).and_then(|before| found.get(before));
        let Some(own) = found.get(index) else { continue };
        let whole = own.text.is_some() && alone(before, own.line) && alone(found.get(index + 1), own.line);
        let text = whole.then(|| lines.get(own.line - 1).map(|line| line.trim().to_owned())).flatten();
        if let Some(own) = found.get_mut(index) {
            own.text = text;
        }
    }
    found
}

/// Reads nginx's files; none when it has none.
pub(super) fn read(door: &Door) -> Option<WebServer> {
    let main = MAIN.iter().find(|main| door.exists(main))?;
    let mut walk = Walk { reader: Reader::new(door, "nginx", main), servers: 0, locations: 0 };
    walk.file(main, &mut Vec::new(), 0);
    let mut server = walk.reader.server;
    server.tls = named(&server, "listen")
        .any(|s| s.value.split(' ').any(|word| word == "ssl" || word == "quic"))
        || says(&server, "ssl", &["on"]);
    server.old_protocols = named(&server, "ssl_protocols")
        .filter(|setting| setting.value.split(' ').any(|word| OLD.contains(&word)))
        .map(|setting| format!("{} at {}", setting.value, setting.source))
        .collect();
    if server.tls && named(&server, "ssl_protocols").next().is_none() {
        server.old_protocols.push("not set".to_owned());
    }
    server.session_tickets = server.tls
        && (says(&server, "ssl_session_tickets", &["on"])
            || named(&server, "ssl_session_tickets").next().is_none());
    let unsaid = named(&server, "server_tokens").next().is_none();
    let told = named(&server, "server_tokens").any(|setting| setting.value != "off");
    server.tells_version = unsaid || told;
    server.lists_folders = says(&server, "autoindex", &["on"]);
    Some(server)
}

struct Walk<'a> {
    reader: Reader<'a>,
    servers: usize,
    locations: usize,
}

impl Walk<'_> {
    /// Reads a file within `blocks`: the names of those around, `http` too.
    fn file(&mut self, file: &str, blocks: &mut Vec<String>, depth: usize) {
        let Some(text) = self.reader.text(file, depth) else { return };
        let outside = blocks.len();
        for statement in parse(&text) {
            let Some(name) = statement.words.first() else {
                if blocks.len() > outside {
                    blocks.pop();
                }
                continue;
            };
            let args = statement.words.get(1..).unwrap_or_default().join(" ");
            if statement.opens {
                blocks.push(match name.as_str() {
                    "server" => {
                        self.servers += 1;
                        format!("server {}", self.servers)
                    }
                    "location" => {
                        self.locations += 1;
                        format!("location {}", self.locations)
                    }
                    name => name.to_owned(),
                });
                continue;
            }
            if name == "include" {
                let pattern = absolute(&args, &self.reader.server.main_file);
                for included in self.reader.expand(&pattern) {
                    self.file(&included, blocks, depth + 1);
                }
                if *blocks == ["http"] {
                    self.reader.note_folder(&pattern);
                }
                continue;
            }
            if blocks.first().is_some_and(|outermost| outermost == "http") && KEPT.contains(&name.as_str()) {
                let setting = WebSetting {
                    name: name.clone(),
                    value: args,
                    block: blocks.get(1..).unwrap_or_default().join(" "),
                    file: file.to_owned(),
                    line: statement.line as u64,
                    text: Fact::from_option(statement.text),
                    source: format!("{file}:{}", statement.line),
                };
                self.reader.keep(setting);
            }
        }
        blocks.truncate(outside);
    }
}

/// Paths are meant from the main file's folder.
fn absolute(path: &str, main: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{path}")
}
