//! What answers of an HTTP server say between the lines. Pure functions over text.

use model::Fact;
use model::facts::endpoints::{ContentSecurityPolicy, Cookie, TransportSecurity};

/// Characters of a policy that are kept.
const POLICY: usize = 2000;
/// Versions, cookies and sources taken from one server.
const ITEMS: usize = 50;

/// Reads `Strict-Transport-Security`.
pub fn transport_security(text: &str) -> TransportSecurity {
    let mut said = TransportSecurity::default();
    for part in text.split(';') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "max-age" => said.max_age_seconds = value.trim().trim_matches('"').parse().unwrap_or(0),
            "includesubdomains" => said.include_subdomains = true,
            _ => {}
        }
    }
    said
}

/// Reads `Content-Security-Policy`; several headers are joined by commas, and each of them restricts.
pub fn content_security_policy(text: &str) -> ContentSecurityPolicy {
    let mut policies = text.split(',').map(script_sources);
    let mut said = policies.next().unwrap_or_default();
    for other in policies.filter(|other| other.limits_scripts) {
        if said.limits_scripts {
            said.inline_scripts &= other.inline_scripts;
            said.eval &= other.eval;
            said.foreign_scripts.retain(|source| other.foreign_scripts.contains(source));
        } else {
            said = other;
        }
    }
    said.text = text.chars().take(POLICY).collect();
    said
}

/// The sources that a policy names for something; of several such directives the first counts.
fn directive<'a>(policy: &'a str, wanted: &str) -> Option<Vec<&'a str>> {
    policy.split(';').find_map(|part| {
        let mut words = part.split_ascii_whitespace();
        words.next().filter(|name| name.eq_ignore_ascii_case(wanted)).map(|_| words.collect())
    })
}

fn script_sources(policy: &str) -> ContentSecurityPolicy {
    let sources = directive(policy, "script-src").or_else(|| directive(policy, "default-src"));
    let Some(sources) = sources else {
        return ContentSecurityPolicy { inline_scripts: true, eval: true, ..ContentSecurityPolicy::default() };
    };
    let has = |word: &str| sources.iter().any(|source| source.eq_ignore_ascii_case(word));
    let lower: Vec<String> = sources.iter().map(|source| source.to_ascii_lowercase()).collect();
    // A browser that knows nonces and hashes ignores 'unsafe-inline' beside them.
    let pinned = lower.iter().any(|source| {
        ["'nonce-", "'sha256-", "'sha384-", "'sha512-"].iter().any(|begin| source.starts_with(begin))
    });
    ContentSecurityPolicy {
        text: String::new(),
        limits_scripts: true,
        inline_scripts: has("'unsafe-inline'") && !pinned,
        eval: has("'unsafe-eval'"),
        foreign_scripts: lower.into_iter().filter(|source| !source.starts_with('\'')).take(ITEMS).collect(),
    }
}

/// Whether a policy keeps other sites from framing the page; none when it does not speak of frames.
pub(super) fn limits_framing(policy: &str) -> Option<bool> {
    let anybody = |source: &&str| {
        let source = source.to_ascii_lowercase();
        matches!(source.as_str(), "*" | "http:" | "https:" | "http://*" | "https://*")
    };
    policy
        .split(',')
        .filter_map(|policy| directive(policy, "frame-ancestors"))
        .map(|sources| !sources.iter().any(anybody))
        .reduce(|one, other| one || other)
}

/// What `Referrer-Policy` may say.
const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// Reads `Referrer-Policy`: of several the last that browsers know counts (Referrer Policy, 8.1).
pub(super) fn referrer_policy(text: &str) -> String {
    let lower = text.trim().to_ascii_lowercase();
    let last = lower.rsplit(',').map(str::trim).find(|policy| REFERRER_POLICIES.contains(policy));
    last.unwrap_or(&lower).to_owned()
}

