//! Web servers, databases, brokers and CODESYS.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use host::Address;
use test_support::Machine;

use crate::harness::Case;

const NO_PROFILE: &str = "";

/// Debian's `nginx.conf`, shortened.
const NGINX: &str = "user www-data;\npid /run/nginx.pid;\nevents {\n\tworker_connections 768;\n}\n\nhttp {\n\tsendfile on;\n\
     \t# server_tokens off;\n\tinclude /etc/nginx/mime.types;\n\n\
     \tssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; # Dropping SSLv3, ref: POODLE\n\tssl_prefer_server_ciphers on;\n\n\
     \tinclude /etc/nginx/conf.d/*.conf;\n\tinclude sites-enabled/*;\n}\n";

fn nginx(main: &str, site: &str) -> Machine {
    Machine::new()
        .file("/usr/sbin/nginx", "")
        .file("/etc/nginx/nginx.conf", main)
        .file("/etc/nginx/mime.types", "types {\n    text/html html htm;\n}\n")
        .directory("/etc/nginx/conf.d")
        .file("/etc/nginx/sites-available/plant", site)
        .link("/etc/nginx/sites-enabled/plant", "/etc/nginx/sites-available/plant")
        .program("nginx -t -q", "")
}

const APACHE: &str = "ServerRoot \"/etc/apache2\"\nIncludeOptional mods-enabled/*.load\nIncludeOptional mods-enabled/*.conf\n\
     <Directory /var/www/>\n\tOptions Indexes FollowSymLinks\n\tAllowOverride None\n</Directory>\n\
     IncludeOptional conf-enabled/*.conf\nIncludeOptional sites-enabled/*.conf\n";

fn apache(site: &str) -> Machine {
    Machine::new()
        .file("/usr/sbin/apache2ctl", "")
        .file("/etc/apache2/apache2.conf", APACHE)
        .file(
            "/etc/apache2/conf-available/security.conf",
            "ServerTokens OS\nServerSignature On\nTraceEnable On\n",
        )
        .link("/etc/apache2/conf-enabled/security.conf", "../conf-available/security.conf")
        .file("/etc/apache2/mods-available/headers.load", "LoadModule headers_module mod_headers.so\n")
        .file("/etc/apache2/mods-available/ssl.load", "LoadModule ssl_module mod_ssl.so\n")
        .link("/etc/apache2/mods-enabled/ssl.load", "../mods-available/ssl.load")
        .file(
            "/etc/apache2/mods-enabled/ssl.conf",
            "<IfModule mod_ssl.c>\n\tSSLProtocol all -SSLv3\n</IfModule>\n",
        )
        .file("/etc/apache2/sites-enabled/site.conf", site)
        .program("apache2ctl -t", "")
}

/// A web server that sends no header worth the name, whatever it is asked.
fn careless() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut stream = stream;
                    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    let mut asked = [0; 2048];
                    if stream.read(&mut asked).is_ok_and(|count| asked[..count].starts_with(b"GET / ")) {
                        let answer = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\
                                       Connection: close\r\n\r\n<p>hi</p>";
                        _ = stream.write_all(answer);
                    } else {
                        _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    }
                });
            }
        });
        address
    })
}

/// A process that listens on port 80 of every address.
fn listens(machine: Machine, process: &str) -> Machine {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                 0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1520 1 0 100 0 0 10 0\n";
    machine
        .file("/proc/net/tcp", table)
        .file("/proc/net/tcp6", "  sl\n")
        .file("/proc/net/udp", "  sl\n")
        .file("/proc/net/udp6", "  sl\n")
        .file("/proc/70/comm", format!("{process}\n"))
        .link("/proc/70/exe", &format!("/usr/sbin/{process}"))
        .link("/proc/70/fd/6", "socket:[1520]")
        .file("/proc/70/cgroup", format!("0::/system.slice/{process}.service\n"))
        .socket("tcp 127.0.0.1:80", Address::Tcp(careless()))
}

const HEADERS: &[&str] =
    &["http.no-sniffing", "http.framing-refused", "http.referrer-policy", "http.permissions-policy"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = servers();
    cases.extend(stores());
    cases
}

