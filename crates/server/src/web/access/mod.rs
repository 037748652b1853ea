//! Pages about people and what they may do: users, roles, sessions, tokens, blocks, reviews.

pub(crate) mod blocks;
pub(crate) mod idle;
pub(crate) mod profile;
pub(crate) mod query;
pub(crate) mod review;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod user;
pub(crate) mod users;

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::form::Act;
use super::icon::{DEVICE, KEY, icon};
use super::shell::{Shell, Tone};
use super::text::name;

/// A second factor of a user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Factor {
    /// `Authenticator app`, or a passkey's own name.
    pub(crate) name: String,
    pub(crate) is_passkey: bool,
    pub(crate) added: Option<Timestamp>,
    pub(crate) used: Option<Timestamp>,
    pub(crate) remove: Option<Act>,
}

/// A state in one word, and how it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) tone: Tone,
    pub(crate) word: String,
}

impl Mark {
    pub(in crate::web) fn draw(&self) -> Markup {
        html! { @if !self.word.is_empty() { span class=(format!("badge {}", self.tone.class())) { (printable(&self.word)) } } }
    }
}

fn factors(shell: &Shell, factors: &[Factor]) -> Markup {
    html! {
        @if factors.is_empty() {
            p.quiet { "None. A password alone is enough to log in." }
        } @else {
            ul.rows {
                @for one in factors {
                    li {
                        span.row-words {
                            (icon(if one.is_passkey { KEY } else { DEVICE })) " " strong { (name(&one.name)) }
                            span.sub { "added " (shell.time_or(one.added, "before records began")) "; last used " (shell.time_or(one.used, "never")) }
                        }
                        @if let Some(act) = &one.remove { (act.draw("small")) }
                    }
                }
            }
        }
    }
}
