//! Roles: which there are, and what each may do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::form::{Act, Field, Form, Kind, send};
use crate::web::list::{Empty, Listing, region};
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name, phrase};

/// All roles, and what each may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// Every permission, in groups, with which of `rows` gives it (by place).
    pub(crate) matrix: Vec<MatrixGroup>,
    /// Where one is created, for whom may.
    pub(crate) create: Option<String>,
}

/// One role in the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) about: String,
    pub(crate) is_built_in: bool,
    pub(crate) holders: usize,
    pub(crate) permissions: usize,
}

/// Permissions that concern one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct MatrixGroup {
    pub(crate) title: String,
    /// The permission, and for each role whether it gives it.
    pub(crate) permissions: Vec<(String, Vec<bool>)>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Roles) -> Markup {
    let create = view.create.as_deref();
    let head = Head {
        title: html! { "Roles" },
        lead: html! { "A role is a set of permissions. Users hold roles everywhere, or on nodes with certain labels." },
        actions: html! { @if let Some(href) = create { a.button.primary href=(href) { "Create a role" } } },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        (view.listing.search("Find a role or permission"))
        @if view.rows.is_empty() {
            (view.listing.nothing(&Empty { title: "No role to see", text: "You may see none of the roles.", next: None }))
        } @else {
            ul.role-cards {
                @for row in &view.rows {
                    li.card {
                        h2 { a href=(row.href) { (name(&row.name)) } }
                        p { (phrase(&row.about)) }
                        p.meta {
                            span { (count(row.holders, "user")) }
                            span { (count(row.permissions, "permission")) }
                            @if row.is_built_in { span.badge { "built in" } }
                        }
                    }
                }
            }
        }
        (view.listing.pages(view.rows.len(), "role"))
        @if !view.matrix.is_empty() && !view.rows.is_empty() {
            section aria-labelledby="matrix-h" {
                h2 #matrix-h { "Who may what" }
                (region("Permissions of each role", &matrix(view)))
            }
        }
    };
    shell.page("Roles", &body)
}

fn matrix(view: &Roles) -> Markup {
    html! {
        table.matrix {
            caption.heard { "Permissions of each role" }
            thead { tr { th scope="col" { "Permission" } @for row in &view.rows { th.turned scope="col" { span { (name(&row.name)) } } } } }
            @for group in &view.matrix {
                tbody {
                    tr.section { th scope="rowgroup" colspan=(view.rows.len() + 1) { (printable(&group.title)) } }
                    @for (permission, given) in &group.permissions {
                        tr {
                            th scope="row" { code { (printable(permission)) } }
                            @for is_given in given {
                                td { @if *is_given { span.yes aria-hidden="true" {} span.heard { "yes" } } @else { span.no aria-hidden="true" {} span.heard { "no" } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One role; fields `name`, `about`, `permission` where it can be changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    /// Empty for a new one.
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) is_built_in: bool,
    /// None where it cannot be changed, or not by the viewer.
    pub(crate) form: Option<Form>,
    /// What the form's button says.
    pub(crate) label: String,
    pub(crate) groups: Vec<Group>,
    /// What it permits and none of its holders used, and since when; none for a new one.
    pub(crate) unused: Option<(BTreeSet<String>, Timestamp)>,
    /// Who holds it: name, address, where.
    pub(crate) holders: Vec<(String, String, String)>,
    pub(crate) delete: Option<Act>,
}

/// Permissions that concern one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) permissions: Vec<Permission>,
}

/// A permission, and whether the role gives it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permission {
    pub(crate) name: String,
    pub(crate) about: String,
    /// Whether using it asks for a step up.
    pub(crate) is_dangerous: bool,
    pub(crate) is_given: bool,
}

/// The page of one role.
pub(crate) fn one(shell: &Shell, view: &Role) -> Markup {
    let title = if view.name.is_empty() { "Create a role" } else { &view.name };
    let head = Head {
        above: &[("Roles", "/roles")],
        title: name(title),
        lead: html! {
            @if !view.about.is_empty() { p { (phrase(&view.about)) } }
            @if view.is_built_in { p.quiet { span.badge { "built in" } " Its permissions belong to Palisade and cannot be changed." } }
        },
        actions: html! { @if let Some(act) = &view.delete { (act.draw("button")) } },
    };
    let body = html! {
        (head.draw())
        @match &view.form {
            Some(form) => (form.draw("role", &[
                Field::line("name", "Name").complete("off").limit(64),
                Field::new("about", "What it is for", Kind::Long).optional().limit(500),
                Field::shown(groups(view, true)),
            ], &send(if view.label.is_empty() { "Save the role" } else { &view.label }))),
            None => section aria-label="Permissions" { (groups(view, false)) },
        }
        @if !view.name.is_empty() {
            section aria-labelledby="holders-h" {
                h2 #holders-h { "Who holds it" }
                @if view.holders.is_empty() { p.quiet { "Nobody." } }
                @else {
                    ul.rows { @for (user, href, place) in &view.holders {
                        li { a href=(href) { (name(user)) } span.quiet { @if place.is_empty() { "everywhere" } @else { "nodes with " code { (printable(place)) } } } }
                    } }
                    @if let Some((permissions, since)) = &view.unused { (unused(shell, permissions, *since)) }
                }
            }
        }
    };
    shell.page(title, &body)
}

/// What a role permits and none of its holders used since then.
pub(super) fn unused(shell: &Shell, permissions: &BTreeSet<String>, since: Timestamp) -> Markup {
    html! {
        @if !permissions.is_empty() {
            p.quiet {
                "Nobody who holds it used this since " (shell.day(since)) ": "
                @for (at, one) in permissions.iter().enumerate() { @if at > 0 { ", " } code { (printable(one)) } }
                "."
            }
        }
    }
}

fn groups(view: &Role, can_change: bool) -> Markup {
    html! {
        div.permissions {
            @for (at, group) in view.groups.iter().enumerate() {
                fieldset.card {
                    legend { (printable(&group.title)) }
                    ul.ticks {
                        @for (place, one) in group.permissions.iter().enumerate() {
                            @let id = format!("permission-{at}-{place}");
                            li {
                                @if can_change {
                                    input type="checkbox" id=(id) name="permission" value=(one.name) checked[one.is_given] aria-describedby=[(!one.about.is_empty()).then(|| format!("{id}-about"))];
                                    label for=(id) { code { (printable(&one.name)) } @if one.is_dangerous { " " span.badge.unknown { "asks again" } } }
                                } @else {
                                    span class=(if one.is_given { "yes" } else { "no" }) aria-hidden="true" {}
                                    span.label { code { (printable(&one.name)) } span.heard { @if one.is_given { " given" } @else { " not given" } } @if one.is_dangerous { " " span.badge.unknown { "asks again" } } }
                                }
                                @if !one.about.is_empty() { p.hint id=(format!("{id}-about")) { (phrase(&one.about)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
