//! syslog-ng: where it sends messages and what it takes: syslog-ng.conf(5).

use model::facts::logging::{SyslogInput, SyslogTarget};

/// Drivers that use the network, with their protocol.
const DRIVERS: &[(&str, &str)] =
    &[("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"), ("network", "tcp"), ("syslog", "tcp")];

/// More targets and inputs than this are not listed.
const MAX_LISTED: usize = 200;

/// Characters of one block or call; a longer one is no configuration.
const MAX_BODY: usize = 16 << 10;

/// Bytes between `source` or `destination` and what opens its block: the block's name.
const MAX_NAME: usize = 256;

/// What one file says.
#[derive(Debug, Default)]
pub struct SyslogNg {
    /// Where messages are sent.
    pub targets: Vec<SyslogTarget>,
    /// What is taken from other hosts.
    pub inputs: Vec<SyslogInput>,
    /// Files and patterns to be read too.
    pub includes: Vec<String>,
    /// `perm(0640)` of the options and its place.
    pub create_mode: Option<(String, String)>,
}

/// Reads one file.
pub fn parse(text: &str, path: &str) -> SyslogNg {
    let mut told = SyslogNg::default();
    let clean = without_comments(text);
    for (index, line) in clean.lines().enumerate() {
        if let Some(file) = line.trim().strip_prefix("@include") {
            told.includes.push(file.trim().trim_matches('"').to_owned());
        }
        if let Some(mode) = line.split("perm(").nth(1).and_then(|rest| rest.split(')').next()) {
            told.create_mode = Some((mode.trim().to_owned(), format!("{path}:{}", index + 1)));
        }
    }
    for (keyword, block, line) in blocks(&clean) {
        for (driver, protocol) in DRIVERS {
            let listed = if keyword == "source" { told.inputs.len() } else { told.targets.len() };
            if listed >= MAX_LISTED {
                break;
            }
            for (body, lines) in calls(block, driver) {
                let place = format!("{path}:{}", line + lines);
                let transport = argument(body, "transport").unwrap_or_default().to_ascii_lowercase();
                let tls = transport.contains("tls") || body.contains("tls(");
                let protocol = if transport.contains("udp") { "udp" } else { protocol };
                let port = argument(body, "port").unwrap_or_default();
                if keyword == "source" {
                    if told.inputs.len() < MAX_LISTED {
                        told.inputs.push(SyslogInput { protocol: protocol.to_owned(), port, source: place });
                    }
                } else if told.targets.len() < MAX_LISTED {
                    let host = body.trim_start().trim_start_matches('"');
                    let host = host
                        .split(|c: char| c == '"' || c.is_whitespace() || c == ')')
                        .next()
                        .unwrap_or_default();
                    let verify = argument(body, "peer-verify").unwrap_or_default();
                    told.targets.push(SyslogTarget {
                        target: if port.is_empty() { host.to_owned() } else { format!("{host}:{port}") },
                        protocol: protocol.to_owned(),
                        tls,
                        // Without a word it is required-trusted.
                        verified: tls && matches!(verify.as_str(), "" | "required-trusted" | "yes"),
                        source: place,
                    });
                }
            }
        }
    }
    told
}

fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| {
            let mut quoted = false;
            let end = line.char_indices().find(|(_, c)| {
                quoted ^= *c == '"';
                *c == '#' && !quoted
            });
            end.and_then(|(at, _)| line.get(..at)).unwrap_or(line)
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// `source NAME { ... }` and `destination NAME { ... }` with the line on which they begin.
fn blocks(text: &str) -> Vec<(&'static str, &str, usize)> {
    let mut found = Vec::new();
    for keyword in ["source", "destination"] {
        for (at, _) in text.match_indices(keyword) {
            let Some(after) = text.get(at + keyword.len()..) else { continue };
            // A reference within a log path is `source(NAME)`.
            let opens = |byte: u8| matches!(byte, b'{' | b'(' | b';');
            let open = after.bytes().take(MAX_NAME).position(opens);
            let Some(open) = open.filter(|open| after.as_bytes().get(*open) == Some(&b'{')) else { continue };
            let body = after.get(open + 1..).unwrap_or_default();
            let line =
                text.get(..at + keyword.len() + open).map_or(1, |before| before.matches('\n').count() + 1);
            found.push((keyword, enclosed(body, '{', '}'), line));
            if found.len() >= MAX_LISTED {
                return found;
            }
        }
    }
    found
}

/// Bodies of `name(...)` with the number of lines before each.
fn calls<'a>(text: &'a str, name: &str) -> impl Iterator<Item = (&'a str, usize)> {
    text.match_indices(name).take(MAX_LISTED).filter_map(move |(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let whole = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '"');
        let after = text.get(at + name.len()..).map(str::trim_start).unwrap_or_default();
        let body = after.strip_prefix('(').filter(|_| whole)?;
        Some((enclosed(body, '(', ')'), before.matches('\n').count()))
    })
}

/// Text up to the sign that closes what is open, or as much as a body may hold.
fn enclosed(text: &str, open: char, close: char) -> &str {
    let mut depth = 1_usize;
    for (count, (at, c)) in text.char_indices().enumerate() {
        if count == MAX_BODY {
            return text.get(..at).unwrap_or(text);
        }
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return text.get(..at).unwrap_or(text);
            }
        }
    }
    text
}

fn argument(body: &str, name: &str) -> Option<String> {
    calls(body, name).next().map(|(value, _)| value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_and_sources_are_told_apart() {
        let told = parse(
            "@version: 3.38\n@include \"scl.conf\"\noptions { perm(0640); };\nsource s_net { udp(ip(0.0.0.0) port(514)); };\n\
             source s_src { system(); internal(); };\n# destination x { tcp(\"no\"); };\ndestination d_tls {\n  \
             network(\"logs.example\" port(6514) transport(\"tls\") tls(peer-verify(optional-untrusted)));\n};\n\
             destination d_udp { syslog(\"10.0.0.1\" transport(\"udp\")); };\nlog { source(s_src); destination(d_tls); };\n",
            "/etc/syslog-ng/syslog-ng.conf",
        );
        assert_eq!(told.includes, ["scl.conf"]);
        assert_eq!(told.inputs.len(), 1);
        let targets: Vec<_> =
            told.targets.iter().map(|t| (t.target.as_str(), t.protocol.as_str(), t.tls, t.verified)).collect();
        assert_eq!(targets, [("logs.example:6514", "tcp", true, false), ("10.0.0.1", "udp", false, false)]);
        assert_eq!(told.targets[0].source, "/etc/syslog-ng/syslog-ng.conf:8");
        assert_eq!(told.create_mode.unwrap().0, "0640");
    }

    #[test]
    fn endless_blocks_do_not_take_for_ever() {
        for part in ["source", "source {", "source { tcp(port(", "destination { udp(transport ", "tcp("] {
            let told = parse(&part.repeat((1 << 18) / part.len()), "x");
            assert!(told.inputs.len() <= MAX_LISTED && told.targets.len() <= MAX_LISTED, "{part}");
        }
    }

    #[test]
    fn hostile_text_is_read_without_panic() {
        for text in ["source", "source {", "destination d { tcp(", "ü{ü}source ü { tcp(ü", "@include", "perm("]
        {
            parse(text, "x");
        }
    }
}
