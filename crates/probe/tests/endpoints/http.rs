//! HTTP servers, good and bad.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use test_support::{Nginx, self_signed};

use super::look;

fn write(dir: &Path, path: &str, content: &str) {
    let place = dir.join("www").join(path);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, content).unwrap();
}

#[test]
fn a_careless_site_shows_all_its_faults() {
    let nginx = Nginx::start(
        false,
        "add_header X-Powered-By PHP/8.2.1 always; add_header Set-Cookie 'session=secret-value; Path=/' always;
         add_header Access-Control-Allow-Origin * always; location = /phpinfo.php { default_type text/html; }",
        |dir| {
            write(
                dir,
                "index.html",
                "<title>Login</title><script src=//cdn.example/a.js?v=1></script><link rel=stylesheet href=/b.css \
                 integrity=sha384-abc><form><input type=password></form>",
            );
            write(dir, ".git/HEAD", "ref: refs/heads/main\n");
            write(dir, ".env", "DB_PASSWORD=geheim\n");
            write(dir, "backup.zip", "PK\x03\x04....");
            write(dir, "phpinfo.php", "<title>phpinfo()</title> PHP Version 8.2");
        },
    );
    let section = look(80, "nginx", nginx.address());
    let site = &section["http"][0];
    assert_eq!(section["sockets"][0]["protocol"], "http");
    assert_eq!(section["sockets"][0]["encrypted"], false);
    assert_eq!(section["sockets"][0]["only_redirects"], false);
    assert_eq!(
        (&site["status"], &site["serves_page"], &site["login_form"]),
        (&json!(200), &json!(true), &json!(true))
    );
    assert_eq!(site["technology_headers"], json!(["x-powered-by: PHP/8.2.1"]));
    let versions = site["versions"].as_array().unwrap();
    assert!(versions.contains(&json!("PHP/8.2.1")), "{versions:?}");
    assert!(versions.iter().any(|name| name.as_str().unwrap().starts_with("nginx/")), "{versions:?}");
    assert_eq!(site["strict_transport_security"], Value::Null);
    assert_eq!(site["content_security_policy"], Value::Null);
    assert_eq!(site["allowed_origin"], "*");
    let cookie = &site["cookies"][0];
    assert_eq!(
        (&cookie["name"], &cookie["secure"], &cookie["same_site"]),
        (&json!("session"), &json!(false), &Value::Null)
    );
    assert_eq!(cookie["value_bytes"], 12);
    assert!(!section.to_string().contains("secret-value") && !section.to_string().contains("geheim"));
    assert_eq!(
        site["resources"],
        json!([
            {"kind": "script", "address": "//cdn.example/a.js", "foreign": true, "integrity": false},
            {"kind": "stylesheet", "address": "/b.css", "foreign": false, "integrity": true}
        ])
    );
    let found: Vec<_> =
        site["artefacts"].as_array().unwrap().iter().map(|a| a["path"].as_str().unwrap()).collect();
    assert_eq!(found, ["/.git/HEAD", "/.env", "/backup.zip", "/phpinfo.php"]);
    assert_eq!(site["trace"], false);
    assert_eq!(site["track"], false);
    assert_eq!(site["error_page"]["status"], 404);
    assert_eq!(site["handlers"], json!([]));
}

