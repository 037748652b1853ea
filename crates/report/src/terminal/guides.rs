//! How far each guide is met: a bar and the counts; on request every requirement.

use anstyle::Style;
use model::report::{GuideReport, Status};

use super::{Page, heading, shorten, style};
use crate::Options;

/// Columns of the numbers behind a bar.
const NUMBERS: usize = 7;
/// Longest guide id that is shown whole.
const NAME: usize = 16;
/// The parts of a bar in order; what does not apply has none.
const PARTS: [Status; 5] =
    [Status::Met, Status::Unmet, Status::Unknown, Status::AttestationDue, Status::Waived];

/// Writes the section, unless there are no guides.
pub(super) fn write(page: &mut Page, guides: &[GuideReport], options: &Options) {
    if guides.is_empty() {
        return;
    }
    heading(page, style::STRONG, "guides");
    let longest = guides.iter().map(|guide| guide.id.chars().count()).max().unwrap_or_default();
    let name = longest.clamp(5, NAME);
    let numbers = Status::ALL.len() * NUMBERS;
    let bar = page.width().saturating_sub(name + 2 + numbers).min(60);
    legend(page, name, bar, options);
    for guide in guides {
        row(page, guide, name, bar, options);
        if options.verbose {
            requirements(page, guide);
        }
    }
}

/// The heads of the columns; each names the mark that it has in the bar.
fn legend(page: &mut Page, name: usize, bar: usize, options: &Options) {
    let mut pieces = vec![(style::DIM, format!("{:1$}", "guide", name + 1 + bar))];
    for status in Status::ALL {
        let word = match status {
            Status::AttestationDue => "person",
            Status::NotApplicable => "n/a",
            other => other.as_str(),
        };
        let word = if word == "unknown" { "unkn." } else { word };
        let head = format!("{word:>NUMBERS$}");
        pieces.push((style::status(status), head));
    }
    write_line(page, &pieces);
    let marks = PARTS.map(|status| format!("{} {status}", mark(status, options.unicode)));
    page.indented(name + 1, style::DIM, &marks.join(", "));
}

fn row(page: &mut Page, guide: &GuideReport, name: usize, bar: usize, options: &Options) {
    let count = |status| guide.requirements.iter().filter(|it| it.status == status).count();
    let mut id: String = guide.id.chars().take(name).collect();
    id.extend(std::iter::repeat_n(' ', (name + 1).saturating_sub(id.chars().count())));
    let mut pieces = vec![(style::STRONG, id)];
    let parts = PARTS.map(count);
    let shares = shares(parts, bar.saturating_sub(1));
    for (status, share) in PARTS.into_iter().zip(shares) {
        pieces.push((style::status(status), mark(status, options.unicode).repeat(share)));
    }
    pieces.push((style::PLAIN, " ".repeat(bar.saturating_sub(shares.iter().sum()))));
    for status in Status::ALL {
        let number = count(status);
        let style = if number == 0 { style::DIM } else { style::status(status) };
        pieces.push((style, format!("{number:>NUMBERS$}")));
    }
    write_line(page, &pieces);
}

fn requirements(page: &mut Page, guide: &GuideReport) {
    for requirement in &guide.requirements {
        let label = format!("  {:<16}", requirement.status);
        let text = format!("{} {}: {}", requirement.id, requirement.level, requirement.title);
        page.hanging((style::status(requirement.status), &label), (style::PLAIN, &text), 18);
        if !requirement.reason.is_empty() {
            page.indented(18, style::DIM, &shorten(&requirement.reason, 400));
        }
    }
}

fn write_line(page: &mut Page, pieces: &[(Style, String)]) {
    let pieces: Vec<(Style, &str)> = pieces.iter().map(|(style, text)| (*style, text.as_str())).collect();
    page.line(&pieces);
}

/// The mark of a state in a bar: to be told apart without colour.
fn mark(status: Status, unicode: bool) -> &'static str {
    match (status, unicode) {
        (Status::Met, true) => "█",
        (Status::Unmet, true) => "▒",
        (Status::AttestationDue, true) => "·",
        (Status::Met, false) => "#",
        (Status::Unmet, false) => "x",
        (Status::AttestationDue, false) => ".",
        (Status::Unknown, _) => "?",
        (Status::Waived, _) => "w",
        (Status::NotApplicable, _) => " ",
    }
}

/// `width` columns divided in proportion to `parts`; what is there has at least one, so that one unmet
/// requirement among hundreds is seen.
fn shares(parts: [usize; 5], width: usize) -> [usize; 5] {
    let total: usize = parts.iter().sum();
    if total == 0 {
        return [0; 5];
    }
    let mut shares = parts.map(|part| if part == 0 { 0 } else { (part * width / total).max(1) });
    while shares.iter().sum::<usize>() > width {
        let Some(largest) = shares.iter_mut().max().filter(|share| **share > 1) else { break };
        *largest -= 1;
    }
    while shares.iter().sum::<usize>() < width {
        // The part that is furthest below what it is due.
        let due = |at: usize, share: usize| {
            parts.get(at).map_or(0, |part| (part * width).saturating_sub(share * total))
        };
        let Some((_, share)) = shares.iter_mut().enumerate().max_by_key(|(at, share)| due(*at, **share)) else {
            break;
        };
        *share += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fill_the_bar_and_hide_nothing() {
        assert_eq!(shares([0; 5], 20), [0; 5]);
        assert_eq!(shares([10, 10, 0, 0, 0], 20), [10, 10, 0, 0, 0]);
        assert_eq!(shares([500, 1, 1, 0, 0], 20), [18, 1, 1, 0, 0]);
        assert_eq!(shares([1, 1, 1, 0, 0], 20).iter().sum::<usize>(), 20);
        assert_eq!(shares([1, 0, 0, 0, 0], 20), [20, 0, 0, 0, 0]);
    }

    #[test]
    fn marks_differ_without_colour() {
        for unicode in [true, false] {
            let marks: std::collections::HashSet<_> = PARTS.iter().map(|part| mark(*part, unicode)).collect();
            assert_eq!(marks.len(), PARTS.len());
        }
    }
}
