//! Chapters of the results that are measured by themselves and stand beside those of the audit.

/// The chapter with this heading as it stands in the results; empty when there is none.
pub(crate) fn kept<'a>(page: &'a str, heading: &str) -> &'a str {
    let Some(start) = page.find(heading) else { return "" };
    let chapter = page.get(start..).unwrap_or_default();
    let next = chapter.get(heading.len()..).and_then(|rest| rest.find("\n## "));
    next.map_or(chapter, |next| chapter.get(..heading.len() + next).unwrap_or(chapter))
}

/// The page with the chapter at its end, in place of the one with the same heading.
pub(crate) fn with_chapter(page: &str, heading: &str, chapter: &str) -> String {
    let old = kept(page, heading);
    let rest = if old.is_empty() { page.to_owned() } else { page.replace(old, "") };
    if chapter.is_empty() { rest } else { format!("{}\n{chapter}", rest.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_is_kept_and_replaced() {
        let (page, heading) =
            ("# B\n\n## A\n\none\n\n## Hardening\n\nold\n\n## Targets\n\nt\n", "\n## Hardening\n");
        assert_eq!(kept(page, heading), "\n## Hardening\n\nold\n");
        assert_eq!(
            with_chapter(page, heading, "\n## Hardening\n\nnew\n"),
            "# B\n\n## A\n\none\n\n## Targets\n\nt\n\n## Hardening\n\nnew\n"
        );
        assert_eq!(kept("# B\n", heading), "");
        assert_eq!(with_chapter("# B\n", heading, ""), "# B\n");
    }
}
