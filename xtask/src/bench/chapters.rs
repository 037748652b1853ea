//! Chapters of the results page that are measured by themselves: kept when another is written.

/// The chapter as it stands in the results, by its heading (`\n## Name\n`); empty when there is none.
pub(crate) fn kept<'a>(page: &'a str, heading: &str) -> &'a str {
    let Some(start) = page.find(heading) else { return "" };
    let chapter = page.get(start..).unwrap_or_default();
    let next = chapter.get(heading.len()..).and_then(|rest| rest.find("\n## "));
    next.map_or(chapter, |next| chapter.get(..heading.len() + next).unwrap_or(chapter))
}

/// The page with the chapter, which begins with its heading, at its end.
pub(crate) fn with_chapter(page: &str, heading: &str, chapter: &str) -> String {
    let old = kept(page, heading);
    let rest = if old.is_empty() { page.to_owned() } else { page.replace(old, "") };
    if chapter.is_empty() { rest } else { format!("{}\n{chapter}", rest.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_is_kept_and_replaced() {
        let heading = "\n## Hardening\n";
        let page = "# B\n\n## A\n\none\n\n## Hardening\n\nold\n\n## Targets\n\nt\n";
        assert_eq!(kept(page, heading), "\n## Hardening\n\nold\n");
        assert_eq!(
            with_chapter(page, heading, "\n## Hardening\n\nnew\n"),
            "# B\n\n## A\n\none\n\n## Targets\n\nt\n\n## Hardening\n\nnew\n"
        );
        assert_eq!(kept("# B\n", heading), "");
        assert_eq!(with_chapter("# B\n", heading, ""), "# B\n");
    }
}
