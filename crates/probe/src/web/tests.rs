//! Configurations of made-up web servers.

use test_support::Machine;

use super::*;

fn web(machine: Machine) -> Web {
    let (door, _tree) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(web, _) => web,
        other => panic!("{other:?}"),
    }
}

fn only(machine: Machine) -> WebServer {
    let mut servers = web(machine).servers;
    assert_eq!(servers.len(), 1);
    servers.remove(0)
}

#[test]
fn a_host_without_web_servers_has_no_such_section() {
    let (door, _tree) = Machine::new().door();
    assert!(probe(&Context::new(door)).is_absent());
}

#[test]
fn nginx_is_read_with_its_includes_and_its_blocks() {
    let server = only(
        Machine::new()
            .file(
                "/etc/nginx/nginx.conf",
                "user www;\nhttp {\n  ssl_protocols TLSv1 TLSv1.2; # old\n  include conf.d/*.conf;\n  include sites-enabled/*;\n}\n\
                 stream { server { listen 5; ssl_protocols SSLv3; } }\n",
            )
            .file("/etc/nginx/conf.d/a.conf", "server_tokens off;\n")
            .file(
                "/etc/nginx/sites-enabled/x",
                "server { listen 443 ssl; server_tokens on; }\nserver {\n  listen\n    444;\n  location ~ \"^/a{2}.php$\" {\n    \
                 add_header X \"a; b # c\" always;\n    if ($a = \"}\") { add_header Y ${b}; }\n  }\n}\n",
            ),
    );
    let told: Vec<String> = server
        .settings
        .iter()
        .map(|s| {
            format!("{}|{}|{}|{}|{}", s.name, s.value, s.block, s.source, s.text.value().map_or("-", |t| t))
        })
        .collect();
    assert_eq!(
        told,
        [
            "ssl_protocols|TLSv1 TLSv1.2||/etc/nginx/nginx.conf:3|ssl_protocols TLSv1 TLSv1.2; # old",
            "server_tokens|off||/etc/nginx/conf.d/a.conf:1|server_tokens off;",
            "listen|443 ssl|server 1|/etc/nginx/sites-enabled/x:1|-",
            "server_tokens|on|server 1|/etc/nginx/sites-enabled/x:1|-",
            "listen|444|server 2|/etc/nginx/sites-enabled/x:3|-",
            "add_header|X a; b # c always|server 2 location 1|/etc/nginx/sites-enabled/x:6|add_header X \"a; b # c\" always;",
            "add_header|Y ${b}|server 2 location 1 if|/etc/nginx/sites-enabled/x:7|-",
        ]
    );
    assert_eq!(server.drop_ins.value().map(String::as_str), Some("/etc/nginx/conf.d"));
    assert!(server.tls && server.tells_version && server.session_tickets && !server.lists_folders);
    assert_eq!(server.old_protocols, ["TLSv1 TLSv1.2 at /etc/nginx/nginx.conf:3"]);
}

#[test]
fn apache_is_read_with_its_includes_and_what_wins() {
    let server = only(
        Machine::new()
            .file(
                "/etc/apache2/apache2.conf",
                "IncludeOptional mods-enabled/*.load\n<IfModule mod_ssl.c>\nSSLProtocol all\n</IfModule>\n\
                 <Directory /var/www>\nOptions Indexes\\\n  FollowSymLinks\n</Directory>\nInclude conf-enabled/*.conf\n\
                 <VirtualHost *:443>\nSSLEngine On\nHeader always set X-A \"b c\"\n</VirtualHost>\n",
            )
            .file("/etc/apache2/mods-enabled/ssl.load", "LoadModule ssl_module /x.so\n")
            .file("/etc/apache2/mods-available/headers.load", "")
            .file("/etc/apache2/conf-enabled/a.conf", "servertokens PROD\nSSLProtocol -all +TLSv1.3\nTraceEnable off\n"),
    );
    assert_eq!(server.modules, ["ssl"]);
    assert_eq!(server.modules_at_hand, ["headers"]);
    assert_eq!(server.drop_ins.value().map(String::as_str), Some("/etc/apache2/conf-enabled"));
    assert!(server.tls && !server.tells_version && !server.trace && server.lists_folders);
    assert!(server.old_protocols.is_empty(), "{:?}", server.old_protocols);
    let header = server.settings.iter().find(|setting| setting.name == "header").unwrap();
    assert_eq!((header.value.as_str(), header.block.as_str()), ("always set X-A b c", "virtualhost 1"));
    let options = server.settings.iter().find(|setting| setting.name == "options").unwrap();
    assert!(options.text.is_absent() && options.value == "Indexes FollowSymLinks");
}

#[test]
fn files_that_include_themselves_and_junk_come_to_an_end() {
    let server = only(
        Machine::new()
            .file("/etc/nginx/nginx.conf", "http { include nginx.conf; include gone.conf; listen \"")
            .file("/etc/nginx/other.conf", [0xff, 0xfe, b'{', b'}', b'}']),
    );
    assert!(server.truncated);
    for junk in ["", "}", "{", "a", "a b c", "\"", "'\\", "a \\", "${", "#", "a;;", "a{b;}}}}c;"] {
        parse_nginx(junk);
        parse_apache(junk);
    }
    parse_apache("<\n</\n<a\n\\\n\\");
}
