//! The second factor: asked for at login, and enrolled.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::form::{Act, Field, Form, Kind, send};
use crate::web::icon::{DEVICE, KEY, icon};
use crate::web::shell::{Head, Shell};

/// What a page offers with passkeys.
#[derive(Clone, Debug)]
pub(crate) enum Passkey {
    /// A ceremony, which the script `passkeys.js` carries out.
    Here(Ceremony),
    /// Nothing: browsers know passkeys for names, and the server's address is none.
    Nowhere,
}

/// Where the script asks and where it goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ceremony {
    /// Where it asks for a challenge.
    pub(crate) start: String,
    /// Where it brings the answer.
    pub(crate) finish: String,
    /// The address that passkeys belong to: `https://host:port`.
    pub(crate) origin: String,
    /// Where it goes on.
    pub(crate) next: String,
    /// The identifier of the form that it sends instead; none: it only goes on.
    pub(crate) resume: Option<&'static str>,
}

impl Passkey {
    /// Asks for a passkey that there is.
    pub(in crate::web) fn get(&self) -> Markup {
        self.draw("get", &Markup::default(), "Use a passkey")
    }

    /// Makes a passkey.
    pub(in crate::web) fn create(&self) -> Markup {
        let label = html! {
            div.field {
                label for="passkey-label" { "Name of the passkey" }
                div.hint id="passkey-label-hint" { "By which you know it again: " em { "key on my ring" } "." }
                input type="text" id="passkey-label" name="label" maxlength="64" dir="auto" autocomplete="off" aria-describedby="passkey-label-hint";
            }
        };
        self.draw("create", &label, "Add a passkey")
    }

    /// Whether there is something to press.
    pub(in crate::web) fn is_offered(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// Without a script the button stays hidden, so that nobody presses what cannot work.
    fn draw(&self, kind: &str, fields: &Markup, label: &str) -> Markup {
        let Self::Here(way) = self else {
            return html! {
                p.hint {
                    "There are no passkeys here: browsers know them for names, not for IP addresses. Whoever runs the server can give it "
                    "a name with " code { "server.public_url" } "."
                }
            };
        };
        html! {
            form.passkey method="post" action=(way.next) data-passkey=(kind) data-start=(way.start) data-finish=(way.finish)
                data-origin=(way.origin) data-next=(way.next) data-resume=[way.resume] {
                noscript { p.hint { "A passkey works only where this page's scripts may run. Without them, use an authenticator app." } }
                div data-needs-script hidden {
                    (fields)
                    button type="submit" { (icon(KEY)) span { (label) } }
                }
                p.error role="alert" {}
            }
        }
    }
}

/// The second factor at login: field `code`; the recovery form has the field `recovery_code`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecondFactor {
    /// With a code of an authenticator app, where the user has one.
    pub(crate) code: Option<Form>,
    pub(crate) passkey: Option<Passkey>,
    /// With a recovery code, where some are left.
    pub(crate) recovery: Option<Form>,
    /// Gives up and goes back to the login.
    pub(crate) cancel: Act,
}

/// The second factor is asked for.
pub(crate) fn page(shell: &Shell, view: &SecondFactor) -> Markup {
    let head = Head {
        title: html! { "Second factor" },
        lead: html! { "Your password was right. Now show what only you have." },
        ..Head::default()
    };
    let other = view.code.is_some() || view.passkey.as_ref().is_some_and(Passkey::is_offered);
    let body = html! {
        (head.draw())
        @if let Some(passkey) = &view.passkey {
            (passkey.get())
            @if view.code.is_some() { div.or { span { "or" } } }
        }
        @if let Some(form) = &view.code {
            (form.draw("factor", &[
                Field::new("code", "Code", Kind::Code).limit(8).focus()
                    .hint(html! { "The six digits that your authenticator app shows now." }),
            ], &send("Go on")))
        }
        @if let Some(form) = &view.recovery {
            details.other open[form.is_refused() || !other] {
                summary { "Use a recovery code" }
                (form.draw("recovery", &[
                    Field::line("recovery_code", "Recovery code").complete("off").limit(64)
                        .hint(html! { "One of those that you kept when you set up your second factor. Each works once." }),
                ], &send("Use this code")))
            }
        }
        div.below { (view.cancel.draw("quiet-button")) }
    };
    shell.door("Second factor", &body)
}

