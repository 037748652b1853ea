//! One more question before something that cannot be taken back.

use maud::{Markup, html};
use report::printable;

use crate::web::form::{Field, Form};
use crate::web::shell::{Head, Shell};
use crate::web::text::{name, phrase};

/// A question: field `typed` where something must be typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Confirm {
    /// What is to be done: `Delete the user anna?`
    pub(crate) title: String,
    /// What it brings about, a sentence each.
    pub(crate) consequences: Vec<String>,
    /// What must be typed so that it is not done by mistake.
    pub(crate) typed: Option<String>,
    pub(crate) form: Form,
    /// What the button says: `Delete the user`.
    pub(crate) label: String,
    /// Back.
    pub(crate) cancel: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Confirm) -> Markup {
    let head = Head { title: name(&view.title), ..Head::default() };
    let hint = |typed: &str| html! { "Type " strong { (name(typed)) } " so that nothing else is meant." };
    let fields: Vec<Field<'_>> =
        view.typed.iter().map(|typed| Field::line("typed", "Name").complete("off").hint(hint(typed))).collect();
    let buttons = html! {
        button.primary.danger type="submit" { (printable(&view.label)) }
        a.button href=(view.cancel) { "Cancel" }
    };
    let body = html! {
        (head.draw())
        div.card.narrow {
            @if !view.consequences.is_empty() {
                ul.plain-list { @for one in &view.consequences { li { (phrase(one)) } } }
            }
            (view.form.draw("confirm", &fields, &buttons))
        }
    };
    shell.page(&view.title, &body)
}
