//! Samples of the pages about people and what they may do.

use maud::Markup;

use super::door::{passkey, rules};
use super::{Much, ago, choice, form, inside, listing, strings};
use crate::web::access::{
    Factor, Mark, blocks, idle, profile, query, review, roles, sessions, tokens, user, users,
};
use crate::web::door::factor::Passkey;
use crate::web::form::{Act, Choice};
use crate::web::shell::Tone;

const PEOPLE: [(&str, &str); 5] = [
    ("Anna Gruber", "anna"),
    ("Bernhard Huber", "b.huber"),
    ("Çağla Yıldız", "cagla"),
    ("Dmytro Koval", "dkoval"),
    ("Historian gateway", "historian"),
];
const ROLES: [&str; 6] =
    ["administrator", "operator", "auditor", "node administrator", "remote operator", "workload manager"];
const PERMISSIONS: [(&str, &[&str]); 3] = [
    ("Posture", &["report:read", "audit:run", "waiver:write", "attestation:write"]),
    ("People", &["user:read", "user:invite", "user:delete", "role:write", "session:end", "block:lift"]),
    ("Nodes", &["node:init", "node:offboard", "remote:open"]),
];

fn who(much: Much, at: usize) -> (String, String) {
    let (full, user) = PEOPLE[at % PEOPLE.len()];
    (much.text(at, full), much.text(at + 1, user))
}

fn mark(tone: Tone, word: &str) -> Mark {
    Mark { tone, word: word.into() }
}

fn act(action: &str, label: &str, of: String, danger: bool) -> Act {
    Act { action: action.into(), label: label.into(), of, hidden: Vec::new(), danger }
}

fn all_permissions() -> Vec<Choice> {
    PERMISSIONS
        .iter()
        .flat_map(|(_, names)| names.iter())
        .map(|name| choice(name, name, "What it allows, in a sentence.", false))
        .collect()
}

fn session(much: Much, at: usize) -> sessions::Session {
    sessions::Session {
        user: who(much, at).0,
        user_href: Some("/users/1".into()),
        address: much.text(at, ["10.3.0.14", "2001:db8:1:2::7", "192.0.2.80"][at % 3]),
        agent: much.text(at + 1, "Firefox on Linux"),
        started: ago(200 + at as i64),
        used: ago(at as i64 * 3),
        ends: ago(-500),
        is_own: at == 0,
        is_locked: at == 2,
        end: Some(act(
            "/sessions/1/end",
            "End",
            format!("the session from {}", much.text(at, "10.3.0.14")),
            true,
        )),
    }
}

fn factors(much: Much) -> Vec<Factor> {
    let one = |at: usize| Factor {
        name: much.text(at, ["Authenticator app", "Security key", "Laptop"][at % 3]),
        is_passkey: !at.is_multiple_of(3),
        added: Some(ago(60 * 24 * 30)),
        used: (at != 1).then(|| ago(190)),
        remove: Some(act("/profile/factors/1/remove", "Remove", much.text(at, "the factor"), true)),
    };
    much.list(one).into_iter().take(3).collect()
}

