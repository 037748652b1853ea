//! The colours of verdicts, severities and states: few, and never the only sign.

use anstyle::{AnsiColor, Style};
use model::Severity;
use model::report::{Status, Verdict};

/// Plain text.
pub const PLAIN: Style = Style::new();
/// Headings and what names a thing.
pub const STRONG: Style = Style::new().bold();
/// Labels and what is only context.
pub const DIM: Style = Style::new().dimmed();
/// As it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Not as it should be.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Not decided.
pub const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
/// Waits for a person, or was accepted by one.
pub const PERSON: Style = AnsiColor::Cyan.on_default();

/// The style of a severity.
pub fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Magenta.on_default().bold(),
        Severity::High => BAD,
        Severity::Medium => UNSURE,
        Severity::Low => AnsiColor::Blue.on_default().bold(),
    }
}

/// The style of a verdict.
pub fn verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Fail => BAD,
        Verdict::Unknown => UNSURE,
        Verdict::NotApplicable => DIM,
        Verdict::Waived => PERSON,
    }
}

/// The style of a requirement's state.
pub fn status(status: Status) -> Style {
    match status {
        Status::Met => GOOD,
        Status::Unmet => BAD,
        Status::Unknown => UNSURE,
        Status::AttestationDue | Status::Waived => PERSON,
        Status::NotApplicable => DIM,
    }
}