/// Setting up a second factor: field `code`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Enrol {
    pub(crate) form: Form,
    /// The QR code as SVG, without style attributes.
    pub(crate) qr: Markup,
    /// The secret, for typing; shown in groups of four.
    pub(crate) secret: String,
    /// What the app will call it.
    pub(crate) account: String,
    /// Instead: a passkey.
    pub(crate) passkey: Option<Passkey>,
    /// What the script shows when a passkey was the first second factor.
    pub(crate) codes: Option<RecoveryCodes>,
    /// Why it must be set up now; nothing when it is the user's own wish.
    pub(crate) why: String,
    /// Back, where it need not be set up.
    pub(crate) cancel: Option<String>,
}

/// A second factor is set up.
pub(crate) fn enrol(shell: &Shell, view: &Enrol) -> Markup {
    let head = Head {
        title: html! { "Set up a second factor" },
        lead: html! {
            @if view.why.is_empty() { "A stolen password alone then opens nothing." } @else { (printable(&view.why)) }
        },
        ..Head::default()
    };
    let secret: Vec<String> =
        view.secret.chars().collect::<Vec<_>>().chunks(4).map(|four| four.iter().collect()).collect();
    let body = html! {
        (head.draw())
        @if let Some(passkey) = &view.passkey {
            section aria-labelledby="by-passkey" {
                h2 #by-passkey { "With a passkey" }
                @if passkey.is_offered() {
                    p { "A security key, or this device with its fingerprint or PIN. It cannot be phished." }
                }
                (passkey.create())
            }
        }
        section aria-labelledby="by-app" {
            h2 #by-app { "With an authenticator app" }
            div.enrol {
                div.qr role="img" aria-label="QR code for the authenticator app; the same secret stands beside it as text" { (view.qr) }
                ol.numbered {
                    li { "Open the app on your phone and scan the picture." }
                    li {
                        "Or type this secret" @if !view.account.is_empty() { " for " strong { (printable(&view.account)) } } ":"
                        p.secret { code #totp-secret { @for (at, four) in secret.iter().enumerate() { @if at > 0 { " " } (printable(four)) } } }
                    }
                    li { "Type the six digits that the app shows." }
                }
            }
            (view.form.draw("enrol", &[Field::new("code", "Code", Kind::Code).limit(8)], &html! {
                (send("Confirm the app"))
                @if let Some(back) = &view.cancel { a.button href=(back) { "Not now" } }
            }))
        }
        @if let Some(codes) = &view.codes { (codes.template(shell)) }
    };
    shell.door("Set up a second factor", &body)
}

/// The recovery codes, shown once.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecoveryCodes {
    pub(crate) codes: Vec<String>,
    pub(crate) user_name: String,
    pub(crate) made: Timestamp,
    /// Where to go on: label and address.
    pub(crate) next: (String, String),
}

impl RecoveryCodes {
    fn content(&self, shell: &Shell) -> Markup {
        let head = Head {
            title: html! { "Keep your recovery codes" },
            lead: html! { "Each opens the door once when your second factor is lost. They are shown now and never again." },
            ..Head::default()
        };
        html! {
            (head.draw())
            section.codes aria-label="Recovery codes" {
                p.quiet { (icon(DEVICE)) " " (crate::web::text::name(&self.user_name)) ", " (shell.time(self.made)) }
                ol #recovery-codes { @for code in &self.codes { li { code { (printable(code)) } } } }
            }
            div.buttons {
                a.button.primary href=(self.next.1) { (printable(&self.next.0)) }
                button type="button" data-print hidden { "Print" }
            }
            p.hint { "Print the page or write the codes down, and keep them away from this machine." }
        }
    }

    /// The same, to be filled and shown by the script of passkeys.
    pub(in crate::web) fn template(&self, shell: &Shell) -> Markup {
        html! { template data-recovery-codes { (self.content(shell)) } }
    }
}

/// The recovery codes are shown.
pub(crate) fn recovery_codes(shell: &Shell, view: &RecoveryCodes) -> Markup {
    shell.door("Recovery codes", &view.content(shell))
}
