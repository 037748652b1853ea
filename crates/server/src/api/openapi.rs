//! The description of the API: OpenAPI 3.1, made of the routes and of the types that they take and give.

use axum::http::Method;
use axum::routing::get;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::body::Json;
use super::idempotency;
use super::problem::Problem;
use super::route::{BODY_LIMIT, Needs, Route};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/api/v1/openapi.json",
            Needs::Nothing,
            "This description",
            get(|| async { Json(description(&super::routes(), env!("CARGO_PKG_VERSION"))) }),
        )
        .gives::<Description>(),
    ]
}

/// An OpenAPI document.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used: any object")]
struct Description {
    /// The version of OpenAPI.
    openapi: String,
}

/// The whole description.
pub(crate) fn description(routes: &[Route], version: &str) -> Value {
    // What is given leaves out what is empty; what is taken may leave out what has a default.
    let (mut given, mut taken) =
        (generator(SchemaSettings::for_serialize), generator(SchemaSettings::for_deserialize));
    let problem = given.subschema_for::<Problem>();
    let mut paths = Map::new();
    for route in routes {
        let mut operation = json!({
            "summary": route.about,
            "operationId": operation_id(route),
            "tags": [route.path.split('/').nth(3).unwrap_or("api")],
            "x-needs": needs(route.needs),
        });
        if let Some(shape) = route.takes {
            let body =
                json!({"required": true, "content": {"application/json": {"schema": shape(&mut taken)}}});
            set(&mut operation, "requestBody", body);
        }
        if route.is_text {
            let body = json!({"required": true, "content": {"text/plain": {"schema": {"type": "string"}}}});
            set(&mut operation, "requestBody", body);
        }
        let mut parameters: Vec<Value> = path_parameters(route.path);
        if let Some(shape) = route.query {
            parameters.extend(query_parameters(&shape(&mut taken)));
        }
        if takes_version(route) {
            parameters.push(json!({
                "name": "If-Match", "in": "header", "required": true, "schema": {"type": "string"},
                "description": "The `ETag` of what was read.",
            }));
        }
        if idempotency::takes_key(route) {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header", "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
                "description": "Sent again with the same key and body within a day, the request is not done twice: it is \
                    answered as before. 409: it is at work still; 422: the key was used for another request.",
            }));
        }
        if !parameters.is_empty() {
            set(&mut operation, "parameters", Value::from(parameters));
        }
        let mut answer = json!({"description": "All is well."});
        if let Some(shape) = route.gives {
            set(&mut answer, "content", json!({"application/json": {"schema": shape(&mut given)}}));
        }
        if let Some(content_type) = route.file {
            set(&mut answer, "content", json!({content_type: {}}));
        }
        let is_tagged = route.method == Method::GET && route.gives.is_some();
        if is_tagged {
            let about = "What `If-None-Match` takes and, where something has versions, `If-Match`. Answers of more than a \
                 mebibyte have none.";
            set(&mut answer, "headers", json!({"ETag": {"schema": {"type": "string"}, "description": about}}));
        }
        let mut responses = json!({route.status.as_str(): answer, "default": at("default")});
        for status in refusals(route, is_tagged) {
            set(&mut responses, status, at(status));
        }
        set(&mut operation, "responses", responses);
        if route.needs != Needs::Nothing {
            set(&mut operation, "security", json!([{"session": []}, {"token": []}]));
        }
        let path = paths.entry(described(route.path)).or_insert_with(|| json!({}));
        set(path, &route.method.as_str().to_lowercase(), operation);
    }
    let mut schemas = taken.take_definitions(true);
    schemas.append(&mut given.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Palisade",
            "version": version,
            "description": format!(
                "The Management System. Bodies are at most {BODY_LIMIT} bytes. Problems are RFC 9457. Who sends the cookie of a \
                 session and changes something sends the `Origin` of this server as well, as browsers do."
            ),
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": described_refusals(&problem),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": super::route::COOKIE},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    })
}

