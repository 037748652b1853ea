//! HTTP servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::Fact;

/// A server that speaks HTTP, as its start page and a handful of other requests show it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpServer {
    /// Bound address and port: `0.0.0.0:80`.
    pub name: String,
    /// Where it listens and who holds it.
    pub place: Place,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Path of the start page: `/`, or the one that was named. Redirects within the server are followed.
    pub path: String,
    /// Status code of the start page.
    pub status: u16,
    /// Where the start page leads when that is another server: `https://plant.example`. It is not followed. Absent:
    /// nowhere else.
    pub redirect: Fact<String>,
    /// Whether it leads to the same host name there. Absent: it leads nowhere else, or no host was named.
    pub redirects_to_same_name: Fact<bool>,
    /// Whether `GET /` and a path that does not exist both lead to `https:` and nowhere else.
    pub redirects_to_https: bool,
    /// Whether what it answers is a page for people (HTML with a good status).
    pub serves_page: bool,
    /// Header `Server`.
    pub server: Fact<String>,
    /// Headers that name what the pages are made with: `X-Powered-By: PHP/8.2.1`, `X-AspNet-Version`, `X-Generator`.
    pub technology_headers: Vec<String>,
    /// Names with version numbers found in headers and in the error page: `nginx/1.22.1`.
    pub versions: Vec<String>,
    /// Header `Strict-Transport-Security`.
    pub transport_security: Fact<TransportSecurity>,
    /// Header `Content-Security-Policy`.
    pub content_security_policy: Fact<ContentSecurityPolicy>,
    /// Header `X-Content-Type-Options`, lower case.
    pub content_type_options: Fact<String>,
    /// Whether other sites are kept from framing its pages (`X-Frame-Options` or `frame-ancestors`).
    pub framing_refused: bool,
    /// Header `Referrer-Policy`, lower case.
    pub referrer_policy: Fact<String>,
    /// Header `Permissions-Policy`.
    pub permissions_policy: Fact<String>,
    /// Header `Access-Control-Allow-Origin` in the answer to a foreign `Origin`.
    pub allowed_origin: Fact<String>,
    /// What it answers for a path that does not exist.
    pub error_page: Fact<ErrorPage>,
    /// What it answers to a request that no browser sends.
    pub malformed_request: Fact<ErrorPage>,
    /// Cookies it sets; never their values.
    pub cookies: Vec<Cookie>,
    /// Methods in the header `Allow` of the answer to `OPTIONS`. Absent: it names none.
    pub methods: Fact<Vec<String>>,
    /// Whether `TRACE` is answered with the request itself.
    pub trace: Fact<bool>,
    /// Whether `TRACK` is answered with the request itself.
    pub track: Fact<bool>,
    /// Scripts and style sheets of the start page. At most 200.
    pub resources: Vec<Resource>,
    /// Files that should not be there for everybody, with what was seen.
    pub artefacts: Fact<Vec<Artefact>>,
    /// Server-side technologies that answer for their file name ending: `php`, `jsp`.
    pub handlers: Fact<Vec<String>>,
    /// The product whose default page `GET /` shows. Absent: none that is known here.
    pub default_page: Fact<String>,
    /// Whether `GET /` shows a list of files.
    pub directory_listing: bool,
    /// Whether the start page asks for a password.
    pub login_form: bool,
    /// Whether it asks for a name and password by HTTP basic authentication.
    pub basic_authentication: bool,
    /// Requests that were sent to learn all this.
    pub requests: u32,
    /// Where it was read: `https 127.0.0.1:443`.
    pub source: String,
}

/// Header `Strict-Transport-Security`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TransportSecurity {
    /// How long browsers insist on HTTPS, in seconds; 0 when it is not said.
    pub max_age_seconds: u64,
    /// Whether that holds for subdomains.
    pub include_subdomains: bool,
}

/// Header `Content-Security-Policy`, what of it matters here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ContentSecurityPolicy {
    /// The header, cut after 2000 characters.
    pub text: String,
    /// Whether it says where scripts may come from (`script-src` or `default-src`).
    pub limits_scripts: bool,
    /// Whether scripts within pages run (`unsafe-inline` without nonce or hash).
    pub inline_scripts: bool,
    /// Whether text may be run as a script (`unsafe-eval`).
    pub eval: bool,
    /// Places other than the site itself that scripts may come from.
    pub foreign_scripts: Vec<String>,
}

/// What a server answers to what it should refuse.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ErrorPage {
    /// Status code.
    pub status: u16,
    /// What in it looks like the inside of a program: a stack trace, an SQL error, a path. Absent: nothing.
    pub leak: Fact<String>,
}

/// A cookie that a server sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Whether it is sent over HTTPS only.
    pub secure: bool,
    /// Whether scripts cannot read it.
    pub http_only: bool,
    /// `strict`, `lax`, `none`. Absent: not said.
    pub same_site: Fact<String>,
    /// Length of its value in bytes, as a hint whether it can be guessed.
    pub value_bytes: u64,
}

/// A script or style sheet that a page loads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Resource {
    /// `script` or `stylesheet`.
    pub kind: String,
    /// Its address as written, without what follows `?`.
    pub address: String,
    /// Whether it comes from another site.
    pub foreign: bool,
    /// Whether the page says what its digest must be (SHA-256, 384 or 512).
    pub integrity: bool,
}

/// A file that should not be there for everybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Artefact {
    /// Its path.
    pub path: String,
    /// What it is: `Git repository`, `Tomcat manager`.
    pub what: String,
    /// `development` (left by developers) or `default` (shipped with the server).
    pub kind: String,
}