/// Reads `Set-Cookie`. The value is measured and forgotten.
pub fn cookie(text: &str) -> Option<Cookie> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let mut cookie = Cookie {
        name: name.chars().take(100).collect(),
        same_site: Fact::Absent,
        value_bytes: value.trim().len() as u64,
        ..Cookie::default()
    };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = Fact::known(value.trim().to_ascii_lowercase()),
            _ => {}
        }
    }
    Some(cookie)
}

/// Names that stand before a version without telling what a server is made with.
const NOT_SOFTWARE: [&str; 12] =
    ["http", "https", "html", "xhtml", "tls", "ssl", "mozilla", "applewebkit", "spdy", "soap", "rfc", "dtd"];

/// Names with version numbers: `nginx/1.22.1`, `Jetty(9.4.51)`.
pub fn versions(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let boundary = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ',' | ';' | '=' | ')');
    for word in text.split(boundary).filter(|word| word.len() < 100) {
        let Some((name, version)) = word.split_once(['/', '(']) else { continue };
        let name_fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
            && !NOT_SOFTWARE.contains(&name.to_ascii_lowercase().as_str());
        let digits = version.trim_start_matches(['v', 'V']);
        let version_fits = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.contains('.')
            && digits.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '~'))
            && !digits.ends_with(".js");
        let word = word.trim_end_matches('.');
        if name_fits && version_fits && !found.iter().any(|known| known == word) && found.len() < ITEMS {
            found.push(word.to_owned());
        }
    }
    found
}

/// Texts that only the inside of a program writes.
const LEAKS: [(&str, &str); 20] = [
    ("Traceback (most recent call last)", "a Python stack trace"),
    ("java.lang.", "a Java stack trace"),
    ("Exception in thread", "a Java stack trace"),
    ("javax.servlet.", "a Java stack trace"),
    ("org.springframework.", "a Java stack trace"),
    ("System.Web.", "a .NET stack trace"),
    ("System.NullReferenceException", "a .NET stack trace"),
    ("stack backtrace:", "a stack trace"),
    ("Stack trace:", "a stack trace"),
    ("goroutine 1 [", "a Go stack trace"),
    ("node_modules/", "a Node.js stack trace"),
    ("ActionController::", "a Rails stack trace"),
    ("SQLSTATE[", "an SQL error"),
    ("You have an error in your SQL syntax", "an SQL error"),
    ("ORA-0", "an SQL error"),
    ("PG::", "an SQL error"),
    ("/usr/lib/python", "a path of the server"),
    ("/usr/local/lib/", "a path of the server"),
    ("/var/www/", "a path of the server"),
    ("<b>Fatal error</b>", "a PHP error"),
];

/// What in a page looks like the inside of a program.
pub(super) fn leak(text: &str) -> Option<&'static str> {
    LEAKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, what)| *what)
}

/// Default pages by a text in their title or body.
const DEFAULT_PAGES: [(&str, &str); 11] = [
    ("Welcome to nginx!", "nginx"),
    ("Test Page for the Nginx", "nginx"),
    ("Apache2 Debian Default Page", "Apache"),
    ("Apache2 Ubuntu Default Page", "Apache"),
    ("<h1>It works!</h1>", "Apache"),
    ("Test Page for the Apache", "Apache"),
    ("successfully installed Tomcat", "Tomcat"),
    ("<title>IIS Windows Server</title>", "IIS"),
    ("Welcome to OpenResty!", "OpenResty"),
    ("Caddy works!", "Caddy"),
    ("lighttpd web server", "lighttpd"),
];

/// The product whose default page this is.
pub(super) fn default_page(body: &str) -> Option<&'static str> {
    DEFAULT_PAGES.iter().find(|(mark, _)| body.contains(mark)).map(|(_, product)| *product)
}

