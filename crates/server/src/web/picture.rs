//! Pictures: what people would rather see than read. Each also says in words what it shows.
//!
//! Plain SVG with geometry attributes and classes; colours come from the style sheet, and every state has a shape
//! or a number beside its colour.

use jiff::Timestamp;
use maud::{Markup, html};
use model::Severity;
use model::report::{Status, Summary, Verdict};
use report::printable;

use super::shell::Shell;
use super::text::count;

/// How many requirements of a guide are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) met: usize,
    pub(crate) unmet: usize,
    pub(crate) unknown: usize,
    pub(crate) attestation_due: usize,
    pub(crate) waived: usize,
    pub(crate) not_applicable: usize,
}

/// The parts of a guide's bar, in order; what does not apply has none.
const PARTS: [Status; 5] =
    [Status::Met, Status::Unmet, Status::Unknown, Status::AttestationDue, Status::Waived];

impl Coverage {
    /// The states of a guide's requirements, counted.
    pub(crate) fn of(states: impl IntoIterator<Item = Status>) -> Self {
        let mut sum = Self::default();
        for state in states {
            match state {
                Status::Met => sum.met += 1,
                Status::Unmet => sum.unmet += 1,
                Status::Unknown => sum.unknown += 1,
                Status::AttestationDue => sum.attestation_due += 1,
                Status::Waived => sum.waived += 1,
                Status::NotApplicable => sum.not_applicable += 1,
            }
        }
        sum
    }

    /// How many are in one state.
    pub(super) fn get(&self, state: Status) -> usize {
        match state {
            Status::Met => self.met,
            Status::Unmet => self.unmet,
            Status::Unknown => self.unknown,
            Status::AttestationDue => self.attestation_due,
            Status::Waived => self.waived,
            Status::NotApplicable => self.not_applicable,
        }
    }

    /// Those that concern the target.
    pub(super) fn concerned(&self) -> usize {
        PARTS.into_iter().map(|part| self.get(part)).sum()
    }

    /// In words: `12 met, 3 unmet`.
    pub(super) fn words(&self) -> String {
        let some = PARTS.into_iter().filter(|part| self.get(*part) > 0);
        let parts: Vec<String> = some.map(|part| format!("{} {part}", self.get(part))).collect();
        if parts.is_empty() { "nothing of it concerns this target".into() } else { parts.join(", ") }
    }
}

/// A bar with a part for each state. What it shows stands beside it in words.
pub(super) fn bar(coverage: &Coverage) -> Markup {
    let parts = PARTS.map(|part| (part.as_str(), coverage.get(part)));
    stretched(&parts)
}

/// A bar over findings by verdict.
pub(super) fn verdicts(sum: &Summary) -> Markup {
    stretched(&[("unmet", sum.fail), ("unknown", sum.unknown), ("waived", sum.waived), ("met", sum.pass)])
}

fn stretched(parts: &[(&str, usize)]) -> Markup {
    let total = parts.iter().map(|(_, number)| number).sum::<usize>().max(1);
    let mut placed = Vec::new();
    let mut at = 0;
    for (class, number) in parts.iter().filter(|(_, number)| *number > 0) {
        // Even one of a thousand is seen.
        let width = (number * 1000 / total).max(8);
        placed.push((*class, at, width));
        at += width + 3;
    }
    html! {
        svg.bar viewBox=(format!("0 0 {} 10", at.saturating_sub(3).max(1))) preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (class, x, width) in placed { rect class=(class) x=(x) y="0" width=(width) height="10" {} }
        }
    }
}

/// What the colours of bars mean.
pub(super) fn legend_of_bars() -> Markup {
    html! {
        ul.legend aria-label="What the colours mean" {
            @for part in PARTS {
                li {
                    svg.key-dot viewBox="0 0 10 10" aria-hidden="true" focusable="false" { rect class=(part.as_str()) width="10" height="10" rx="2" {} }
                    (part)
                }
            }
        }
    }
}

/// What the stakes of a fence mean.
pub(super) fn legend_of_fences() -> Markup {
    html! {
        ul.legend aria-label="What the stakes mean" {
            @for part in Status::ALL {
                li {
                    svg.key-stake viewBox="0 0 9 40" width="9" height="22" preserveAspectRatio="none" aria-hidden="true" focusable="false" { (stake(0, part)) }
                    (part)
                }
            }
        }
    }
}

/// A requirement in a guide's fence.
pub(super) struct Stake<'a> {
    pub(super) state: Status,
    pub(super) href: String,
    pub(super) title: &'a str,
}