pub(super) fn pages(much: Much) -> Vec<(&'static str, Markup)> {
    let at = |path: &str| inside(much, path);
    let question = |answer| query::Query {
        path: "/access".into(),
        permissions: all_permissions()
            .into_iter()
            .enumerate()
            .map(|(n, one)| Choice { chosen: n == 12, ..one })
            .collect(),
        on: much.text(0, "edge-linz-03"),
        answer,
        problem: if much == Much::Hostile { much.text(1, "") } else { String::new() },
    };
    let holders = much.list(|n| query::Holder {
        user: who(much, n).0,
        user_href: "/users/1".into(),
        role: much.text(n, ROLES[n % 6]),
        role_href: "/roles/1".into(),
        labels: if n % 2 == 0 { String::new() } else { much.text(n, "site=linz,line=3") },
    });
    vec![
        ("users", users::page(&at("/users"), &all_users(much))),
        ("user", user::page(&at("/users/1"), &a_user(much))),
        (
            "invite",
            user::invite(
                &at("/users/invite"),
                &user::Invite {
                    form: form(
                        much,
                        "/users/invite",
                        &["user_name", "full_name", "mail"],
                        &[
                            ("mail", "This is not a mail address."),
                            ("role", "Choose roles that you hold yourself."),
                        ],
                    ),
                    roles: ROLES
                        .iter()
                        .enumerate()
                        .map(|(n, role)| {
                            choice(role, &much.text(n, role), "What it may do, in a sentence.", n == 1)
                        })
                        .collect(),
                    hours: 48,
                    no_mail: much == Much::One,
                },
            ),
        ),
        (
            "invite-link",
            user::link(
                &at("/users/invite"),
                &much.text(1, "b.huber"),
                "https://edge-linz-03:8443/invitation/3q2-7wABCDEFGHIJKLMNOPQRSTUVWXYZabcdef",
                ago(-2880),
            ),
        ),
        ("profile", profile::page(&at("/profile"), &a_profile(much))),
        (
            "sessions",
            sessions::page(
                &at("/sessions"),
                &sessions::Sessions {
                    listing: listing(much, "/sessions", &["used", "user", "started"], None),
                    rows: much.list(|n| session(much, n)),
                },
            ),
        ),
        (
            "idle",
            idle::page(
                &at("/users/idle"),
                &idle::Idle {
                    path: "/users/idle".into(),
                    choices: vec![choice("90", "90 days", "", true)],
                    users: much.list(|n| unused(much, n)),
                    tokens: much.some(much.list(|n| unused(much, n))),
                },
            ),
        ),
        (
            "tokens",
            tokens::page(
                &at("/tokens"),
                &tokens::Tokens {
                    listing: listing(much, "/tokens", &["name", "expires", "used"], None),
                    rows: much.list(|n| token(much, n)),
                    create: Some("/tokens/new".into()),
                },
            ),
        ),
        (
            "token-new",
            tokens::create(
                &at("/tokens"),
                &tokens::Create {
                    form: form(
                        much,
                        "/tokens",
                        &["name"],
                        &[("scope", "Choose at least one."), ("name", "A token needs a name.")],
                    ),
                    days: vec![choice("30", "30 days", "", false), choice("90", "90 days", "", true)],
                    scopes: all_permissions(),
                },
            ),
        ),
        (
            "token-made",
            tokens::made(
                &at("/tokens"),
                &much.text(1, "historian"),
                "pal_3q2-7wABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl",
            ),
        ),
        ("blocks", blocks::page(&at("/blocks"), &all_blocks(much))),
        ("access", query::page(&at("/access"), &question(Some(holders)))),
        ("access-unasked", query::page(&at("/access"), &question(None))),
        ("roles", roles::page(&at("/roles"), &all_roles(much))),
        ("role", roles::one(&at("/roles/1"), &a_role(much))),
        ("reviews", review::list(&at("/reviews"), &reviews(much))),
        ("review", review::one(&at("/reviews/1"), &a_review(much, false))),
        ("review-signed", review::one(&at("/reviews/1"), &a_review(much, true))),
    ]
}

fn all_users(much: Much) -> users::Users {
    let row = |n: usize| users::Row {
        href: format!("/users/{n}"),
        full_name: who(much, n).0,
        user_name: who(much, n).1,
        mail: much.text(n + 2, "someone@plant.example"),
        roles: if n == 4 { Vec::new() } else { vec![much.text(n, ROLES[n % 6])] },
        state: [
            mark(Tone::Good, "active"),
            mark(Tone::Unsure, "idle for 93 days"),
            mark(Tone::Plain, "invited"),
            mark(Tone::Plain, "deactivated"),
        ][n % 4]
            .clone(),
        factor: [mark(Tone::Good, "app"), mark(Tone::Good, "passkey"), mark(Tone::Bad, "none")][n % 3].clone(),
        last_login: (n != 2).then(|| ago(60 * 7 * n as i64)),
    };
    users::Users {
        listing: listing(
            much,
            "/users",
            &["name", "state", "last_login"],
            Some(("state", "State", &["any", "active", "invited", "idle", "deactivated"])),
        ),
        rows: much.list(row),
        invite: Some("/users/invite".into()),
    }
}

fn a_user(much: Much) -> user::User {
    let deed = |label: &str, about: &str, danger| user::Deed {
        act: act("/users/1/act", label, String::new(), danger),
        about: about.into(),
    };
    user::User {
        full_name: who(much, 1).0,
        user_name: who(much, 1).1,
        state: mark(Tone::Good, "active"),
        source: much.text(0, "local"),
        created: Some(ago(60 * 24 * 400)),
        last_login: much.some(ago(77)),
        password_changed: Some(ago(60 * 24 * 80)),
        profile: Some(form(
            much,
            "/users/1",
            &["full_name", "mail"],
            &[("mail", "Somebody else has this address.")],
        )),
        roles: much
            .list(|n| user::Assignment {
                role: much.text(n, ROLES[n % 6]),
                href: "/roles/1".into(),
                labels: if n % 2 == 0 { String::new() } else { much.text(n, "site=linz,line=3") },
                since: Some(ago(60 * 24 * 40)),
                remove: Some(act("/users/1/roles/1/remove", "Remove", much.text(n, ROLES[n % 6]), true)),
            })
            .into_iter()
            .take(3)
            .collect(),
        assign: Some((
            form(much, "/users/1/roles", &["labels"], &[("labels", "Labels look like `site=linz`.")]),
            ROLES.iter().map(|role| choice(role, role, "", false)).collect(),
        )),
        factors: factors(much),
        recovery_codes_left: 7,
        sessions: Some(much.list(|n| session(much, n)).into_iter().take(2).collect()),
        acts: vec![
            deed(
                "Reset the credentials",
                "Ends all sessions, and sends a link to choose a new password and second factor.",
                false,
            ),
            deed(
                "Deactivate",
                "Nobody logs in as this user until it is activated again. Nothing is deleted.",
                true,
            ),
            deed("Delete", "Removes the user for good. What it did stays in the records.", true),
        ],
    }
}

