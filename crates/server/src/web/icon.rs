//! The marks beside words: line drawings on a grid of 20, hidden from those who hear the page.

use maud::{Markup, html};

/// The paths of one mark.
pub(super) type Icon = &'static [&'static str];

pub(super) const OVERVIEW: Icon = &["M3 17V8l2-3 2 3v9M8 17V6l2-3 2 3v11M13 17V8l2-3 2 3v9M2 12.5h16"];
pub(super) const REPORTS: Icon = &["M5 2.5h7l3.5 3.5v11.5H5zM12 2.5V6h3.5M8 10h5M8 13h5"];
pub(super) const USERS: Icon = &[
    "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 17c0-3 2.5-5 5.5-5s5.5 2 5.5 5",
    "M13 4a3 3 0 0 1 0 5.5M15 12.6c1.800.8 3 2.300 3 4.400",
];
pub(super) const ROLES: Icon = &[
    "M10 2.500 16.500 5v5c0 4-2.800 6.400-6.500 7.500C6.300 16.400 3.500 14 3.500 10V5zM7 10l2.200 2.200L13 8.200",
];
pub(super) const ACCESS: Icon =
    &["M8.500 14a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM12.500 12.500 17 17"];
pub(super) const SESSIONS: Icon = &["M2.500 4h15v10h-15zM7 17.500h6M10 14v3.500"];
pub(super) const TOKENS: Icon =
    &["M6.500 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM10 10h8M15 10v3M18 10v2"];
pub(super) const BLOCKS: Icon =
    &["M10 17.500a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15zM4.700 4.700l10.600 10.600"];
pub(super) const REVIEW: Icon =
    &["M4 3.500h12v14H4zM7.500 2h5v3h-5zM7 9l1 1 2-2M12 9h2M7 13.500l1 1 2-2M12 13.500h2"];
pub(super) const LEDGER: Icon =
    &["M10 3v4M5 12V9.500h10V12M5 7h10M3 12h4v4.500H3zM13 12h4v4.500h-4zM8 3h4v4H8z"];
pub(super) const SETTINGS: Icon = &[
    "M3 5.500h8M15 5.500h2M3 14.500h2M9 14.500h8",
    "M13 7.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 16.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
];
pub(super) const ABOUT: Icon = &["M10 17.500a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15zM10 9v5M10 6v.500"];
pub(super) const PERSON: Icon = &[
    "M10 9.500a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400zM3.500 17.500c0-3.500 3-5.500 6.500-5.500s6.500 2 6.500 5.500",
];
pub(super) const KEY: Icon = TOKENS;
pub(super) const DEVICE: Icon = &["M6 2.500h8v15H6zM9 15h2"];
pub(super) const MENU: Icon = &["M3 5h14M3 10h14M3 15h14"];

/// A mark.
pub(super) fn icon(paths: Icon) -> Markup {
    html! {
        svg.icon viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false" {
            @for path in paths { path d=(path) {} }
        }
    }
}

/// The mark of Palisade: three stakes and a rail, the middle one of wood.
pub(super) fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false" {
            path.rail d="M1 19h30v4H1z" {}
            path.stake d="M3 30V11l3.500-5L10 11v19z" {}
            path.stake.wood d="M12.500 30V7L16 2l3.500 5v23z" {}
            path.stake d="M22 30V11l3.500-5 3.500 5v19z" {}
        }
    }
}

/// A fence across a wall, drawn for pages that have little else to show; `gap` leaves one stake out.
pub(super) fn fence(stakes: u32, gap: Option<u32>) -> Markup {
    let width = stakes * 30;
    html! {
        svg.fence viewBox=(format!("0 0 {width} 120")) aria-hidden="true" focusable="false" preserveAspectRatio="xMidYMax slice" {
            rect.rail x="0" y="62" width=(width) height="8" {}
            rect.rail x="0" y="96" width=(width) height="8" {}
            @for at in 0..stakes {
                @let x = at * 30 + 3;
                // Heights that look grown, not drawn with a ruler.
                @let top = 14 + (at * 37 + 11) % 17;
                @if gap == Some(at) {
                    path.gap d=(format!("M{x} 120V{}l12-20 12 20v{}z", top + 20, 100 - top)) {}
                } @else {
                    path class=(if at % 7 == 3 { "stake wood" } else { "stake" }) d=(format!("M{x} 120V{}l12-20 12 20v{}z", top + 20, 100 - top)) {}
                }
            }
        }
    }
}