/// A guide as a fence: a stake for each requirement, in the order of the document. What is unmet is a broken stake.
pub(super) fn fence(stakes: &[Stake<'_>]) -> Markup {
    let width = stakes.len().max(1) * 12 - 3;
    html! {
        svg.palisade viewBox=(format!("0 0 {width} 40")) width=(width) height="40" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (at, one) in stakes.iter().enumerate() {
                a href=(one.href) tabindex="-1" {
                    title { (printable(one.title)) ": " (one.state) }
                    rect.hit x=(at * 12) y="0" width="9" height="40" {}
                    (stake(at * 12, one.state))
                }
            }
        }
    }
}

/// One stake: whole, broken, hollow, or cut down, so that its state shows without colour too.
fn stake(x: usize, state: Status) -> Markup {
    let path = match state {
        Status::Met | Status::Waived => format!("M{x} 40V9l4.5-9 4.5 9v31z"),
        Status::Unmet => format!("M{x} 40V27l2.500 3 2-6 2 4 2.500-5v17z"),
        Status::Unknown => format!("M{x} 40V9l4.500-9 4.500 9v31zM{} 37h5V10l-2.500-5-2.500 5z", x + 2),
        Status::AttestationDue => format!("M{x} 40V22h9v18zM{x} 18V9l4.500-9 4.500 9v9z"),
        Status::NotApplicable => format!("M{x} 40v-7h9v7z"),
    };
    html! { path class=(state.as_str()) fill-rule="evenodd" d=(path) {} }
}

/// A ring with a part for each verdict and a number in the middle.
pub(super) fn ring(sum: &Summary, figure: usize, word: &str) -> Markup {
    let parts = [("fail", sum.fail), ("unknown", sum.unknown), ("waived", sum.waived), ("pass", sum.pass)];
    let total = parts.iter().map(|(_, number)| number).sum::<usize>();
    let mut arcs = Vec::new();
    let mut start = 0;
    for (class, number) in parts.into_iter().filter(|(_, number)| *number > 0) {
        let length = (number * 1000 / total.max(1)).max(6);
        arcs.push((class, start, length.saturating_sub(if number == total { 0 } else { 4 })));
        start += length;
    }
    let label = format!(
        "{figure} {word}: {} fail, {} unknown, {} waived, {} pass",
        sum.fail, sum.unknown, sum.waived, sum.pass
    );
    html! {
        svg.ring viewBox="0 0 120 120" role="img" aria-label=(label) {
            circle.track cx="60" cy="60" r="50" pathLength="1000" {}
            g transform="rotate(-90 60 60)" {
                @for (class, start, length) in arcs {
                    circle class=(class) cx="60" cy="60" r="50" pathLength="1000"
                        stroke-dasharray=(format!("{length} {}", 1000_usize.saturating_sub(length))) stroke-dashoffset=(format!("-{start}")) {}
                }
            }
            text class=(if figure > 999 { "figure long" } else { "figure" }) x="60" y="63" text-anchor="middle" { (figure) }
            text.word x="60" y="80" text-anchor="middle" { (word) }
        }
    }
}