fn a_profile(much: Much) -> profile::Profile {
    profile::Profile {
        full_name: who(much, 0).0,
        user_name: who(much, 0).1,
        roles: vec![much.text(0, "administrator")],
        form: form(much, "/profile", &["full_name", "mail"], &[("mail", "This is not a mail address.")]),
        zones: vec![
            choice("", "As this browser", "", true),
            choice("UTC", "UTC", "", false),
            choice("Europe/Vienna", "Europe/Vienna", "", false),
        ],
        password: much.some(form(
            much,
            "/profile/password",
            &[],
            &[("new_password", "This was one of your last 10.")],
        )),
        rules: rules(),
        password_changed: much.some(ago(60 * 24 * 80)),
        password_ends: much.some(ago(-60 * 24 * 285)),
        factors: factors(much),
        recovery_codes_left: 7,
        add_app: Some("/profile/app".into()),
        add_passkey: Some(if much == Much::One { Passkey::Nowhere } else { passkey() }),
        codes: None,
        renew_codes: much.some(act("/profile/codes", "Make new recovery codes", String::new(), false)),
        sessions: much.list(|n| session(much, n)).into_iter().take(3).collect(),
        end_others: much.some(act("/profile/sessions/end", "End all other sessions", String::new(), true)),
    }
}

fn unused(much: Much, n: usize) -> idle::Row {
    idle::Row {
        name: who(much, n).0,
        href: "/users/1".into(),
        of: who(much, n).1,
        why: much.text(n, "was not used any more"),
        last: n.is_multiple_of(2).then(|| ago(60 * 24 * 100)),
        days: 100,
        act: (n != 0).then(|| act("/users/1/state", "Deactivate", much.text(n, "the user"), true)),
    }
}

fn token(much: Much, n: usize) -> tokens::Row {
    tokens::Row {
        name: much.text(n, ["Historian", "Ticket system", "Backup of reports"][n % 3]),
        prefix: format!("pal_3q{n}"),
        owner: who(much, n).0,
        scopes: strings(&["report:read", "finding:read"]),
        state: [mark(Tone::Good, "valid"), mark(Tone::Unsure, "ends soon"), mark(Tone::Bad, "expired")][n % 3]
            .clone(),
        expires: Some(ago(-60 * 24 * (10 + n as i64))),
        used: (n != 1).then(|| ago(n as i64)),
        revoke: Some(act("/tokens/1/revoke", "Revoke", much.text(n, "Historian"), true)),
    }
}

fn all_blocks(much: Much) -> blocks::Blocks {
    blocks::Blocks {
        listing: listing(much, "/blocks", &["since", "address", "until"], None),
        rows: much.list(|n| blocks::Row {
            surface: much.text(n, ["login", "second factor", "API token"][n % 3]),
            address: ["203.0.113.7", "2001:db8:1:2::/64"][n % 2].into(),
            user_name: if n % 4 == 1 { String::new() } else { who(much, n).1 },
            failures: 5 + n,
            since: ago(10),
            until: ago(-20),
            lift: Some(act("/blocks/1/lift", "Lift", "the block of 203.0.113.7".into(), false)),
        }),
        limits: strings(&[
            "Login: 5 failures of a user name from one address within 30 min block them for 30 min.",
            "Any address: 100 failures within 24 h block it for 24 h.",
        ]),
    }
}

