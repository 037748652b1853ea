//! Forms: every field has a label, every error says what to do and is tied to its field, secrets are never given back.

use std::collections::BTreeMap;

use maud::{Markup, html};
use report::printable;

use super::text::phrase;

/// What a form is sent to and what it holds; its fields belong to the page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// The address it is posted to.
    pub(crate) action: String,
    /// What goes along unseen: the attempt that is continued, the version that was read.
    pub(crate) hidden: Vec<(String, String)>,
    /// What was typed before, by field; given back as it was, so that saving it again changes nothing. Passwords and codes are not shown again, whatever stands here.
    pub(crate) values: BTreeMap<String, String>,
    /// What was wrong: the field (empty for the form as a whole) and a sentence.
    pub(crate) errors: Vec<(String, String)>,
}

/// One of several to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    /// What choosing it means; may be empty.
    pub(crate) about: String,
    pub(crate) chosen: bool,
}

/// A button that does one thing to one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Act {
    /// The address it posts to.
    pub(crate) action: String,
    /// What the button says.
    pub(crate) label: String,
    /// What it acts on, said to those who cannot see which row it stands in; may be empty.
    pub(crate) of: String,
    pub(crate) hidden: Vec<(String, String)>,
    /// Whether it takes something away.
    pub(crate) danger: bool,
}

impl Act {
    /// The button in a form of its own.
    pub(super) fn draw(&self, class: &str) -> Markup {
        let class = if self.danger { format!("{class} danger") } else { class.to_owned() };
        html! {
            form.act method="post" action=(self.action) {
                (hidden(&self.hidden))
                button type="submit" class=(class) {
                    (printable(&self.label))
                    @if !self.of.is_empty() { span.heard { " " (printable(&self.of)) } }
                }
            }
        }
    }
}

