//! How well a server speaks HTTP: its start page, a path that does not exist, a few methods, and files that should
//! not be there.

use std::time::Duration;

use host::Error;
use model::Fact;
use model::facts::endpoints::{ErrorPage, HttpServer, Place, Resource};
use ureq::http::Request;

use super::artefacts::SUSPECTS;
use super::{headers, html};
use crate::http::{Answer, Client, Limits};

/// Bytes of the start page that are read.
const PAGE: usize = 256 << 10;
/// Bytes of every other answer that are read.
const SMALL: usize = 16 << 10;
/// A path that no site has.
const NOWHERE: &str = "/palisade-not-here";
/// What a server that echoes requests gives back.
const MARK: &str = "palisade-looks-for-echoes";
/// Whose page is said to ask, to see whether any site may.
const ORIGIN: &str = "https://palisade.invalid";
/// File name endings of server-side technologies.
const HANDLERS: [&str; 5] = ["php", "jsp", "asp", "aspx", "cgi"];
/// What a technology says of a file that is not there.
const HANDLER_VOICES: [&str; 6] = [
    "No input file specified",
    "File not found.\n",
    "JSP file",
    "Primary script unknown",
    "not found or unable to stat",
    "End of script output",
];
/// Headers that tell what pages are made with.
const TECHNOLOGY: [&str; 5] =
    ["x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator", "x-runtime"];

/// A server that is asked.
pub(super) struct Site<'a> {
    /// Speaks to it.
    pub(super) client: &'a Client,
    /// Host name in requests.
    pub(super) host: &'a str,
    /// Whether TLS lies below.
    pub(super) tls: bool,
    /// How long the start page may take: applications wake up with it.
    pub(super) first_limit: Duration,
    /// How long every other request may take.
    pub(super) limit: Duration,
    /// Requests that may be sent.
    pub(super) requests: u32,
}

/// Asks one server everything. The error says why its start page was not seen.
pub(super) fn look(site: Site<'_>, name: String, place: Place, source: String) -> Result<HttpServer, Error> {
    let mut asking = Asking { left: site.requests, site };
    let start = asking.ask("GET", "/", PAGE)?;
    let mut server = HttpServer { name, place, tls: asking.site.tls, source, ..HttpServer::default() };
    read_headers(&mut server, &start);
    read_page(&mut server, &start);
    let nowhere = asking.ask("GET", NOWHERE, SMALL);
    let malformed = asking.ask("GET", "/palisade%00%ff?%", SMALL);
    read_errors(&mut server, &start, &nowhere, &malformed);
    server.methods = match asking.ask("OPTIONS", "/", SMALL) {
        Ok(answer) => Fact::from_option(answer.header("allow").map(methods)),
        Err(error) => Fact::unreadable(error.to_string()),
    };
    server.trace = echoes(&asking.ask("TRACE", "/", SMALL));
    server.track = echoes(&asking.ask("TRACK", "/", SMALL));
    look_for_artefacts(&mut asking, &mut server, nowhere.as_ref().ok());
    look_for_handlers(&mut asking, &mut server, nowhere.as_ref().ok());
    server.requests = asking.site.requests.saturating_sub(asking.left);
    Ok(server)
}

struct Asking<'a> {
    site: Site<'a>,
    left: u32,
}

impl Asking<'_> {
    fn ask(&mut self, method: &str, path: &str, body: usize) -> Result<Answer, Error> {
        let what = || format!("{method} {path}");
        let Some(left) = self.left.checked_sub(1) else {
            let message = "not asked: as many requests as one server may get were sent".to_owned();
            return Err(Error::Io { what: what(), message });
        };
        self.left = left;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.site.host))
            .header("accept", "*/*")
            .header("accept-encoding", "identity")
            .header("origin", ORIGIN)
            .header("x-palisade", MARK)
            .body(())
            .map_err(|error| Error::Io { what: what(), message: error.to_string() })?;
        let first = left + 1 == self.site.requests;
        let time = if first { self.site.first_limit } else { self.site.limit };
        self.site.client.send(request, Limits { time, body })
    }
}

fn read_headers(server: &mut HttpServer, start: &Answer) {
    let text = |name: &str| start.header(name).map(|value| value.trim().chars().take(300).collect::<String>());
    let lower = |name: &str| Fact::from_option(text(name).map(|value| value.to_ascii_lowercase()));
    server.status = start.status;
    server.server = Fact::from_option(text("server"));
    server.technology_headers = start
        .headers
        .iter()
        .filter(|(name, _)| TECHNOLOGY.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.chars().take(100).collect::<String>()))
        .take(20)
        .collect();
    server.transport_security =
        Fact::from_option(start.header("strict-transport-security").map(headers::transport_security));
    let policies: Vec<&str> = start
        .headers
        .iter()
        .filter(|(name, _)| name == "content-security-policy")
        .map(|(_, value)| value.as_str())
        .collect();
    let policy = policies.join(", ");
    server.content_security_policy =
        if policies.is_empty() { Fact::Absent } else { Fact::known(headers::content_security_policy(&policy)) };
    server.content_type_options = lower("x-content-type-options");
    server.framing_refused = headers::limits_framing(&policy)
        || start
            .header("x-frame-options")
            .is_some_and(|value| matches!(value.trim().to_ascii_lowercase().as_str(), "deny" | "sameorigin"));
    server.referrer_policy = lower("referrer-policy");
    server.permissions_policy = Fact::from_option(text("permissions-policy"));
    server.allowed_origin = Fact::from_option(text("access-control-allow-origin"));
    server.cookies = start
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .filter_map(|(_, value)| headers::cookie(value))
        .take(50)
        .collect();
    server.basic_authentication = start.headers.iter().any(|(name, value)| {
        name == "www-authenticate" && value.trim_start().to_ascii_lowercase().starts_with("basic")
    });
}

