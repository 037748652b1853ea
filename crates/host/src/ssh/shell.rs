//! Command lines for the login shell of the target: sshd always hands what is to be run to one, whichever it is.

/// Printed before what is run, so that what a start-up file of the shell prints can be told from it.
pub(super) const MARK: &str = "palisade-begins";

/// Nothing but this stands in the environment of what is run.
const ENVIRONMENT: &[&str] = &["/usr/bin/env", "-i", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];

/// The line that prints the mark and then becomes these words.
pub(super) fn line(words: &[String]) -> String {
    let mut line = format!("echo {MARK};exec");
    for word in ENVIRONMENT.iter().copied().chain(words.iter().map(String::as_str)) {
        line.push(' ');
        quote(word, &mut line);
    }
    line
}

/// Writes a word so that every usual shell (POSIX, csh, fish) reads exactly it: plain characters stand as they are, others
/// in single quotes, and those that mean something within single quotes in one of the shells after a backslash.
fn quote(word: &str, line: &mut String) {
    if word.is_empty() {
        line.push_str("''");
    }
    let mut quoted = false;
    for c in word.chars() {
        let plain = c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
        let escaped = matches!(c, '\'' | '\\' | '!');
        let wanted = !escaped && (!plain || quoted);
        if wanted != quoted {
            line.push('\'');
            quoted = wanted;
        }
        if escaped {
            line.push('\\');
        }
        line.push(c);
    }
    if quoted {
        line.push('\'');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests ask real shells")]

    use std::process::Command;

    use super::*;

    const HOSTILE: &[&str] = &[
        "plain",
        "",
        " ",
        "a b",
        "it's",
        "''",
        "\\",
        "a\\\\b\\'",
        "$(id)",
        "`id`",
        "${PATH}",
        "~",
        "*",
        "a;b",
        "a&b|c>d<e",
        "!!",
        "x!y",
        "\"",
        "\t",
        "#a",
        "--",
        "-n",
        "a=b",
        "{a,b}",
        "[a]",
        "?",
        "é\u{1F600}",
        "\u{1b}[31m",
        "a\nb",
        "%s%n",
    ];

    #[test]
    fn shells_read_exactly_the_words() {
        // `printf` ends each word where nothing of it could.
        let mut words = vec!["/usr/bin/printf".to_owned(), "%s\\0".to_owned()];
        words.extend(HOSTILE.iter().map(|word| (*word).to_owned()));
        let mut tried = 0;
        for shell in ["/bin/sh", "/bin/bash", "/usr/bin/zsh", "/usr/bin/fish", "/bin/busybox"] {
            let mut command = Command::new(shell);
            if shell.ends_with("busybox") {
                command.arg("sh");
            }
            let Ok(output) = command.arg("-c").arg(line(&words)).output() else { continue };
            let printed = String::from_utf8(output.stdout).unwrap();
            let printed = printed.strip_prefix(&format!("{MARK}\n")).unwrap();
            let read: Vec<&str> = printed.strip_suffix('\0').unwrap().split('\0').collect();
            assert_eq!(read, HOSTILE, "{shell}");
            tried += 1;
        }
        assert!(tried >= 2, "/bin/sh and /bin/bash");
    }

    #[test]
    fn the_environment_of_what_runs_is_ours() {
        let output =
            Command::new("/bin/sh").arg("-c").arg(line(&["/usr/bin/env".to_owned()])).output().unwrap();
        let expected = format!("{MARK}\nLC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}