/// Whether a page is a list of files.
pub(super) fn is_listing(title: &str) -> bool {
    ["index of /", "directory listing for ", "directory: /"]
        .iter()
        .any(|begin| title.to_ascii_lowercase().starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_browsers_read_them() {
        let open = content_security_policy("img-src 'self'");
        assert!(!open.limits_scripts && open.inline_scripts && open.eval);
        let strict = content_security_policy("default-src 'none'; script-src 'self'; frame-ancestors 'none'");
        assert!(
            strict.limits_scripts
                && !strict.inline_scripts
                && !strict.eval
                && strict.foreign_scripts.is_empty()
        );
        let loose =
            content_security_policy("SCRIPT-SRC 'self' 'unsafe-inline' 'unsafe-eval' https://cdn.example *");
        assert!(loose.inline_scripts && loose.eval);
        assert_eq!(loose.foreign_scripts, ["https://cdn.example", "*"]);
        assert!(!content_security_policy("script-src 'nonce-abc' 'unsafe-inline'").inline_scripts);
        let both = content_security_policy("script-src 'unsafe-inline' a.example, script-src 'self'");
        assert!(!both.inline_scripts && both.foreign_scripts.is_empty());
        assert_eq!(limits_framing("default-src 'self'; frame-ancestors 'self'"), Some(true));
        assert_eq!(limits_framing("frame-ancestors *, frame-ancestors 'none'"), Some(true));
        assert_eq!(limits_framing("frame-ancestors *; frame-ancestors 'none'"), Some(false));
        assert_eq!(limits_framing("frame-ancestors 'self' HTTPS:"), Some(false));
        assert_eq!(limits_framing("default-src 'self'"), None);
    }

    #[test]
    fn of_several_referrer_policies_the_last_that_is_known_counts() {
        assert_eq!(referrer_policy("no-referrer, Unsafe-URL"), "unsafe-url");
        assert_eq!(referrer_policy("unsafe-url, same-origin, something-new"), "same-origin");
        assert_eq!(referrer_policy("Nonsense"), "nonsense");
    }

    #[test]
    fn cookies_are_read_without_their_values() {
        let cookie = cookie("JSESSIONID=0123456789abcdef; Path=/; secure; HttpOnly; SameSite=Lax").unwrap();
        assert_eq!((cookie.name.as_str(), cookie.value_bytes), ("JSESSIONID", 16));
        assert!(cookie.secure && cookie.http_only);
        assert_eq!(cookie.same_site.value().unwrap(), "lax");
        assert!(!format!("{cookie:?}").contains("0123"));
        assert!(
            super::cookie("").is_none() && super::cookie("=x").is_none() && super::cookie("nothing").is_none()
        );
    }

    #[test]
    fn versions_are_found_and_what_only_looks_like_one_is_not() {
        let text = "<center>nginx/1.22.1</center> Apache/2.4.57 (Debian) OpenSSL/3.0.11 Jetty(9.4.51.v2023) HTTP/1.1 \
                    <script src=\"/lib/jquery/3.6.0/x.js\"> 10/12.5 text/html4.0x Express";
        assert_eq!(
            versions(text),
            ["nginx/1.22.1", "Apache/2.4.57", "OpenSSL/3.0.11", "Jetty(9.4.51.v2023", "text/html4.0x"][..4]
        );
    }

    #[test]
    fn transport_security_without_an_age_has_none() {
        assert_eq!(
            transport_security("max-age=63072000; includeSubDomains; preload").max_age_seconds,
            63_072_000
        );
        assert_eq!(transport_security("max-age=\"300\"").max_age_seconds, 300);
        assert_eq!(transport_security("includeSubDomains").max_age_seconds, 0);
        assert_eq!(transport_security("max-age=99999999999999999999999").max_age_seconds, 0);
    }

    #[test]
    fn the_inside_of_programs_is_recognised() {
        assert_eq!(leak("at java.lang.Thread.run"), Some("a Java stack trace"));
        assert_eq!(leak("<h1>404 Not Found</h1>"), None);
        assert_eq!(default_page("<title>Welcome to nginx!</title>"), Some("nginx"));
        assert!(is_listing("Index of /pub") && !is_listing("Indexing"));
    }
}