/// How a field is filled.
pub(super) enum Kind<'a> {
    /// One line, of this HTML type.
    Line(&'static str),
    /// A password: never given back.
    Secret,
    /// A one-time code: never given back.
    Code,
    /// One with letters in it.
    MixedCode,
    /// Several lines.
    Long,
    /// One of a list, folded.
    Pick(&'a [Choice]),
    /// Any of a list.
    Ticks(&'a [Choice]),
    /// Something to read between fields.
    Shown(Markup),
}

/// A field of a page's form.
pub(super) struct Field<'a> {
    name: &'a str,
    label: &'a str,
    kind: Kind<'a>,
    hint: Markup,
    autocomplete: Option<&'static str>,
    optional: bool,
    focus: bool,
    limit: Option<u16>,
}

impl<'a> Field<'a> {
    pub(super) fn new(name: &'a str, label: &'a str, kind: Kind<'a>) -> Self {
        let hint = Markup::default();
        Self { name, label, kind, hint, autocomplete: None, optional: false, focus: false, limit: None }
    }

    pub(super) fn line(name: &'a str, label: &'a str) -> Self {
        Self::new(name, label, Kind::Line("text"))
    }

    pub(super) fn secret(name: &'a str, label: &'a str, autocomplete: &'static str) -> Self {
        Self::new(name, label, Kind::Secret).complete(autocomplete)
    }

    pub(super) fn shown(markup: Markup) -> Self {
        Self::new("", "", Kind::Shown(markup))
    }

    pub(super) fn hint(mut self, hint: Markup) -> Self {
        self.hint = hint;
        self
    }

    pub(super) fn complete(mut self, with: &'static str) -> Self {
        self.autocomplete = Some(with);
        self
    }

    pub(super) fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The first field of a page that has one thing to do.
    pub(super) fn focus(mut self) -> Self {
        self.focus = true;
        self
    }

    /// The most characters it takes.
    pub(super) fn limit(mut self, characters: u16) -> Self {
        self.limit = Some(characters);
        self
    }
}

impl Form {
    /// The form; `id` tells its fields from those of other forms on the page.
    pub(super) fn draw(&self, id: &str, fields: &[Field<'_>], buttons: &Markup) -> Markup {
        html! {
            form.form id=(id) method="post" action=(self.action) novalidate {
                (hidden(&self.hidden))
                (self.summary(id, fields))
                @for field in fields { (self.field(id, field)) }
                div.buttons { (buttons) }
            }
        }
    }

    /// Whether something was wrong with what was sent.
    pub(super) fn is_refused(&self) -> bool {
        !self.errors.is_empty()
    }

    fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    fn error(&self, field: &str) -> Option<&str> {
        let own = self.errors.iter().find(|(name, _)| !name.is_empty() && name == field);
        own.map(|(_, text)| text.as_str())
    }

    /// What was wrong, at the top, each with a link to its field.
    fn summary(&self, id: &str, fields: &[Field<'_>]) -> Markup {
        let there = |name: &str| !name.is_empty() && fields.iter().any(|field| field.name == name);
        html! {
            @if self.is_refused() {
                div.notice.fail.errors role="alert" tabindex="-1" autofocus {
                    p.errors-title { "Please look at this again" }
                    ul {
                        @for (name, text) in &self.errors {
                            li {
                                @if there(name) { a href=(format!("#{id}-{name}")) { (phrase(text)) } }
                                @else { (phrase(text)) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn field(&self, form: &str, field: &Field<'_>) -> Markup {
        let id = format!("{form}-{}", field.name);
        let error = self.error(field.name);
        let hinted = !field.hint.0.is_empty();
        let mut described = Vec::new();
        if error.is_some() {
            described.push(format!("{id}-error"));
        }
        if hinted {
            described.push(format!("{id}-hint"));
        }
        let described = (!described.is_empty()).then(|| described.join(" "));
        let about = html! {
            @if let Some(error) = error { p.error id=(format!("{id}-error")) { (phrase(error)) } }
            @if hinted { div.hint id=(format!("{id}-hint")) { (field.hint) } }
        };
        let class = if error.is_some() { "field refused" } else { "field" };
        let label =
            html! { (printable(field.label)) @if field.optional { " " span.optional { "(optional)" } } };
        match &field.kind {
            Kind::Shown(markup) => html! { (markup) },
            Kind::Ticks(choices) => {
                html! {
                    fieldset class=(class) id=(id) aria-describedby=[described] tabindex="-1" {
                        legend { (label) }
                        (about)
                        (ticks(&id, field.name, "checkbox", choices))
                    }
                }
            }
            _ => html! {
                div class=(class) {
                    label for=(id) { (label) }
                    (about)
                    (self.control(&id, field, described.as_deref(), error.is_some()))
                }
            },
        }
    }

    fn control(&self, id: &str, field: &Field<'_>, described: Option<&str>, refused: bool) -> Markup {
        let invalid = refused.then_some("true");
        let required = !field.optional;
        // Focus goes to what was wrong, and only without errors to the first field.
        let focus = field.focus && !self.is_refused();
        let complete = field.autocomplete;
        let (name, limit) = (field.name, field.limit);
        match &field.kind {
            Kind::Secret => html! {
                input type="password" id=(id) name=(name) autocomplete=[complete] maxlength=[limit]
                    aria-describedby=[described] aria-invalid=[invalid] required[required] autofocus[focus];
            },
            Kind::Code | Kind::MixedCode => html! {
                // What has letters cannot be typed on a keyboard of digits.
                @let (keys, capitals) = if matches!(field.kind, Kind::Code) { ("numeric", "off") } else { ("text", "characters") };
                input.code type="text" inputmode=(keys) id=(id) name=(name) autocomplete="one-time-code" maxlength=[limit]
                    spellcheck="false" autocapitalize=(capitals) aria-describedby=[described] aria-invalid=[invalid]
                    required[required] autofocus[focus];
            },
            Kind::Long => html! {
                textarea id=(id) name=(name) rows="3" maxlength=[limit] dir="auto" aria-describedby=[described]
                    aria-invalid=[invalid] required[required] autofocus[focus] { (self.value(name)) }
            },
            Kind::Pick(choices) => html! {
                select id=(id) name=(name) aria-describedby=[described] aria-invalid=[invalid] required[required] autofocus[focus] {
                    (options(choices, self.values.get(name)))
                }
            },
            Kind::Line(kind) => html! {
                input type=(kind) id=(id) name=(name) value=(self.value(name)) autocomplete=[complete] maxlength=[limit]
                    spellcheck="false" autocapitalize=[(*kind == "text").then_some("off")] dir=[(*kind == "text").then_some("auto")]
                    aria-describedby=[described] aria-invalid=[invalid] required[required] autofocus[focus];
            },
            Kind::Ticks(_) | Kind::Shown(_) => Markup::default(),
        }
    }
}

/// Options of a folded list; what was chosen before wins over the page's own choice.
pub(super) fn options(choices: &[Choice], before: Option<&String>) -> Markup {
    html! {
        @for choice in choices {
            @let chosen = before.map_or(choice.chosen, |before| *before == choice.value);
            option value=(choice.value) selected[chosen] { (printable(&choice.label)) }
        }
    }
}

/// Boxes to tick, each with what it means.
pub(super) fn ticks(id: &str, name: &str, kind: &str, choices: &[Choice]) -> Markup {
    html! {
        ul.ticks {
            @for (at, choice) in choices.iter().enumerate() {
                @let own = format!("{id}-{at}");
                li {
                    input type=(kind) id=(own) name=(name) value=(choice.value) checked[choice.chosen]
                        aria-describedby=[(!choice.about.is_empty()).then(|| format!("{own}-about"))];
                    label for=(own) { (printable(&choice.label)) }
                    @if !choice.about.is_empty() { p.hint id=(format!("{own}-about")) { (phrase(&choice.about)) } }
                }
            }
        }
    }
}

/// Values that go along unseen.
pub(super) fn hidden(values: &[(String, String)]) -> Markup {
    html! { @for (name, value) in values { input type="hidden" name=(name) value=(value); } }
}

/// The button that sends a form.
pub(super) fn send(label: &str) -> Markup {
    html! { button.primary type="submit" { (label) } }
}
