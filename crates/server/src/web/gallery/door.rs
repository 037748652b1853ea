//! Samples of the pages before the door.

use maud::{Markup, PreEscaped};

use super::{Much, ago, form, outside, strings};
use crate::web::door::{credentials, factor, locked, login, setup};
use crate::web::form::Act;

/// What a password must be.
pub(super) fn rules() -> Vec<String> {
    strings(&[
        "At least 12 characters; a few words are easier to keep than signs.",
        "Not one that is known from elsewhere, nor your name or that of the system.",
        "None of your last 10.",
    ])
}

const NOTICE: &str = "This system is for authorised people only. What is done here is recorded and looked at.\nWho is not authorised leaves now.";

/// A picture like that of a QR code.
fn qr() -> Markup {
    let mut path = String::new();
    for y in 0..29_u32 {
        for x in 0..29_u32 {
            let corner = |cx: u32, cy: u32| {
                let (dx, dy) = (x.abs_diff(cx), y.abs_diff(cy));
                let far = dx.max(dy);
                (far < 4).then_some(far != 2)
            };
            let finder = corner(3, 3).or(corner(25, 3)).or(corner(3, 25));
            if finder.unwrap_or((x * 7 + y * 13 + x * y) % 3 == 0) {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
    }
    PreEscaped(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-2 -2 33 33\"><path fill=\"#fff\" d=\"M-2-2h33v33h-33z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

pub(super) fn passkey() -> factor::Passkey {
    factor::Passkey::Here(factor::Ceremony {
        start: "/login/passkey/start".into(),
        finish: "/login/passkey".into(),
        origin: "https://palisade.example:8443".into(),
        next: "/".into(),
        resume: None,
    })
}

/// A form that waits for a step up.
fn waiting(much: Much) -> Act {
    let hidden = vec![("full_name".into(), much.text(1, "Bernhard Huber"))];
    Act { hidden, ..act("/users/1", "Go on") }
}

fn act(action: &str, label: &str) -> Act {
    Act { action: action.into(), label: label.into(), ..Act::default() }
}

pub(super) fn pages(much: Much) -> Vec<(&'static str, Markup)> {
    let shell = &outside(much);
    let setup = setup::SetUp {
        form: form(
            much,
            "/setup",
            &["user_name", "full_name", "mail", "code"],
            &[
                ("code", "This is not the code that was printed. Four attempts are left."),
                ("user_name", "Choose another: admin is guessed first."),
                ("password", "The password is guessed within minutes. Add two more words."),
            ],
        ),
        rules: rules(),
        code_file: much.text(1, "/var/lib/palisade/setup-code"),
    };
    let provider = |at: usize| login::Provider {
        name: much.text(at, ["the plant's directory", "Example ID"][at % 2]),
        action: "/login/oidc/plant".into(),
        hidden: Vec::new(),
    };
    let login = login::Login {
        form: form(much, "/login", &["user_name"], &[("", "User name or password is wrong.")]),
        notice: much.some(much.text(1, NOTICE)).unwrap_or_default(),
        providers: if much.is_many() { (0..2).map(provider).collect() } else { Vec::new() },
        reset: much.some("/reset".into()),
    };
    let second = factor::SecondFactor {
        code: Some(form(
            much,
            "/login/factor",
            &[],
            &[("code", "This code is not right now. Wait for the next one.")],
        )),
        passkey: Some(if much == Much::Nothing { factor::Passkey::Nowhere } else { passkey() }),
        recovery: much.some(form(much, "/login/recovery", &["recovery_code"], &[])),
        cancel: act("/logout", "Log in as somebody else"),
    };
    let codes = factor::RecoveryCodes {
        codes: (0..10)
            .map(|at| {
                format!("{:04x}-{:04x}-{:04x}", at * 7919 + 4099, at * 104_729 % 65_536, at * 31 + 40_000)
            })
            .collect(),
        user_name: much.text(1, "anna"),
        made: ago(0),
        next: ("I have kept them".into(), "/".into()),
    };
    let enrol = factor::Enrol {
        form: form(
            much,
            "/factor/enrol",
            &[],
            &[("code", "This is not the code of now. Is the phone's clock right?")],
        ),
        qr: qr(),
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".into(),
        account: much.text(1, "Palisade Linz line 3: anna"),
        passkey: Some(if much == Much::One { factor::Passkey::Nowhere } else { passkey() }),
        codes: much.is_many().then(|| factor::RecoveryCodes { codes: Vec::new(), ..codes.clone() }),
        why: much.some(much.text(0, "Administrators need one. It takes a minute.")).unwrap_or_default(),
        cancel: much.some("/profile".into()),
    };
    let blocked =
        locked::Blocked { until: much.some(ago(-29)), contact: much.text(1, "Control room, extension 4711") };
    let idle = locked::Idle {
        form: form(much, "/unlock", &[], &[("password", "The password is wrong.")]),
        user: much.text(1, "Anna Gruber"),
        since: much.some(ago(31)),
        provider: (much == Much::One).then(|| provider(0)),
        logout: act("/logout", "Log in as somebody else"),
    };
    let step_up = locked::StepUp {
        form: form(much, "/step-up", &[], &[("code", "This code has been used. Wait for the next one.")]),
        what: much.text(1, "delete the user b.huber"),
        beside: match much {
            Much::Nothing => locked::Beside::Nothing,
            Much::One | Much::Many => locked::Beside::Code,
            Much::Hostile => locked::Beside::Recovery,
        },
        provider: (much == Much::Hostile).then(|| provider(0)),
        passkey: much.is_many().then(passkey),
        waiting: much.is_many().then(|| waiting(much)),
        minutes: 10,
        cancel: "/users".into(),
    };
    let invitation = credentials::Invitation {
        form: form(much, "/invitation", &["full_name"], &[("password_again", "The two are not the same.")]),
        user_name: much.text(1, "b.huber"),
        by: much.text(0, "Anna Gruber"),
        expires: much.some(ago(-1400)),
        rules: rules(),
    };
    let reset = credentials::Reset {
        form: form(much, "/reset", &[], &[("password", "This was one of your last 10.")]),
        user_name: much.text(1, "anna"),
        why: much.some(much.text(0, "Your password is older than a year.")).unwrap_or_default(),
        rules: rules(),
    };
    let mail = form(much, "/reset", &["mail"], &[("mail", "This is not a mail address.")]);
    vec![
        ("setup", setup::page(shell, &setup)),
        ("setup-done", setup::done(shell)),
        ("login", login::page(shell, &login)),
        ("second-factor", factor::page(shell, &second)),
        ("enrol", factor::enrol(shell, &enrol)),
        ("recovery-codes", factor::recovery_codes(shell, &codes)),
        ("blocked", locked::blocked(shell, &blocked)),
        ("session-locked", locked::idle(shell, &idle)),
        ("step-up", locked::step_up(shell, &step_up)),
        ("step-up-done", locked::carry_on(shell, &waiting(much))),
        ("invitation", credentials::invitation(shell, &invitation)),
        ("reset-request", credentials::request(shell, &mail)),
        ("reset-requested", credentials::requested(shell)),
        ("reset", credentials::reset(shell, &reset)),
        ("link-spent", credentials::spent(shell)),
    ]
}
