//! The place in a file that a source names, if it names one.

/// A file and perhaps a line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location<'a> {
    /// The absolute path on the target.
    pub(crate) path: &'a str,
    /// The line, counted from 1.
    pub(crate) line: Option<u32>,
    /// The column in it, counted from 1.
    pub(crate) column: Option<u32>,
}

/// The file behind a source such as `/etc/passwd:3`, `/srv/compose.yaml:12:5` or `/proc/mounts`; none for `sshd -T` and the
/// like.
pub(crate) fn location(at: &str) -> Option<Location<'_>> {
    if !at.starts_with('/') {
        return None;
    }
    let number = |text: &str| text.parse::<u32>().ok().filter(|&number| number > 0);
    let counted = |at: &'_ str| at.rsplit_once(':').and_then(|(path, last)| Some((path.len(), number(last)?)));
    let Some((end, last)) = counted(at) else { return Some(Location { path: at, line: None, column: None }) };
    let path = at.get(..end)?;
    Some(match counted(path) {
        Some((end, line)) => Location { path: at.get(..end)?, line: Some(line), column: Some(last) },
        None => Location { path, line: Some(last), column: None },
    })
}

/// A path as the path of a URI: everything but unreserved characters and `/` as `%XX`.
pub(crate) fn uri_path(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_are_files_are_places() {
        for (at, path, line, column) in [
            ("/etc/passwd:3", "/etc/passwd", Some(3), None),
            ("/srv/compose.yaml:12:5", "/srv/compose.yaml", Some(12), Some(5)),
            ("/proc/mounts", "/proc/mounts", None, None),
            ("/sys/a:0", "/sys/a:0", None, None),
            ("/dev/a:b", "/dev/a:b", None, None),
        ] {
            assert_eq!(location(at), Some(Location { path, line, column }), "{at}");
        }
        for elsewhere in ["sshd -T", "docker inspect web", "tcp 127.0.0.1:22", ""] {
            assert_eq!(location(elsewhere), None);
        }
    }

    #[test]
    fn paths_are_percent_encoded() {
        assert_eq!(uri_path("/etc/a b\x1b%ü"), "/etc/a%20b%1B%25%C3%BC");
    }
}
