//! Files that should not be there for everybody. A path counts only when what it answers looks like the thing itself:
//! servers that answer every path alike raise no alarm.

use model::facts::endpoints::Artefact;

use crate::http::Answer;

/// One thing to ask for.
pub(super) struct Suspect {
    /// Its path.
    pub(super) path: &'static str,
    what: &'static str,
    /// `development` or `default`.
    pub(super) kind: &'static str,
    is: fn(&Answer, &str) -> bool,
}

/// Left by developers and tools.
const DEVELOPMENT: &str = "development";
/// Shipped with the server.
const DEFAULT: &str = "default";

/// What is asked for, in this order.
pub(super) const SUSPECTS: &[Suspect] = &[
    Suspect { path: "/.git/HEAD", what: "Git repository", kind: DEVELOPMENT, is: |_, body| is_git_head(body) },
    Suspect {
        path: "/.svn/entries",
        what: "Subversion working copy",
        kind: DEVELOPMENT,
        is: |_, body| body.lines().next().is_some_and(|line| line.len() < 4 && line.parse::<u8>().is_ok()),
    },
    Suspect {
        path: "/.svn/wc.db",
        what: "Subversion working copy",
        kind: DEVELOPMENT,
        is: |_, body| body.starts_with("SQLite format 3"),
    },
    Suspect {
        path: "/.hg/requires",
        what: "Mercurial repository",
        kind: DEVELOPMENT,
        is: |_, body| {
            body.lines().any(|line| matches!(line, "revlogv1" | "store" | "share-safe" | "dotencode"))
        },
    },
    Suspect { path: "/.env", what: "environment file", kind: DEVELOPMENT, is: |_, body| is_environment(body) },
    Suspect {
        path: "/.DS_Store",
        what: "macOS folder file",
        kind: DEVELOPMENT,
        is: |answer, _| answer.body.starts_with(b"\0\0\0\x01Bud1"),
    },
    Suspect {
        path: "/backup.zip",
        what: "archive",
        kind: DEVELOPMENT,
        is: |answer, _| answer.body.starts_with(b"PK\x03\x04"),
    },
    Suspect {
        path: "/index.html.bak",
        what: "copy of a page",
        kind: DEVELOPMENT,
        is: |_, body| is_markup(body),
    },
    Suspect {
        path: "/index.html.old",
        what: "copy of a page",
        kind: DEVELOPMENT,
        is: |_, body| is_markup(body),
    },
    Suspect {
        path: "/index.php.bak",
        what: "copy of a page",
        kind: DEVELOPMENT,
        is: |_, body| is_markup(body),
    },
    Suspect {
        path: "/.index.html.swp",
        what: "file of an editor",
        kind: DEVELOPMENT,
        is: |answer, _| answer.body.starts_with(b"b0VIM"),
    },
    Suspect {
        path: "/phpinfo.php",
        what: "PHP configuration",
        kind: DEFAULT,
        is: |_, body| body.contains("phpinfo()") && body.contains("PHP Version"),
    },
    Suspect {
        path: "/server-status",
        what: "Apache status",
        kind: DEFAULT,
        is: |_, body| body.contains("Apache Server Status"),
    },
    Suspect {
        path: "/manager/html",
        what: "Tomcat manager",
        kind: DEFAULT,
        is: |answer, body| {
            answer.header("www-authenticate").is_some_and(|realm| realm.contains("Tomcat Manager"))
                || body.contains("Tomcat Web Application Manager")
        },
    },
    Suspect {
        path: "/examples/",
        what: "Tomcat examples",
        kind: DEFAULT,
        is: |_, body| body.contains("Apache Tomcat Examples") || body.contains("Servlets examples"),
    },
    Suspect {
        path: "/docs/",
        what: "Tomcat documentation",
        kind: DEFAULT,
        is: |_, body| body.contains("Apache Tomcat") && body.contains("Documentation Index"),
    },
    Suspect {
        path: "/icons/",
        what: "Apache icons",
        kind: DEFAULT,
        is: |_, body| body.contains("Index of /icons") || body.contains("Public Domain Icons"),
    },
    Suspect {
        path: "/actuator",
        what: "Spring management endpoints",
        kind: DEFAULT,
        is: |_, body| body.contains("\"_links\"") && body.contains("actuator"),
    },
];

impl Suspect {
    /// The artefact, when `answer` really is it. `nowhere` is what the server answers for a path that does not exist.
    pub(super) fn judge(&self, answer: &Answer, nowhere: Option<&Answer>) -> Option<Artefact> {
        // The manager asks for a password before it shows anything.
        if !matches!(answer.status, 200 | 401 | 403) {
            return None;
        }
        if nowhere.is_some_and(|nowhere| nowhere.status == answer.status && nowhere.body == answer.body) {
            return None;
        }
        let body = String::from_utf8_lossy(&answer.body);
        (self.is)(answer, &body).then(|| Artefact {
            path: self.path.to_owned(),
            what: self.what.to_owned(),
            kind: self.kind.to_owned(),
        })
    }
}

fn is_git_head(body: &str) -> bool {
    let line = body.trim_end();
    line.strip_prefix("ref: refs/").is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
        || (matches!(line.len(), 40 | 64) && line.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Lines of `NAME=value`, and no markup.
fn is_environment(body: &str) -> bool {
    let mut lines = body
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .take(20)
        .peekable();
    lines.peek().is_some()
        && lines.all(|line| {
            line.trim_start_matches("export ").split_once('=').is_some_and(|(name, _)| {
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        })
}

/// A page in source form. Compared with the answer for no path at all before, so a catch-all page does not count.
fn is_markup(body: &str) -> bool {
    let start = body.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    ["<!doctype", "<html", "<?php", "<head", "<?xml"].iter().any(|begin| start.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(path: &str, status: u16, body: &[u8], nowhere: &[u8]) -> Option<String> {
        let answer = |status, body: &[u8]| Answer { status, headers: vec![], body: body.to_vec(), cut: false };
        let suspect = SUSPECTS.iter().find(|suspect| suspect.path == path).unwrap();
        suspect.judge(&answer(status, body), Some(&answer(200, nowhere))).map(|found| found.what)
    }

    #[test]
    fn only_the_thing_itself_counts() {
        assert_eq!(judge("/.git/HEAD", 200, b"ref: refs/heads/main\n", b"").as_deref(), Some("Git repository"));
        assert_eq!(judge("/.git/HEAD", 200, b"<html>welcome</html>", b""), None);
        assert_eq!(judge("/.git/HEAD", 404, b"ref: refs/heads/main\n", b""), None);
        assert_eq!(judge("/.env", 200, b"# x\nDB_PASSWORD=geheim\n", b"").as_deref(), Some("environment file"));
        assert_eq!(judge("/.env", 200, b"{\"a\": \"b=c\"}", b""), None);
        assert_eq!(judge("/.svn/entries", 200, b"12\n", b"").as_deref(), Some("Subversion working copy"));
        assert_eq!(judge("/backup.zip", 200, b"PK\x03\x04rest", b"").as_deref(), Some("archive"));
        assert_eq!(judge("/index.html.bak", 200, b"<html>old</html>", b"").as_deref(), Some("copy of a page"));
        assert_eq!(judge("/index.html.bak", 200, b"<html>app</html>", b"<html>app</html>"), None);
    }
}