fn all_roles(much: Much) -> roles::Roles {
    let rows: Vec<_> = much
        .list(|n| roles::Row {
            name: much.text(n, ROLES[n % 6]),
            href: format!("/roles/{n}"),
            about: much.text(n + 1, "Sees reports and findings, runs audits, changes nothing else."),
            is_built_in: n < 6,
            holders: n,
            permissions: n * 3 + 1,
        })
        .into_iter()
        .take(6)
        .collect();
    let group = |(title, names): &(&str, &[&str])| roles::MatrixGroup {
        title: (*title).into(),
        permissions: names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                (
                    (*name).to_owned(),
                    (0..rows.len()).map(|role| (n * 3 + role * role) % 3 == 0 || role == 0).collect(),
                )
            })
            .collect(),
    };
    let matrix = if rows.is_empty() { Vec::new() } else { PERMISSIONS.iter().map(group).collect() };
    let kinds = Some(("kind", "Kind", ["any", "built in", "your own"].as_slice()));
    roles::Roles {
        listing: listing(much, "/roles", &[], kinds),
        matrix,
        rows,
        create: Some("/roles/new".into()),
    }
}

fn a_role(much: Much) -> roles::Role {
    roles::Role {
        name: if much == Much::Nothing { String::new() } else { much.text(1, "shift leader") },
        about: much.text(0, "Sees everything, runs audits, lifts blocks."),
        is_built_in: much == Much::One,
        form: (much != Much::One)
            .then(|| form(much, "/roles/1", &["name", "about"], &[("name", "There is a role of this name.")])),
        label: String::new(),
        groups: PERMISSIONS
            .iter()
            .map(|(title, names)| roles::Group {
                title: (*title).into(),
                permissions: names
                    .iter()
                    .enumerate()
                    .map(|(n, name)| roles::Permission {
                        name: (*name).into(),
                        about: much.text(n, "What it allows, in a sentence."),
                        is_dangerous: n % 3 == 2,
                        is_given: n % 2 == 0,
                    })
                    .collect(),
            })
            .collect(),
        unused: much
            .some((["remote.open".to_owned(), much.text(2, "users.manage")].into(), ago(60 * 24 * 180))),
        holders: much.list(|n| {
            (who(much, n).0, "/users/1".into(), if n == 1 { "site=linz".into() } else { String::new() })
        }),
        delete: much.is_many().then(|| act("/roles/1/delete", "Delete the role", String::new(), true)),
    }
}

fn reviews(much: Much) -> review::Reviews {
    review::Reviews {
        listing: listing(
            much,
            "/reviews",
            &["begun", "signed"],
            Some(("state", "State", &["any", "open", "signed"])),
        ),
        rows: much.list(|n| review::Row {
            href: "/reviews/1".into(),
            opened: ago(60 * 24 * 90 * n as i64),
            by: who(much, n).0,
            decided: if n == 0 { 3 } else { 9 },
            of: 9,
            state: if n == 0 { mark(Tone::Unsure, "open") } else { mark(Tone::Good, "signed") },
            signed: (n > 0).then(|| ago(60 * 24 * 89 * n as i64)),
        }),
        due: much.some(ago(-60 * 24 * 12)),
        start: Some(act("/reviews", "Start a review", String::new(), false)),
    }
}

fn a_review(much: Much, is_signed: bool) -> review::Review {
    let people = much.list(|n| review::Person {
        key: n.to_string(),
        full_name: who(much, n).0,
        href: "/users/1".into(),
        roles: vec![much.text(n, "operator (site=linz)")],
        last_login: (n != 2).then(|| ago(60 * n as i64)),
        unused: (n == 2).then(|| (["remote.open".to_owned()].into(), ago(60 * 24 * 180))),
        state: if n == 1 { mark(Tone::Unsure, "idle for 93 days") } else { Mark::default() },
        choices: if is_signed {
            Vec::new()
        } else {
            vec![
                choice("keep", "Keep", "", n == 0),
                choice("change", "Change the roles", "", false),
                choice("remove", "Remove the user", "", false),
            ]
        },
        note: much.text(n, "Moved to line 4."),
        action: "/reviews/1/decisions".into(),
        hidden: Vec::new(),
        decision: if is_signed || n == 0 { "keep".into() } else { String::new() },
        decided_by: if is_signed || n == 0 { who(much, 0).0 } else { String::new() },
        decided_at: Some(ago(5)),
    });
    review::Review {
        opened: ago(60 * 30),
        by: who(much, 0).0,
        decided: if is_signed { people.len() } else { people.len() / 2 },
        of: people.len(),
        sign: (!is_signed && much == Much::Hostile)
            .then(|| form(much, "/reviews/1/sign", &[], &[("password", "The password is wrong.")])),
        signed: is_signed.then(|| review::Signature {
            by: who(much, 0).0,
            at: ago(1),
            digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            record: "/reviews/1/record.json".into(),
        }),
        people,
        listing: listing(much, "/reviews/1", &[], None),
    }
}
