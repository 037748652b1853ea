//! Roles, the catalogue of permissions, and who may do what.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::body::{Asked, Json, Page, after};
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::api::tags::{tag, version_seen};
use crate::app::App;
use crate::identity::roles::{self, Permission, Role, RoleForm, Unused, Way};

pub(super) fn routes() -> Vec<Route> {
    let (read, manage) = (Needs::Permission(Permission::RolesRead), Needs::Recent(Permission::RolesManage));
    let one = "/api/v1/roles/{id}";
    vec![
        Route::new(Method::GET, "/api/v1/permissions", read, "The catalogue of permissions", get(catalogue))
            .gives::<Vec<PermissionView>>(),
        Route::new(Method::GET, "/api/v1/roles", read, "List roles", get(list))
            .query::<Wanted>()
            .gives::<Page<Role>>(),
        Route::new(Method::POST, "/api/v1/roles", manage, "Make a role", post(create))
            .takes::<NewRole>()
            .answers::<Role>(StatusCode::CREATED),
        Route::new(Method::GET, one, read, "One role", get(find)).gives::<Role>(),
        Route::new(Method::PUT, one, manage, "Change a role of one's own", put(change)).takes::<RoleForm>(),
        Route::new(Method::DELETE, one, manage, "Delete a role that nobody holds", delete(remove)),
        Route::new(
            Method::GET,
            "/api/v1/unused-permissions",
            read,
            "What each role permits and none of its holders used in the last 180 days",
            get(not_used),
        )
        .gives::<BTreeMap<String, Unused>>(),
        Route::new(
            Method::GET,
            "/api/v1/access",
            read,
            "Who may do something, on nodes of some labels, and through which role",
            get(access),
        )
        .query::<Question>()
        .gives::<Vec<Way>>(),
    ]
}

/// One permission.
#[derive(Serialize, JsonSchema)]
struct PermissionView {
    /// Its name.
    name: &'static str,
    /// What it permits.
    about: &'static str,
    /// Whether it can be held for the nodes of one label alone.
    by_label: bool,
}

/// A new role.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    /// Its name in the API: lower-case letters, digits and hyphens.
    id: String,
    /// What it is.
    role: RoleForm,
}

/// Which roles.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Those with this in the name, the description or a permission.
    #[serde(default)]
    text: String,
    /// `true`: those that came with Palisade; `false`: those of one's own.
    #[serde(default)]
    built_in: Option<bool>,
    /// By what they are sorted: `id` or `name`, with `-` before it falling; `id` when nothing is said.
    #[serde(default)]
    sort: String,
    /// Those after this one, as `next` of the page before said.
    #[serde(default)]
    after: String,
}

/// What is asked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The permission.
    permission: Permission,
    /// The labels of the node, `key=value`, separated by commas; none: what is not of a node.
    #[serde(default)]
    labels: String,
}

async fn catalogue() -> Json<Vec<PermissionView>> {
    let view = |permission: Permission| PermissionView {
        name: permission.as_str(),
        about: permission.about(),
        by_label: permission.concerns_nodes(),
    };
    Json(Permission::ALL.into_iter().map(view).collect())
}

async fn list(State(app): State<App>, Asked(wanted): Asked<Wanted>) -> Result<Json<Page<Role>>, Failure> {
    let order = roles::LISTED.order(&wanted.sort);
    let after = after(order, &wanted.after)?;
    let filter = roles::Filter { text: &wanted.text, built_in: wanted.built_in, order, after };
    Ok(Json(roles::list(app.store(), filter).await?.into()))
}

async fn find(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    let role = roles::find(app.store(), &id).await?;
    Ok((tag(role.version), Json(role)).into_response())
}

async fn not_used(State(app): State<App>) -> Result<Json<BTreeMap<String, Unused>>, Failure> {
    let mut connection = app.store().reader().acquire().await?;
    Ok(Json(roles::unused(&mut connection, app.now()).await?))
}

async fn create(State(app): State<App>, Json(new): Json<NewRole>) -> Result<Response, Failure> {
    roles::create(app.store(), &new.id, &new.role).await?;
    let role = roles::find(app.store(), &new.id).await?;
    Ok((StatusCode::CREATED, tag(role.version), Json(role)).into_response())
}

async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<RoleForm>,
) -> Result<StatusCode, Failure> {
    roles::change(app.store(), &id, &form, version_seen(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    roles::delete(app.store(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn access(State(app): State<App>, Asked(question): Asked<Question>) -> Result<Json<Vec<Way>>, Failure> {
    let labels: Vec<String> = question
        .labels
        .split(',')
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .map(str::to_owned)
        .collect();
    Ok(Json(roles::who_may(app.store(), question.permission, &labels).await?))
}
