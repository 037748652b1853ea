//! How well a server speaks HTTP: its start page, a path that does not exist, a few methods, and files that should
//! not be there.

use std::time::Duration;

use host::Error;
use model::Fact;
use model::facts::endpoints::{Artefact, Cookie, ErrorPage, HttpServer, Place, Resource};
use ureq::http::Request;

use super::artefacts::SUSPECTS;
use super::{headers, html};
use crate::http::{Answer, Client, Limits};

/// Bytes of the start page that are read.
const PAGE: usize = 256 << 10;
/// Bytes of every other answer that are read.
const SMALL: usize = 16 << 10;
/// Requests in a row that may go unanswered before the server is left alone.
const SILENT: u32 = 2;
/// Redirects within a server that are followed to its start page.
const HOPS: u32 = 3;
/// A path that no site has.
const NOWHERE: &str = "/palisade-not-here";
/// What a server that echoes requests gives back.
const MARK: &str = "palisade-looks-for-echoes";
/// Whose page is said to ask, to see whether any site may.
const ORIGIN: &str = "https://palisade.invalid";
/// Cookies that are listed.
const COOKIES: usize = 50;
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

/// Which page of which host is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// Host name in requests, with the port where it is not the usual one.
    pub(super) authority: &'a str,
    /// Host name or address that somebody named; none for a socket of the host.
    pub(super) host: Option<&'a str>,
    /// Path of the start page; empty is `/`.
    pub(super) path: &'a str,
}

/// A server that is asked.
pub(super) struct Site<'a> {
    /// Speaks to it.
    pub(super) client: &'a Client,
    /// What of it is meant.
    pub(super) page: Page<'a>,
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
    let mut asking = Asking { left: site.requests, started: false, silent: 0, site };
    let page = asking.site.page;
    let path = if page.path.is_empty() { "/" } else { page.path };
    let start = asking.start(path)?;
    asking.started = true;
    let mut server = HttpServer { name, place, tls: asking.site.tls, source, ..HttpServer::default() };
    server.path = start.path;
    read_redirect(&mut server, &start.page, page);
    read_headers(&mut server, &start.page);
    for cookie in start.cookies {
        let listed = server.cookies.iter().any(|known| known.name == cookie.name);
        if !listed && server.cookies.len() < COOKIES {
            server.cookies.push(cookie);
        }
    }
    read_page(&mut server, &start.page, page);
    let nowhere = asking.ask("GET", NOWHERE, SMALL);
    let malformed = asking.ask("GET", "/palisade%00%ff?%", SMALL);
    read_errors(&mut server, &start.page, &nowhere, &malformed);
    server.methods = match asking.ask("OPTIONS", path, SMALL) {
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
    /// Whether the start page was seen.
    started: bool,
    /// Requests that were not answered in time, one after the other.
    silent: u32,
}

/// The start page, and what was met on the way to it.
struct Start {
    path: String,
    page: Answer,
    cookies: Vec<Cookie>,
}

impl Asking<'_> {
    /// Asks for the start page and follows where it leads, within the same server.
    fn start(&mut self, path: &str) -> Result<Start, Error> {
        let mut path = path.to_owned();
        let mut cookies = Vec::new();
        let mut hops = HOPS;
        loop {
            let page = self.ask("GET", &path, PAGE)?;
            let next = (300..400)
                .contains(&page.status)
                .then(|| page.header("location"))
                .flatten()
                .and_then(|place| within(place, &self.own(), &path))
                .filter(|next| hops > 0 && *next != path);
            let Some(next) = next else { return Ok(Start { path, page, cookies }) };
            cookies.extend(
                page.headers
                    .iter()
                    .filter(|(name, _)| name == "set-cookie")
                    .filter_map(|(_, value)| headers::cookie(value)),
            );
            hops -= 1;
            path = next;
        }
    }

    /// The server as pages name it: `https://plant.example`.
    fn own(&self) -> String {
        let scheme = if self.site.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.site.page.authority)
    }

    fn ask(&mut self, method: &str, path: &str, body: usize) -> Result<Answer, Error> {
        let what = || format!("{method} {path}");
        if self.silent >= SILENT {
            let message = "not asked: the server left several requests without an answer".to_owned();
            return Err(Error::Io { what: what(), message });
        }
        let Some(left) = self.left.checked_sub(1) else {
            let message = "not asked: as many requests as one server may get were sent".to_owned();
            return Err(Error::Io { what: what(), message });
        };
        self.left = left;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.site.page.authority))
            .header("accept", "*/*")
            .header("accept-encoding", "identity")
            .header("origin", ORIGIN)
            .header("x-palisade", MARK)
            .body(())
            .map_err(|error| Error::Io { what: what(), message: error.to_string() })?;
        let time = if self.started { self.site.limit } else { self.site.first_limit };
        let answer = self.site.client.send(request, Limits { time, body });
        match answer {
            Ok(_) => self.silent = 0,
            Err(Error::TimedOut { .. }) => self.silent += 1,
            Err(_) => {}
        }
        answer
    }
}

/// The path that a redirect leads to when it stays within `own`; none when it leads elsewhere. Queries are dropped: they
/// may hold what a server made for one visitor.
fn within(place: &str, own: &str, from: &str) -> Option<String> {
    let place = place.split(['?', '#']).next().unwrap_or_default().trim();
    let path = match place.get(..own.len()) {
        Some(begin) if begin.eq_ignore_ascii_case(own) => match place.get(own.len()..)? {
            "" => "/",
            rest if rest.starts_with('/') => rest,
            _ => return None,
        },
        _ if place.starts_with("//") || place.contains("://") => return None,
        _ => place,
    };
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        let folder = from.rfind('/').and_then(|slash| from.get(..=slash)).unwrap_or("/");
        format!("{folder}{path}")
    };
    (path.len() <= 1000 && path.bytes().all(|byte| byte.is_ascii_graphic())).then_some(path)
}