fn generator(contract: fn(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    contract(settings).into_generator()
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// A path as OpenAPI writes it, which knows no parameter that goes on over slashes: `{*path}` is `{path}`.
pub(super) fn described(path: &str) -> String {
    path.replace("{*", "{")
}

/// `GET /api/v1/users/{id}` is `get-users-id`.
fn operation_id(route: &Route) -> String {
    let path: Vec<&str> =
        route.path.split('/').skip(3).map(|part| part.trim_matches(['{', '}', '*'])).collect();
    format!("{}-{}", route.method.as_str().to_lowercase(), path.join("-"))
}

fn needs(needs: Needs) -> String {
    match needs {
        Needs::Nothing => "nothing".to_owned(),
        Needs::Session => "a session".to_owned(),
        Needs::Login => "a login".to_owned(),
        Needs::Permission(permission) => permission.as_str().to_owned(),
        Needs::Recent(permission) => format!("{}, with a credential shown lately", permission.as_str()),
    }
}

/// Every way in which a request may not be answered as asked: its status, and what it means.
const REFUSALS: [(&str, &str); 10] = [
    ("304", "It is as `If-None-Match` says that it was."),
    ("400", "The request cannot be understood."),
    (
        "401",
        "Who asks is not known: no session and no token, or one that does not hold, or a wrong credential.",
    ),
    (
        "403",
        "It is not permitted, or a step comes first: a second factor, a new password, a credential shown again.",
    ),
    ("404", "There is nothing of this name."),
    ("409", "It does not fit what there is."),
    ("412", "Somebody else changed it since the version that `If-Match` names."),
    ("422", "Some fields will not do; `fields` says which, and why."),
    ("429", "Too many attempts from here, or too soon."),
    ("default", "It was not done; the body says why."),
];

/// A reference to one of them.
fn at(status: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{status}")})
}

fn described_refusals(problem: &Schema) -> Value {
    let mut all = json!({});
    for (status, about) in REFUSALS {
        let mut response = json!({"description": about});
        if status != "304" {
            set(&mut response, "content", json!({"application/problem+json": {"schema": problem}}));
        }
        if status == "429" {
            let seconds = json!({"schema": {"type": "integer"}, "description": "Seconds until it is worth asking again."});
            set(&mut response, "headers", json!({"Retry-After": seconds}));
        }
        set(&mut all, status, response);
    }
    all
}

/// The statuses with which a route may refuse, besides what may happen to any request.
fn refusals(route: &Route, is_tagged: bool) -> Vec<&'static str> {
    let (is_open, is_read) = (route.needs == Needs::Nothing, route.method == Method::GET);
    let takes = route.takes.is_some() || route.is_text;
    let is_of_one = route.path.contains('{');
    let cases = [
        ("304", is_tagged),
        ("400", takes || route.query.is_some() || is_of_one),
        ("401", !is_open || takes),
        ("403", !is_open),
        ("404", is_of_one),
        ("409", !is_read),
        ("412", takes_version(route)),
        ("422", takes),
        // A token that is shown is an attempt like every other credential.
        ("429", !is_open || takes),
    ];
    cases.into_iter().filter_map(|(status, may)| may.then_some(status)).collect()
}

/// Whether the route changes something that has versions.
fn takes_version(route: &Route) -> bool {
    let put = ["/api/v1/roles/{id}", "/api/v1/users/{id}/roles"];
    route.method == Method::PATCH || (route.method == Method::PUT && put.contains(&route.path))
}

fn path_parameters(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.trim_start_matches('*')))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect()
}

/// The properties of a query's schema as parameters.
fn query_parameters(schema: &Schema) -> Vec<Value> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, of)| {
            let needed = required.contains(&name.as_str());
            json!({"name": name, "in": "query", "required": needed, "schema": of})
        })
        .collect()
}