/// Failing findings by severity, as bars beside their numbers.
pub(super) fn severities(numbers: &[(Severity, usize)]) -> Markup {
    let most = numbers.iter().map(|(_, number)| *number).max().unwrap_or(0).max(1);
    html! {
        table.severities {
            caption.heard { "Failing findings by severity" }
            tbody {
                @for (severity, number) in numbers {
                    tr {
                        th scope="row" { span class=(format!("severity {severity}")) { (severity) } }
                        td.right { (number) }
                        td.drawn {
                            svg.level viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                                @if *number > 0 { rect class=(severity) x="0" y="0" width=((number * 1000 / most).max(8)) height="10" {} }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// An audit in the course of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: Timestamp,
    pub(crate) fail: usize,
    pub(crate) unknown: usize,
}

const WIDE: i64 = 720;
const HIGH: i64 = 150;

/// Findings over time: failing as an area, unknown as a line. Between two audits nothing is known to have changed.
pub(super) fn trend(shell: &Shell, points: &[Point]) -> Markup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return html! { p.quiet { "No audit yet." } };
    };
    if points.len() == 1 {
        return html! { p.quiet { "One audit so far. The line begins with the second." } };
    }
    let most = points.iter().map(|point| point.fail.max(point.unknown)).max().unwrap_or(0).max(1);
    let worst = points.iter().map(|point| point.fail).max().unwrap_or(0);
    let words = format!("Failing findings: {} at first, {} now, {worst} at most", first.fail, last.fail);
    let fail = steps(points, most, |point| point.fail);
    let unknown = steps(points, most, |point| point.unknown);
    html! {
        figure.trend {
            svg viewBox=(format!("0 0 {} {}", WIDE + 16, HIGH + 16)) role="img" aria-label=(words) {
                @for part in 0..=2 {
                    @let y = 8 + HIGH * part / 2;
                    line.grid x1="0" x2=(WIDE + 16) y1=(y) y2=(y) {}
                }
                path.area d=(format!("{}V{}H8z", fail.0, HIGH + 8)) {}
                path.line.unknown d=(unknown.0) {}
                path.line.fail d=(fail.0) {}
                circle.dot.fail cx=(WIDE + 8) cy=(fail.1) r="5" {}
            }
            figcaption {
                span { (shell.day(first.at)) }
                span.keys {
                    span.key.fail { "failing, " (last.fail) " now, " (worst) " at most" }
                    span.key.unknown { "unknown, " (last.unknown) " now" }
                }
                span { (shell.day(last.at)) }
            }
        }
    }
}

/// A line of steps, and the height at which it ends.
fn steps(points: &[Point], most: usize, of: impl Fn(&Point) -> usize) -> (String, i64) {
    let seconds = |point: &Point| point.at.as_second();
    let begin = points.first().map_or(0, seconds);
    let span = (points.last().map_or(0, seconds) - begin).max(1);
    let most = i64::try_from(most).unwrap_or(i64::MAX).max(1);
    let mut path = String::new();
    let mut y = 0;
    for point in points {
        let x = 8 + (seconds(point) - begin).saturating_mul(WIDE) / span;
        let value = i64::try_from(of(point)).unwrap_or(i64::MAX);
        y = 8 + HIGH - value.saturating_mul(HIGH) / most;
        path.push_str(&if path.is_empty() { format!("M{x} {y}") } else { format!("H{x}V{y}") });
    }
    (path, y)
}

/// What a rule said at each audit, oldest first.
pub(super) fn history(shell: &Shell, verdicts: &[(Timestamp, Verdict)]) -> Markup {
    let (Some(first), Some(last)) = (verdicts.first(), verdicts.last()) else {
        return html! { p.quiet { "No audit has decided this yet." } };
    };
    let width = verdicts.len() * 14 - 3;
    let bad = verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Fail).count();
    let label = format!("{}: {bad} failing; at the last one {}", count(verdicts.len(), "audit"), last.1);
    html! {
        figure.history {
            svg viewBox=(format!("0 0 {width} 30")) width=(width) height="30" preserveAspectRatio="none" role="img" aria-label=(label) {
                @for (at, (time, verdict)) in verdicts.iter().enumerate() {
                    @let (y, height) = match verdict { Verdict::Fail => (0, 30), Verdict::Unknown => (8, 22), Verdict::Waived => (12, 18), Verdict::Pass => (16, 14), Verdict::NotApplicable => (26, 4) };
                    rect class=(verdict.as_str()) x=(at * 14) y=(y) width="11" height=(height) { title { (format!("{time:.0}")) ": " (verdict) } }
                }
            }
            figcaption { span { (shell.day(first.0)) } span.quiet { (label) } span { (shell.day(last.0)) } }
        }
    }
}

/// Findings by verdict, each number with its colour.
pub(super) fn tally(sum: &Summary) -> Markup {
    let rows = [
        ("fail", "failing", sum.fail),
        ("unknown", "unknown", sum.unknown),
        ("waived", "waived", sum.waived),
        ("pass", "passing", sum.pass),
    ];
    html! {
        ul.tally {
            @for (class, word, number) in rows {
                li { span class=(format!("dot {class}")) aria-hidden="true" {} span.number { (number) } " " (word) }
            }
            li.quiet { span.dot aria-hidden="true" {} span.number { (sum.not_applicable) } " not applicable" }
        }
    }
}

/// A verdict as a badge.
pub(super) fn verdict(verdict: Verdict) -> Markup {
    html! { span class=(format!("badge {}", verdict.as_str())) { (verdict) } }
}

/// A requirement's state as a badge.
pub(super) fn status(status: Status) -> Markup {
    html! { span class=(format!("badge {}", status.as_str())) { (status) } }
}

/// A severity as a badge.
pub(super) fn severity(severity: Severity) -> Markup {
    html! { span class=(format!("severity {severity}")) { (severity) } }
}

/// How far something has come.
pub(super) fn progress(done: usize, of: usize, label: &str) -> Markup {
    html! {
        div.progress {
            progress max=(of.max(1)) value=(done) aria-label=(label) {}
            span { (done) " of " (of) }
        }
    }
}
