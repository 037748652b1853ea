//! What pages can do, programs can do: for each page, the routes of the API that serve the same.

use crate::api;
use crate::api::route::Route;

use super::table;

/// Method and path of a page, and those of the API; none with the reason.
const SAME: &[(&str, &[&str])] = &[
    ("GET /setup", &["POST /api/v1/setup"]),
    ("POST /setup", &["POST /api/v1/setup"]),
    ("GET /login", &["POST /api/v1/session"]),
    ("POST /login", &["POST /api/v1/session"]),
    ("GET /login/second-factor", &["GET /api/v1/session", "POST /api/v1/session/second-factor/passkey"]),
    ("POST /login/second-factor", &["POST /api/v1/session/second-factor"]),
    ("GET /login/enrol", &["POST /api/v1/session/totp", "POST /api/v1/session/passkeys/start"]),
    ("POST /login/enrol", &["PUT /api/v1/session/totp", "PUT /api/v1/session/passkeys"]),
    ("GET /login/unlock", &["GET /api/v1/session"]),
    ("POST /login/unlock", &["POST /api/v1/session/unlock"]),
    ("GET /login/password", &["GET /api/v1/session"]),
    ("POST /login/password", &["PUT /api/v1/session/password"]),
    ("GET /step-up", &["POST /api/v1/session/second-factor"]),
    ("POST /step-up", &["POST /api/v1/session/second-factor", "PUT /api/v1/session/second-factor/passkey"]),
    ("POST /logout", &["DELETE /api/v1/session"]),
    ("GET /invitation", &["POST /api/v1/links"]),
    ("POST /invitation", &["POST /api/v1/links"]),
    ("GET /reset", &["POST /api/v1/links"]),
    ("POST /reset", &["POST /api/v1/links"]),
    ("GET /login/forgotten", &["POST /api/v1/reset-requests"]),
    ("POST /login/forgotten", &["POST /api/v1/reset-requests"]),
    ("GET /", &["GET /api/v1/overview", "GET /api/v1/ledger/checks", "GET /api/v1/ledger/room"]),
    ("POST /reports/audit", &["POST /api/v1/reports"]),
    ("GET /reports", &["GET /api/v1/reports"]),
    ("GET /reports/compare", &["GET /api/v1/reports/{id}/changes"]),
    ("GET /reports/{id}", &["GET /api/v1/reports/{id}"]),
    ("GET /reports/{id}/findings/{number}", &["GET /api/v1/reports/{id}", "GET /api/v1/history"]),
    ("GET /reports/{id}/guides/{guide}", &["GET /api/v1/reports/{id}"]),
    ("GET /reports/{id}/rules/{rule}", &["GET /api/v1/reports/{id}", "GET /api/v1/history"]),
    ("GET /reports/{id}/download/{format}", &["GET /api/v1/reports/{id}/files/{format}"]),
    ("GET /users", &["GET /api/v1/users"]),
    ("GET /users/invite", &["GET /api/v1/roles"]),
    ("POST /users/invite", &["POST /api/v1/users"]),
    ("GET /users/idle", &["GET /api/v1/idle-accounts"]),
    ("GET /users/{id}", &["GET /api/v1/users/{id}", "GET /api/v1/sessions"]),
    ("POST /users/{id}", &["PATCH /api/v1/users/{id}"]),
    ("POST /users/{id}/roles", &["PUT /api/v1/users/{id}/roles"]),
    ("POST /users/{id}/roles/remove", &["PUT /api/v1/users/{id}/roles"]),
    ("POST /users/{id}/state", &["PUT /api/v1/users/{id}/state"]),
    ("POST /users/{id}/reset", &["POST /api/v1/users/{id}/reset"]),
    ("POST /users/{id}/invitation", &["POST /api/v1/users/{id}/invitation"]),
    ("POST /users/{id}/second-factors/drop", &["DELETE /api/v1/users/{id}/second-factors"]),
    ("GET /users/{id}/delete", &["GET /api/v1/users/{id}"]),
    ("POST /users/{id}/delete", &["DELETE /api/v1/users/{id}"]),
    ("GET /profile", &["GET /api/v1/session", "GET /api/v1/session/passkeys", "GET /api/v1/sessions"]),
    ("POST /profile", &["PATCH /api/v1/session"]),
    ("POST /profile/password", &["PUT /api/v1/session/password"]),
    ("POST /profile/passkeys/{id}/remove", &["DELETE /api/v1/session/passkeys/{id}"]),
    ("POST /profile/app/remove", &["DELETE /api/v1/session/totp"]),
    ("POST /profile/recovery-codes", &["POST /api/v1/session/recovery-codes"]),
    ("POST /profile/sessions/end", &["DELETE /api/v1/sessions/{id}"]),
    ("GET /roles", &["GET /api/v1/roles"]),
    ("GET /roles/new", &["GET /api/v1/permissions"]),
    ("POST /roles/new", &["POST /api/v1/roles"]),
    ("GET /roles/{id}", &["GET /api/v1/roles/{id}", "GET /api/v1/unused-permissions"]),
    ("POST /roles/{id}", &["PUT /api/v1/roles/{id}"]),
    ("POST /roles/{id}/delete", &["DELETE /api/v1/roles/{id}"]),
    ("GET /access", &["GET /api/v1/access"]),
    ("GET /sessions", &["GET /api/v1/sessions"]),
    ("POST /sessions/{id}/end", &["DELETE /api/v1/sessions/{id}"]),
    ("GET /tokens", &["GET /api/v1/tokens"]),
    ("GET /tokens/new", &["GET /api/v1/permissions"]),
    ("POST /tokens/new", &["POST /api/v1/tokens"]),
    ("POST /tokens/{id}/withdraw", &["DELETE /api/v1/tokens/{id}"]),
    ("GET /blocks", &["GET /api/v1/blocks"]),
    ("POST /blocks/{key}/lift", &["DELETE /api/v1/blocks/{key}"]),
    ("GET /reviews", &["GET /api/v1/reviews"]),
    ("POST /reviews", &["POST /api/v1/reviews"]),
    ("GET /reviews/{id}", &["GET /api/v1/reviews/{id}", "GET /api/v1/reviews/{id}/record"]),
    ("POST /reviews/{id}/decide", &["PUT /api/v1/reviews/{id}/items/{item}"]),
    ("POST /reviews/{id}/sign", &["POST /api/v1/reviews/{id}/sign"]),
    (
        "GET /ledger",
        &[
            "GET /api/v1/ledger",
            "GET /api/v1/ledger/{stream}/entries",
            "GET /api/v1/ledger/events",
            "GET /api/v1/ledger/checks",
            "GET /api/v1/ledger/room",
            "GET /api/v1/ledger/witness",
            "GET /api/v1/ledger/exporters",
        ],
    ),
    ("GET /ledger/reviews", &["GET /api/v1/ledger/reviews"]),
    ("POST /ledger/reviews", &["POST /api/v1/ledger/reviews"]),
    (
        "GET /ledger/reviews/{id}",
        &["GET /api/v1/ledger/reviews/{id}", "GET /api/v1/ledger/reviews/{id}/record"],
    ),
    ("POST /ledger/reviews/{id}/decide", &["PUT /api/v1/ledger/reviews/{id}/items/{item}"]),
    ("POST /ledger/reviews/{id}/sign", &["POST /api/v1/ledger/reviews/{id}/sign"]),
    ("GET /ledger/export", &["GET /api/v1/ledger/export"]),
    ("GET /ledger/{stream}/{position}", &["GET /api/v1/ledger/{stream}/entries/{position}"]),
    (
        "GET /ledger/{stream}/{position}/download/{what}",
        &[
            "GET /api/v1/ledger/{stream}/entries/{position}",
            "GET /api/v1/ledger/{stream}/entries/{position}/proof",
        ],
    ),
    ("GET /settings", &["GET /api/v1/settings"]),
    ("GET /about", &["GET /api/v1/about"]),
];

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

#[test]
fn every_page_has_a_route_that_serves_the_same_to_programs() {
    let served: Vec<String> = api::routes().iter().map(name).collect();
    let pages: Vec<String> = table().iter().map(name).collect();
    let mut wrong = Vec::new();
    for page in &pages {
        match SAME.iter().find(|(named, _)| named == page) {
            None => wrong.push(format!("{page} has no row: add the API's route, and the row")),
            Some((_, [])) => wrong.push(format!("{page} names no route")),
            Some((_, same)) => {
                let missing = same.iter().filter(|route| !served.iter().any(|served| served == *route));
                wrong.extend(missing.map(|route| format!("{page}: there is no {route}")));
            }
        }
    }
    let stale = SAME.iter().filter(|(page, _)| !pages.iter().any(|known| known == page));
    wrong.extend(stale.map(|(page, _)| format!("there is no page {page} any more")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
