//! Pages before the door: set-up, login, the second factor, and what stands there when the door is shut.

pub(crate) mod credentials;
pub(crate) mod factor;
pub(crate) mod locked;
pub(crate) mod login;
pub(crate) mod setup;

use maud::{Markup, html};

/// The rules of passwords, as a list beside the field.
fn rules(rules: &[String]) -> Markup {
    html! {
        @if !rules.is_empty() {
            ul.rules-list { @for rule in rules { li { (super::text::phrase(rule)) } } }
        }
    }
}
