//! The place in a file that a source names, if it names one.

/// A file and perhaps a line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location<'a> {
    /// The absolute path on the target.
    pub(crate) path: &'a str,
    /// The line, counted from 1.
    pub(crate) line: Option<u32>,
}

/// The file behind a source such as `/etc/passwd:3` or `/proc/mounts`; none for `sshd -T` and the like.
pub(crate) fn location(at: &str) -> Option<Location<'_>> {
    if !at.starts_with('/') {
        return None;
    }
    match at.rsplit_once(':') {
        Some((path, line)) => match line.parse::<u32>() {
            Ok(line) if line > 0 => Some(Location { path, line: Some(line) }),
            _ => Some(Location { path: at, line: None }),
        },
        None => Some(Location { path: at, line: None }),
    }
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
        assert_eq!(location("/etc/passwd:3"), Some(Location { path: "/etc/passwd", line: Some(3) }));
        assert_eq!(location("/proc/mounts"), Some(Location { path: "/proc/mounts", line: None }));
        assert_eq!(location("/sys/a:0"), Some(Location { path: "/sys/a:0", line: None }));
        assert_eq!(location("/dev/a:b"), Some(Location { path: "/dev/a:b", line: None }));
        for elsewhere in ["sshd -T", "docker inspect web", "tcp 127.0.0.1:22", ""] {
            assert_eq!(location(elsewhere), None);
        }
    }

    #[test]
    fn paths_are_percent_encoded() {
        assert_eq!(uri_path("/etc/a b\x1b%ü"), "/etc/a%20b%1B%25%C3%BC");
    }
}
