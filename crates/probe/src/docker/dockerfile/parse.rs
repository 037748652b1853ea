//! The instructions of a Dockerfile with the lines they begin in.
//!
//! Source: the Dockerfile reference of Docker; parser directives, continued lines, comments between them, here-documents.

/// Lines of one file.
const LINE_LIMIT: usize = 20_000;
/// Instructions of one file.
const INSTRUCTION_LIMIT: usize = 4096;
/// What the builder knows; anything else is a mistake.
const KEYWORDS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// In upper case.
    pub(super) keyword: &'static str,
    /// What stands behind it, its lines joined by blanks; here-documents follow on lines of their own.
    pub(super) rest: String,
    /// The line that it begins in, counted from 1.
    pub(super) line: usize,
}

/// What is wrong, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) message: String,
}

/// All instructions; at least one `FROM`.
pub(super) fn parse(text: &str) -> Result<Vec<Instruction>, Wrong> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape(text);
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().take(LINE_LIMIT);
    while let Some((index, line)) = lines.next() {
        let start = line.trim_start();
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        let mut joined = String::new();
        let mut part = line;
        loop {
            match continued(part, escape) {
                None => {
                    joined.push_str(part.trim_end());
                    break;
                }
                Some(before) => {
                    joined.push_str(before);
                    joined.push(' ');
                }
            }
            // Comments and empty lines do not end an instruction.
            let is_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
            match lines.by_ref().map(|(_, line)| line).find(|line| !is_nothing(line)) {
                Some(next) => part = next.trim_start(),
                None => break,
            }
        }
        let joined = joined.trim();
        let (word, rest) = joined.split_once(char::is_whitespace).unwrap_or((joined, ""));
        let keyword = KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(word)).ok_or_else(|| {
            Wrong { line: index + 1, message: "no instruction of a Dockerfile begins like this".to_owned() }
        })?;
        let mut rest = rest.trim().to_owned();
        if matches!(*keyword, "RUN" | "COPY" | "ADD") {
            for (end, may_be_indented) in here_documents(&rest) {
                for (_, line) in lines.by_ref() {
                    if line == end || (may_be_indented && line.trim_start_matches('\t') == end) {
                        break;
                    }
                    rest.push('\n');
                    rest.push_str(line);
                }
            }
        }
        if found.len() >= INSTRUCTION_LIMIT {
            return Err(Wrong {
                line: index + 1,
                message: format!("more than {INSTRUCTION_LIMIT} instructions"),
            });
        }
        found.push(Instruction { keyword, rest, line: index + 1 });
    }
    if let Some((index, _)) = lines.next().or_else(|| text.lines().enumerate().nth(LINE_LIMIT)) {
        return Err(Wrong { line: index + 1, message: format!("more than {LINE_LIMIT} lines") });
    }
    if !found.iter().any(|instruction| instruction.keyword == "FROM") {
        return Err(Wrong { line: 1, message: "there is no FROM; is this a Dockerfile?".to_owned() });
    }
    Ok(found)
}

/// The sign that continues a line: `\`, or what the directive `# escape=` says at the top.
fn escape(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim_start().strip_prefix('#'));
    let mut pairs = directives.map_while(|line| line.split_once('='));
    let given = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    if given.is_some_and(|(_, sign)| sign.trim() == "`") { '`' } else { '\\' }
}

/// What stands before the sign that continues a line; none when it ends here.
fn continued(line: &str, escape: char) -> Option<&str> {
    line.trim_end().strip_suffix(escape)
}

/// The words that end the here-documents of an instruction, and whether tabs may stand before each.
fn here_documents(rest: &str) -> Vec<(String, bool)> {
    let (mut quote, mut escaped) = (None, false);
    rest.split_whitespace()
        .filter_map(|word| {
            let is_quoted = quote.is_some();
            for c in word.chars() {
                match (c, quote) {
                    _ if escaped => escaped = false,
                    ('\\', _) => escaped = true,
                    (c, Some(open)) if c == open => quote = None,
                    ('"' | '\'', None) => quote = Some(c),
                    _ => {}
                }
            }
            // As the builder sees it: at most a number stands before, and `a<<b` begins none.
            let (before, word) = word.split_once("<<")?;
            if is_quoted || !before.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // `<<<` is a here-string, `1 << 2` arithmetic.
            let (word, may_be_indented) = word.strip_prefix('-').map_or((word, false), |word| (word, true));
            let word = word.trim_matches(['"', '\'']);
            let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            is_name.then(|| (word.to_owned(), may_be_indented))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(&'static str, String, usize)> {
        parse(text).unwrap().into_iter().map(|one| (one.keyword, one.rest, one.line)).collect()
    }

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        let text = "# syntax=docker/dockerfile:1\n# a comment\nFROM debian:12 AS base\n\nrun apt-get update \\\n  # why\n\n  && \
                    apt-get install -y x\nCMD [\"a\"]";
        assert_eq!(
            seen(text),
            [
                ("FROM", "debian:12 AS base".to_owned(), 3),
                ("RUN", "apt-get update  && apt-get install -y x".to_owned(), 5),
                ("CMD", "[\"a\"]".to_owned(), 9),
            ]
        );
    }

    #[test]
    fn another_sign_may_continue_lines_and_text_may_stand_here() {
        let text = "# escape=`\nFROM a\nRUN a `\n b\nRUN <<EOF\necho 1\nEOF\nCOPY <<-\"X\" /x\nFROM none\n\tX\nUSER app\n";
        let seen = seen(text);
        assert_eq!(seen[1], ("RUN", "a  b".to_owned(), 3));
        assert_eq!(seen[2], ("RUN", "<<EOF\necho 1".to_owned(), 5));
        assert_eq!(seen[3].1, "<<-\"X\" /x\nFROM none");
        assert_eq!(seen[4], ("USER", "app".to_owned(), 11));
    }

    #[test]
    fn what_only_looks_like_a_here_document_hides_nothing() {
        for run in ["RUN echo a<<EOF", "RUN echo \"a <<EOF\"", "RUN echo '<<EOF'", "RUN echo $((1<<EOF))"] {
            let seen = seen(&format!("FROM a\n{run}\nUSER root\nRUN <<X\n\tX\nX\nUSER app\n"));
            let keywords: Vec<_> = seen.iter().map(|(keyword, ..)| *keyword).collect();
            assert_eq!(keywords, ["FROM", "RUN", "USER", "RUN", "USER"], "{run}");
        }
        assert_eq!(seen("FROM a\nRUN cat 3<<EOF it\\'s <<B\nUSER x\nEOF\nUSER y\nB\nUSER z\n").len(), 3);
    }

    #[test]
    fn what_is_no_dockerfile_is_refused_with_its_line() {
        assert_eq!(parse("FROM a\nFORM b\n").unwrap_err().line, 2);
        assert!(parse("").unwrap_err().message.contains("no FROM"));
        assert!(parse("RUN x\n").unwrap_err().message.contains("no FROM"));
        assert!(parse(&"FROM a\n".repeat(5000)).unwrap_err().message.contains("more than 4096"));
        assert!(parse(&"#\n".repeat(30_000)).unwrap_err().message.contains("more than 20000 lines"));
        assert!(parse("FROM a\nRUN <<EOF\nnever ends").is_ok());
        assert!(parse("FROM a \\").is_ok());
    }
}