/// Where the start page leads when that is another server.
fn read_redirect(server: &mut HttpServer, start: &Answer, page: Page<'_>) {
    server.redirect = Fact::Absent;
    server.redirects_to_same_name = Fact::Absent;
    let place = (300..400).contains(&start.status).then(|| start.header("location")).flatten();
    let Some((scheme, rest)) = place.and_then(|place| place.trim().split_once("//")) else { return };
    let authority: String = rest.split(['/', '?', '#']).next().unwrap_or_default().chars().take(260).collect();
    // Without a scheme it is that of the page.
    let scheme = if scheme.is_empty() { if server.tls { "https:" } else { "http:" } } else { scheme };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http:" | "https:") {
        return;
    }
    if let Some(host) = page.host {
        server.redirects_to_same_name = Fact::known(host_of(&authority).eq_ignore_ascii_case(host));
    }
    server.redirect = Fact::known(format!("{}//{authority}", scheme.to_ascii_lowercase()));
}

/// The host in `host:port`, without brackets.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
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
    // Browsers that find a policy for frames do not look at the older header (CSP 3, 6.4.2).
    server.framing_refused = headers::limits_framing(&policy).unwrap_or_else(|| {
        start
            .header("x-frame-options")
            .is_some_and(|value| matches!(value.trim().to_ascii_lowercase().as_str(), "deny" | "sameorigin"))
    });
    server.referrer_policy =
        Fact::from_option(text("referrer-policy").map(|value| headers::referrer_policy(&value)));
    server.permissions_policy = Fact::from_option(text("permissions-policy"));
    server.allowed_origin = Fact::from_option(text("access-control-allow-origin"));
    server.cookies = start
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .filter_map(|(_, value)| headers::cookie(value))
        .take(COOKIES)
        .collect();
    server.basic_authentication = start.headers.iter().any(|(name, value)| {
        name == "www-authenticate" && value.trim_start().to_ascii_lowercase().starts_with("basic")
    });
}

fn read_page(server: &mut HttpServer, start: &Answer, site: Page<'_>) {
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
            foreign: is_foreign(&loaded.address, site.host),
            address: loaded.address.split(['?', '#']).next().unwrap_or_default().to_owned(),
            integrity: ["sha256-", "sha384-", "sha512-"].iter().any(|hash| loaded.integrity.contains(hash)),
        })
        .collect();
}

/// Whether an address leads to another host than the one that was named. Of a socket of the host, one that names its own
/// site in full counts as foreign too: whose name it is, the server alone knows.
fn is_foreign(address: &str, own: Option<&str>) -> bool {
    let lower = address.to_ascii_lowercase();
    let rest = ["//", "http://", "https://"].iter().find_map(|begin| lower.strip_prefix(begin));
    match (rest, own) {
        (Some(rest), Some(own)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host_of(authority).eq_ignore_ascii_case(own)
        }
        (Some(_), None) => true,
        (None, _) => lower.starts_with("http:") || lower.starts_with("https:"),
    }
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
    let mut found: Vec<Artefact> = Vec::new();
    for suspect in SUSPECTS {
        match asking.ask("GET", suspect.path, SMALL) {
            Ok(answer) => found.extend(suspect.judge(&answer, nowhere)),
            Err(error) => {
                // One that was found is bad enough, whatever else there may be; of the other kind it says nothing.
                let of_each_kind =
                    SUSPECTS.iter().all(|suspect| found.iter().any(|one| one.kind == suspect.kind));
                server.artefacts = if of_each_kind {
                    Fact::known(found)
                } else {
                    let seen: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
                    let so_far = if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") };
                    Fact::unreadable(format!("{error}; found so far: {so_far}"))
                };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_within_the_server_only() {
        let own = "https://plant.example";
        let next = |place| within(place, own, "/app/start");
        assert_eq!(next("/login?next=/").as_deref(), Some("/login"));
        assert_eq!(next("login").as_deref(), Some("/app/login"));
        assert_eq!(next("https://PLANT.example/x").as_deref(), Some("/x"));
        assert_eq!(next("https://plant.example").as_deref(), Some("/"));
        assert_eq!(next("https://plant.example.evil/x"), None);
        assert_eq!(next("http://plant.example/x"), None);
        assert_eq!(next("//other.example/x"), None);
        assert_eq!(next("/a b"), None);
    }

    #[test]
    fn a_policy_for_frames_counts_before_the_older_header() {
        let framing_refused = |headers: &[(&str, &str)]| {
            let headers =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let mut server = HttpServer::default();
            read_headers(&mut server, &Answer { status: 200, headers, body: vec![], cut: false });
            server.framing_refused
        };
        let older = ("x-frame-options", "DENY");
        assert!(framing_refused(&[older]));
        assert!(framing_refused(&[older, ("content-security-policy", "default-src 'self'")]));
        assert!(!framing_refused(&[older, ("content-security-policy", "frame-ancestors *")]));
    }

    #[test]
    fn a_site_that_is_named_knows_its_own_scripts() {
        assert!(!is_foreign("https://plant.example/a.js", Some("plant.example")));
        assert!(is_foreign("https://plant.example/a.js", None));
        assert!(is_foreign("//cdn.example:443/a.js", Some("plant.example")));
        assert!(!is_foreign("/a.js", Some("plant.example")));
        assert!(is_foreign("https:a.js", Some("plant.example")));
    }
}