#[test]
fn a_careful_site_shows_its_merits() {
    let nginx = Nginx::start(
        true,
        "ssl_certificate {dir}/own.pem; ssl_certificate_key {dir}/own.key; server_tokens off;
         add_header Strict-Transport-Security 'max-age=63072000; includeSubDomains' always;
         add_header Content-Security-Policy \"default-src 'none'; script-src 'self'; frame-ancestors 'none'\" always;
         add_header X-Content-Type-Options nosniff always; add_header Referrer-Policy no-referrer always;
         add_header Permissions-Policy 'camera=()' always;
         add_header Set-Cookie '__Host-s=0123456789abcdef0123456789abcdef; Secure; HttpOnly; SameSite=Strict; Path=/' always;",
        |dir| {
            self_signed(dir, "own", "-newkey rsa:2048 -sha256 -days 30");
            write(dir, "index.html", "<title>Plant</title>");
        },
    );
    let section = look(443, "nginx", nginx.address());
    let site = &section["http"][0];
    assert_eq!(site["transport_security"], json!({"max_age_seconds": 63_072_000, "include_subdomains": true}));
    let policy = &site["content_security_policy"];
    assert_eq!((&policy["limits_scripts"], &policy["inline_scripts"]), (&json!(true), &json!(false)));
    assert_eq!(policy["foreign_scripts"], json!([]));
    assert_eq!(site["framing_refused"], true);
    assert_eq!(site["content_type_options"], "nosniff");
    assert_eq!(site["referrer_policy"], "no-referrer");
    assert_eq!(site["versions"], json!([]));
    assert_eq!(site["server"], "nginx");
    assert_eq!(site["artefacts"], json!([]));
    let cookie = &site["cookies"][0];
    assert_eq!(
        (&cookie["secure"], &cookie["http_only"], &cookie["same_site"]),
        (&json!(true), &json!(true), &json!("strict"))
    );
}

#[test]
fn a_port_that_only_redirects_is_known_as_such() {
    let nginx = Nginx::start(false, "return 301 https://$host$request_uri;", |_| {});
    let section = look(80, "nginx", nginx.address());
    assert_eq!(section["http"][0]["redirects_to_https"], true);
    assert_eq!(section["sockets"][0]["only_redirects"], true);
}

#[test]
fn a_server_that_answers_every_path_alike_raises_no_alarm() {
    let nginx = Nginx::start(false, "location / { try_files /index.html =404; }", |dir| {
        write(dir, "index.html", "<!doctype html><title>App</title><div id=root></div>")
    });
    let section = look(8080, "nginx", nginx.address());
    assert_eq!(section["http"][0]["artefacts"], json!([]));
    assert_eq!(section["http"][0]["handlers"], json!([]));
    assert_eq!(section["http"][0]["error_page"]["status"], 200);
}

#[test]
fn default_pages_and_listings_are_recognised() {
    let nginx = Nginx::start(false, "autoindex on;", |dir| write(dir, "a.txt", "a"));
    assert_eq!(look(80, "nginx", nginx.address())["http"][0]["directory_listing"], true);
    let nginx = Nginx::start(false, "", |dir| {
        write(dir, "index.html", "<html><title>Welcome to nginx!</title></html>");
    });
    assert_eq!(look(80, "nginx", nginx.address())["http"][0]["default_page"], "nginx");
}

/// A server that echoes every request, shows a stack trace for unknown paths and asks for a password.
fn careless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = vec![0; 16 << 10];
            let count = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let (status, more, body) = match request.split(' ').take(2).collect::<Vec<_>>().as_slice() {
                ["TRACE" | "TRACK", _] => ("200 OK", "", request.clone()),
                ["OPTIONS", _] => ("200 OK", "Allow: GET, put ,TRACE\r\n", String::new()),
                [_, "/"] => ("401 Unauthorized", "WWW-Authenticate: Basic realm=x\r\n", String::new()),
                [_, path] if path.ends_with(".jsp") => {
                    ("404 Not Found", "", "JSP file [/x.jsp] not found".into())
                }
                _ => ("500 Oops", "", "Traceback (most recent call last):\n app".into()),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nServer: Werkzeug/2.2.2 Python/3.11.2\r\n{more}Content-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

#[test]
fn echoes_stack_traces_handlers_and_basic_authentication_are_found() {
    let section = look(8081, "python", careless());
    let site = &section["http"][0];
    assert_eq!((&site["trace"], &site["track"]), (&json!(true), &json!(true)));
    assert_eq!(site["methods"], json!(["GET", "PUT", "TRACE"]));
    assert_eq!(site["basic_authentication"], true);
    assert_eq!(site["error_page"], json!({"status": 500, "leak": "a Python stack trace"}));
    assert_eq!(site["handlers"], json!(["jsp"]));
    assert_eq!(site["versions"], json!(["Python/3.11.2", "Werkzeug/2.2.2"]));
}