fn read_page(server: &mut HttpServer, start: &Answer) {
    let body = String::from_utf8_lossy(&start.body);
    let page = html::scan(&body);
    let markup =
        start.header("content-type").is_some_and(|kind| kind.contains("html")) || !page.title.is_empty();
    server.serves_page = start.status == 200 && markup;
    server.default_page = Fact::from_option(headers::default_page(&body).map(str::to_owned));
    server.directory_listing = start.status == 200 && headers::is_listing(&page.title);
    server.login_form = page.password_field;
    server.resources = page
        .resources
        .into_iter()
        .map(|loaded| Resource {
            kind: loaded.kind.to_owned(),
            foreign: is_foreign(&loaded.address),
            address: loaded.address.split(['?', '#']).next().unwrap_or_default().to_owned(),
            integrity: ["sha256-", "sha384-", "sha512-"].iter().any(|hash| loaded.integrity.contains(hash)),
        })
        .collect();
}

/// Whether an address leads to another site. One that names its own site in full counts as foreign too: whose name it
/// is, the server alone knows.
fn is_foreign(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    ["//", "http:", "https:"].iter().any(|begin| lower.starts_with(begin))
}

fn leads_to_https(answer: &Answer) -> bool {
    (300..400).contains(&answer.status)
        && answer.header("location").is_some_and(|place| place.to_ascii_lowercase().starts_with("https://"))
}

fn read_errors(
    server: &mut HttpServer,
    start: &Answer,
    nowhere: &Result<Answer, Error>,
    malformed: &Result<Answer, Error>,
) {
    server.redirects_to_https = leads_to_https(start) && nowhere.as_ref().is_ok_and(leads_to_https);
    let mut versions = Vec::new();
    for (name, value) in &start.headers {
        if name == "server" || name == "via" || TECHNOLOGY.contains(&name.as_str()) {
            versions.extend(headers::versions(value));
        }
    }
    for answer in [nowhere, malformed].into_iter().flatten() {
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "server") {
            versions.extend(headers::versions(value));
        }
        // A page that exists may speak of versions of anything; an error page speaks of the server.
        if answer.status >= 400 {
            versions.extend(headers::versions(&String::from_utf8_lossy(&answer.body)));
        }
    }
    versions.sort();
    versions.dedup();
    server.versions = versions;
    server.error_page = error_page(nowhere);
    server.malformed_request = error_page(malformed);
}

fn error_page(answer: &Result<Answer, Error>) -> Fact<ErrorPage> {
    match answer {
        Ok(answer) => {
            let leak = if answer.status >= 400 {
                headers::leak(&String::from_utf8_lossy(&answer.body)).map(str::to_owned)
            } else {
                None
            };
            Fact::known(ErrorPage { status: answer.status, leak: Fact::from_option(leak) })
        }
        Err(error) => Fact::unreadable(error.to_string()),
    }
}

fn methods(allow: &str) -> Vec<String> {
    allow
        .split(',')
        .map(|method| method.trim().to_ascii_uppercase())
        .filter(|m| !m.is_empty())
        .take(30)
        .collect()
}

/// Whether the answer gives the request back.
fn echoes(answer: &Result<Answer, Error>) -> Fact<bool> {
    match answer {
        Ok(answer) => Fact::known(
            (200..300).contains(&answer.status) && String::from_utf8_lossy(&answer.body).contains(MARK),
        ),
        Err(error) => Fact::unreadable(error.to_string()),
    }
}

fn look_for_artefacts(asking: &mut Asking<'_>, server: &mut HttpServer, nowhere: Option<&Answer>) {
    let mut found = Vec::new();
    for suspect in SUSPECTS {
        match asking.ask("GET", suspect.path, SMALL) {
            Ok(answer) => found.extend(suspect.judge(&answer, nowhere)),
            Err(error) => {
                // One that was found is bad enough, whatever else there may be.
                server.artefacts =
                    if found.is_empty() { Fact::unreadable(error.to_string()) } else { Fact::known(found) };
                return;
            }
        }
    }
    server.artefacts = Fact::known(found);
}

fn look_for_handlers(asking: &mut Asking<'_>, server: &mut HttpServer, nowhere: Option<&Answer>) {
    let Some(nowhere) = nowhere else {
        server.handlers = Fact::unreadable("no path that does not exist could be asked for");
        return;
    };
    let mut found = Vec::new();
    for ending in HANDLERS {
        let answer = match asking.ask("GET", &format!("{NOWHERE}.{ending}"), SMALL) {
            Ok(answer) => answer,
            Err(error) => {
                server.handlers = Fact::unreadable(error.to_string());
                return;
            }
        };
        let body = String::from_utf8_lossy(&answer.body);
        let speaks = answer.body != nowhere.body && HANDLER_VOICES.iter().any(|voice| body.contains(voice));
        if answer.status != nowhere.status || speaks {
            found.push(ending.to_owned());
        }
    }
    server.handlers = Fact::known(found);
}