fn case(
    name: &'static str,
    fix: &'static str,
    rules: &'static [&'static str],
    machine: fn() -> Machine,
) -> Case {
    Case { name, fix, rules, machine, profile: NO_PROFILE, answers_stay: false }
}

fn servers() -> Vec<Case> {
    vec![
        case("versions of nginx, said nowhere", "web-tokens", &["web.versions-hidden"], || nginx(NGINX, "")),
        case("versions of nginx, told by one server only", "web-tokens", &["web.versions-hidden"], || {
            nginx(
                &NGINX.replace("# server_tokens off;", "server_tokens off;"),
                "server {\n  listen 80;\n  server_tokens build; # for support\n}\nserver { listen 81; }\n",
            )
        }),
        case(
            "versions of Apache, in a file and a virtual host",
            "web-tokens",
            &["web.versions-hidden"],
            || apache("<VirtualHost *:80>\n  ServerSignature EMail\n  serversignature On\n</VirtualHost>\n"),
        ),
        case(
            "TLS of nginx, old versions in two places and a server without a word",
            "web-tls",
            &["web.tls-current", "web.session-tickets-off"],
            || {
                nginx(
                    NGINX,
                    "server {\n\tlisten 443 ssl;\n\tssl_protocols TLSv1.1\tTLSv1.2;\n}\nserver {\n\tlisten 444 ssl;\n}\n\
                     server {\n\tlisten 445 ssl;\n\tssl_protocols TLSv1.1\tTLSv1.2;\n\tssl_session_tickets on;\n}\n",
                )
            },
        ),
        case("TLS of nginx, nothing said", "web-tls", &["web.tls-current", "web.session-tickets-off"], || {
            nginx("events {}\nhttp {\n  include conf.d/*.conf;\n  server {\n    listen 443 ssl;\n  }\n}\n", "")
        }),
        case(
            "TLS of Apache, a virtual host of its own mind",
            "web-tls",
            &["web.tls-current", "web.session-tickets-off"],
            || {
                apache(
                    "<VirtualHost *:443>\n  SSLEngine on\n</VirtualHost>\n<VirtualHost *:444>\n  SSLEngine on\n  \
                 SSLProtocol +TLSv1 +TLSv1.2\n</VirtualHost>\n",
                )
            },
        ),
        case("TRACE of Apache", "web-methods", &["web.trace-off"], || apache("")),
        case("lists of files of nginx", "web-listing", &["web.listing-off"], || {
            nginx(
                NGINX,
                "server {\n  listen 80;\n  location /a {\n    autoindex on;\n  }\n  location /b {\n    autoindex on;\n  }\n}\n",
            )
        }),
        case("lists of files of Apache", "web-listing", &["web.listing-off"], || apache("")),
        Case {
            answers_stay: true,
            ..case("headers of nginx, a location with one of its own", "web-headers", HEADERS, || {
                let site = "server {\n  listen 80;\n  location / {\n    add_header X-Own \"a; b\" always;\n  }\n  \
                            location /b/ {\n    add_header X-Own \"a; b\" always;\n  }\n  location /c/ {\n    \
                            add_header X-Other c;\n    add_header X-Frame-Options DENY;\n  }\n}\n";
                listens(nginx(NGINX, site), "nginx")
            })
        },
        Case {
            answers_stay: true,
            ..case("headers of Apache, whose module is not switched on", "web-headers", HEADERS, || {
                listens(apache("<VirtualHost *:80>\n</VirtualHost>\n"), "apache2")
            })
        },
        Case {
            answers_stay: true,
            ..case("content policy of nginx", "web-content-policy", &["http.content-security-policy"], || {
                listens(nginx(NGINX, "server {\n  listen 80;\n}\n"), "nginx")
            })
        },
    ]
}

fn stores() -> Vec<Case> {
    vec![
        case("Redis, bound twice", "service-loopback", &["databases.local"], || {
            Machine::new().file(
                "/etc/redis/redis.conf",
                "# bind 192.168.1.100\nbind 127.0.0.1\nport 6379\nBIND 0.0.0.0 -::*\nprotected-mode no\n",
            )
        }),
        case("Redis, bound nowhere", "service-loopback", &["databases.local"], || {
            Machine::new().file("/etc/redis/redis.conf", "port 6379\n")
        }),
        case(
            "PostgreSQL, two clusters, one set by ALTER SYSTEM",
            "service-loopback",
            &["databases.local"],
            || {
                Machine::new()
                .file(
                    "/etc/postgresql/15/main/postgresql.conf",
                    "data_directory = '/var/lib/postgresql/15/main'\t\t# use data in another directory\n\
                     #listen_addresses = 'localhost'\ninclude_dir = 'conf.d'\n",
                )
                .file_with_mode(
                    "/var/lib/postgresql/15/main/postgresql.auto.conf",
                    "# Do not edit this file manually!\nlisten_addresses = '*'\n",
                    0o600,
                )
                .file(
                    "/etc/postgresql/14/old/postgresql.conf",
                    "data_directory = '/var/lib/postgresql/14/old'\ninclude_dir 'conf.d'\nlisten_addresses '10.0.0.1,localhost'\n",
                )
                .file("/etc/postgresql/14/old/conf.d/local.conf", "listen_addresses = 'localhost'\n")
            },
        ),
        case("MariaDB, bound by another file", "service-loopback", &["databases.local"], || {
            Machine::new()
                .file("/usr/sbin/mariadbd", "")
                .program("mariadbd --user=mysql --verbose --help", "")
                .link("/etc/mysql/my.cnf", "/etc/alternatives/my.cnf")
                .link("/etc/alternatives/my.cnf", "/etc/mysql/mariadb.cnf")
                .file(
                    "/etc/mysql/mariadb.cnf",
                    "[client-server]\nsocket = /run/mysqld/mysqld.sock\n!includedir /etc/mysql/conf.d/\n\
                     !includedir /etc/mysql/mariadb.conf.d/\n",
                )
                .directory("/etc/mysql/conf.d")
                .file(
                    "/etc/mysql/mariadb.conf.d/50-server.cnf",
                    "[mysqld]\nbind-address            = 127.0.0.1\n",
                )
                .file("/etc/mysql/mariadb.conf.d/90-site.cnf", "[mariadbd]\nbind_address=0.0.0.0\n")
        }),
        case(
            "Mosquitto, some listeners with TLS",
            "broker-loopback",
            &["databases.broker-encrypted-or-local"],
            || {
                Machine::new()
                    .file(
                        "/etc/mosquitto/mosquitto.conf",
                        "persistence true\ninclude_dir /etc/mosquitto/conf.d\n",
                    )
                    .file(
                        "/etc/mosquitto/conf.d/site.conf",
                        "listener 1883\nallow_anonymous true\nlistener 1884 0.0.0.0\nlistener 8883\n\
                         certfile /etc/mosquitto/certs/a.pem\nkeyfile /etc/mosquitto/certs/a.key\n",
                    )
            },
        ),
        case("CODESYS, the package's file says otherwise", "codesys-setting", &CODESYS, || {
            Machine::new()
                .file("/etc/CODESYSControl.cfg", "[CmpUserMgr]\r\nSECURITY.UserMgmtEnforce=NO\r\n[CmpLog]\r\nLogger.0.Name=a\r\n")
                .file(
                    "/etc/CODESYSControl_User.cfg",
                    "[CmpUserMgr]\n; secured later\nSECURITY.UserMgmtAllowAnonymous = YES\n\n[SysFile]\nPlcLogicPrefix=1\n",
                )
        }),
        case("CODESYS, without a file of the site's", "codesys-setting", &CODESYS, || {
            Machine::new().file(
                "/etc/codesyscontrol/CODESYSControl.cfg",
                "[CmpSettings]\nFileReference.0=SysFileMap.cfg, SysFileMap\n",
            )
        }),
    ]
}

const CODESYS: [&str; 13] = [
    "codesys.users-enforced",
    "codesys.no-anonymous-users",
    "codesys.logins-asymmetric",
    "codesys.password-policy",
    "codesys.logins-limited",
    "codesys.channel-encrypted",
    "codesys.web-encrypted",
    "codesys.visualisation-encrypted",
    "codesys.opc-ua-encrypted",
    "codesys.opc-ua-users-enforced",
    "codesys.opc-ua-no-plain-passwords",
    "codesys.opc-ua-policy",
    "codesys.audit-log-kept",
];
