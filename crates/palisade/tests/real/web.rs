//! Real nginx, sshd and careless servers at their usual ports, asked by the endpoints probe.

use serde_json::json;

use crate::verdicts::{Verdicts, assert_all_shown, looks};

/// Authorities, certificates and what nginx needs. `issue NAME AUTHORITY DAYS KEY HASH EXTENSIONS` makes a certificate.
const SET_UP: &str = r#"
mkdir -p /run/ca /var/log/nginx /run/www/good /run/www/bad
cd /run/ca
new_key() { openssl req -new -nodes -newkey $1 -subj "/CN=$2" -keyout $2.key -out $2.csr; }
issue() {
    new_key "$4" "$1"
    printf '%b\n' "$6" > $1.ext
    openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days $3 -$5 -extfile $1.ext -out $1.pem
}
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=root -days 900 -keyout root.key -out root.pem
NAMES='subjectAltName=DNS:plant.example'
issue middle root 800 "ec -pkeyopt ec_paramgen_curve:P-256" sha256 "basicConstraints=critical,CA:TRUE"
issue site middle 80 "ec -pkeyopt ec_paramgen_curve:P-256" sha256 \
    "$NAMES\ncrlDistributionPoints=URI:http://crl.plant.example/middle.crl"
cat site.pem middle.pem > site.chain
cat root.pem >> /etc/ssl/certs/ca-certificates.crt
"#;

const GOOD: &str = r#"
cat > /run/nginx.conf <<'END'
pid /run/nginx.pid; error_log /var/log/nginx/error.log;
events { worker_connections 64; }
http {
  access_log off; server_tokens off; types { text/html html; }
  server { listen 80; return 301 https://$host$request_uri; }
  server {
    listen 443 ssl; root /run/www/good;
    ssl_certificate /run/ca/site.chain; ssl_certificate_key /run/ca/site.key;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM; ssl_prefer_server_ciphers on;
    ssl_ecdh_curve X25519:secp384r1; ssl_session_tickets off;
    add_header Strict-Transport-Security 'max-age=63072000; includeSubDomains' always;
    add_header Content-Security-Policy "default-src 'none'; script-src 'self'; frame-ancestors 'none'" always;
    add_header X-Content-Type-Options nosniff always; add_header Referrer-Policy no-referrer always;
    add_header Permissions-Policy 'camera=()' always;
    add_header Set-Cookie '__Host-session=0123456789abcdef0123456789abcdef; Secure; HttpOnly; SameSite=Strict; Path=/' always;
    location / { if ($request_method = OPTIONS) { add_header Allow 'GET, HEAD, POST'; return 204; } }
  }
}
END
cat > /run/www/good/index.html <<'END'
<title>Plant</title><script src="/a.js" integrity="sha384-abc"></script>
<script src="https://cdn.example/b.js" integrity="sha384-def" crossorigin="anonymous"></script>
<form><input type=password></form>
END
nginx -c /run/nginx.conf
ssh-keygen -q -N "" -t ed25519 -f /run/host_key
cat > /run/sshd_config <<END
HostKey /run/host_key
UsePAM no
DebianBanner no
Compression no
Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com
KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256
MACs hmac-sha2-512-etm@openssh.com
END
/usr/sbin/sshd -f /run/sshd_config
listening 443; listening 80; listening 22
"#;

const BAD: &str = r#"
kill $(cat /run/nginx.pid); kill $(cat /run/sshd.pid)
issue short root 1000 rsa:1024 sha1 "$NAMES"
issue long root 300 rsa:2048 sha256 "$NAMES"
issue ended root 0 rsa:2048 sha256 "$NAMES"
issue nameless middle 10 rsa:2048 sha256 "keyUsage=digitalSignature"
issue authority root 20 rsa:2048 sha256 "basicConstraints=critical,CA:TRUE\n$NAMES"
issue lonely middle 20 rsa:2048 sha256 "subjectAltName=DNS:*.plant.example\ntlsfeature=status_request"
cat nameless.pem root.pem middle.pem > nameless.chain
openssl dhparam -dsaparam -out dh.pem 1024
openssl dhparam -dsaparam -out dh2048.pem 2048
cat > /run/nginx.conf <<'END'
pid /run/nginx.pid; error_log /var/log/nginx/error.log;
events { worker_connections 64; }
http {
  access_log off; types { text/html html; text/plain txt; }
  server {
    listen 80; root /run/www/bad;
    add_header X-Powered-By PHP/8.2.1 always; add_header Set-Cookie 'session=short; Path=/' always;
    add_header Access-Control-Allow-Origin * always; add_header Referrer-Policy unsafe-url always;
    location = /phpinfo.php { default_type text/html; }
  }
  server {
    listen 443 ssl; root /run/www/bad; add_header Set-Cookie 'id=1' always;
    ssl_certificate /run/ca/short.pem; ssl_certificate_key /run/ca/short.key;
    ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:COMPLEMENTOFALL:@SECLEVEL=0; ssl_dhparam /run/ca/dh.pem;
  }
  server {
    listen 8443 ssl; root /run/www; autoindex on;
    add_header Content-Security-Policy "script-src 'self' 'unsafe-inline' 'unsafe-eval' https://cdn.example" always;
    ssl_certificate /run/ca/long.pem; ssl_certificate_key /run/ca/long.key;
    ssl_protocols TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;
  }
  server {
    listen 8444 ssl; ssl_certificate /run/ca/ended.pem; ssl_certificate_key /run/ca/ended.key;
    ssl_protocols TLSv1.2; ssl_ecdh_curve secp256k1; ssl_ciphers ALL:@SECLEVEL=0;
  }
  server {
    listen 8445 ssl; ssl_certificate /run/ca/nameless.chain; ssl_certificate_key /run/ca/nameless.key;
    ssl_protocols TLSv1.2; ssl_ciphers DHE+AESGCM:ECDHE+AESGCM; ssl_dhparam /run/ca/dh2048.pem;
  }
  server { listen 8446 ssl; ssl_certificate /run/ca/authority.pem; ssl_certificate_key /run/ca/authority.key; root /run/www/default; }
  server {
    listen 8447 ssl; ssl_certificate /run/ca/lonely.pem; ssl_certificate_key /run/ca/lonely.key;
    ssl_protocols TLSv1.2; ssl_session_timeout 30d;
  }
}
END
mkdir -p /run/www/bad/.git /run/www/bad/examples /run/www/default
cat > /run/www/bad/index.html <<'END'
<title>Login</title><script src=//cdn.example/a.js></script><script src=/own.js></script><form><input type=password></form>
END
echo '<html><title>Welcome to nginx!</title></html>' > /run/www/default/index.html
echo 'ref: refs/heads/main' > /run/www/bad/.git/HEAD
echo '<title>phpinfo()</title> PHP Version 8.2' > /run/www/bad/phpinfo.php
echo '<title>Apache Tomcat Examples</title>' > /run/www/bad/examples/index.html
nginx -c /run/nginx.conf
cat > /run/careless.pl <<'END'
use IO::Socket::IP;
$SIG{CHLD} = "IGNORE";
my $server = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 8081, Listen => 50, ReuseAddr => 1) or die $@;
while (my $client = $server->accept) {
    next if fork;
    $client->sysread(my $request, 16384);
    my ($method, $path) = split / /, $request;
    my ($status, $more, $body) = ("500 Oops", "", "Traceback (most recent call last):\n app");
    ($status, $body) = ("200 OK", $request) if $method =~ /^TRAC[EK]/;
    ($status, $more, $body) = ("200 OK", "Allow: GET, PUT, DELETE, TRACE\r\n", "") if $method eq "OPTIONS";
    ($status, $more, $body) = ("401 No", "WWW-Authenticate: Basic realm=x\r\n", "") if $path eq "/" && $method eq "GET";
    ($status, $body) = ("404 No", "JSP file [$path] not found") if $path =~ /\.jsp$/;
    print $client "HTTP/1.1 $status\r\nServer: Werkzeug/2.2.2 Python/3.11.2\r\n${more}Content-Length: ", length $body,
        "\r\nConnection: close\r\n\r\n$body";
    exit;
}
END
perl /run/careless.pl &
# A server of files in the clear.
perl -MIO::Socket::IP -e '
    my $s = IO::Socket::IP->new(LocalHost => "0.0.0.0", LocalPort => 21, Listen => 9) or die $@;
    while (my $c = $s->accept) { print $c "220 (vsFTPd 3.0.3)\r\n"; push @c, $c }' &
ssh-keygen -q -N "" -t rsa -b 2048 -f /run/weak_key
cat > /run/sshd_config <<END
HostKey /run/weak_key
UsePAM no
HostKeyAlgorithms +ssh-rsa
Ciphers aes128-cbc,chacha20-poly1305@openssh.com
KexAlgorithms diffie-hellman-group14-sha1
MACs hmac-md5,hmac-sha1
END
/usr/sbin/sshd -f /run/sshd_config
listening 8446; listening 8081; listening 22; listening 21
"#;

#[test]
fn every_rule_on_servers_is_passed_and_failed_by_a_real_one() {
    let script = format!("{SET_UP}\n{GOOD}\nlook endpoints listeners\n{BAD}\nlook endpoints listeners");
    let states = looks(&script);
    let declared = json!({"server_names": ["plant.example"], "web_services": ["tcp/443", "tcp/80"]});
    let good = Verdicts::new("good", &states[0], declared.clone());
    let bad = Verdicts::new("bad", &states[1], declared);
    good.are(
        "pass tls.tls-1-0-refused
         pass tls.1-3-offered
         pass tls.suites-forward-secret
         pass tls.suites-without-cbc-sha1
         pass tls.strong-groups
         pass tls.session-tickets-off
         pass tls.certificate-in-date
         pass tls.certificate-for-this-host
         pass tls.chain-trusted
         pass tls.chain-ordered
         pass http.port-80-redirects
         pass http.strict-transport-security
         pass http.content-security-policy
         pass http.framing-refused
         pass http.versions-hidden
         pass http.cookies-over-tls-only
         pass http.methods-needed-only
         pass http.development-files-gone
         pass http.reachable-sites-declared
         pass endpoints.encrypted
         pass endpoints.no-plain-logins
         pass ssh-server.key-exchanges-strong
         pass ssh-server.ciphers-strong
         pass ssh-server.macs-strong
         pass ssh-server.terrapin-closed
         pass ssh-server.post-quantum
         pass ssh-server.package-hidden",
    );
    bad.are(
        "fail tls.tls-1-0-refused :443
         fail tls.1-3-offered :443
         fail tls.current-version-offered :443
         pass tls.current-version-offered :8443
         fail tls.certificate-in-date :8444
         fail tls.certificate-key-length :443
         fail tls.certificate-signature :443
         fail tls.certificate-lifetime :443
         pass tls.chain-trusted :8443
         fail tls.public-certificate-short-lived :8443
         fail tls.certificate-names-hosts :8445
         fail tls.chain-ordered :8445
         fail tls.certificate-of-a-server-only :8446
         fail tls.chain-complete :8447
         fail tls.certificate-without-wildcard :8447
         fail tls.must-staple-kept :8447
         fail tls.tickets-short-lived :8447
         fail http.port-80-redirects :80
         fail http.login-over-tls :80
         fail http.strict-transport-security :8443
         fail http.framing-refused
         fail http.trace-off :8081
         fail http.methods-needed-only :8081
         fail http.development-files-gone :80
         fail http.listing-off :8443
         fail http.default-page-gone :8446
         fail http.errors-tell-nothing :8081
         fail http.handlers-needed-only :8081
         fail http.reachable-sites-declared :8443
         fail endpoints.encrypted :80
         fail endpoints.no-plain-logins :21
         fail ssh-server.host-keys-strong
         fail ssh-server.ciphers-strong
         fail ssh-server.macs-strong
         fail ssh-server.key-exchanges-strong
         fail ssh-server.package-hidden",
    );
    let openssl = "Debian's OpenSSL cannot be made to do it; scripted servers of the probe's tests do";
    let named = "of a server that was named; the tests of such targets, or its examples, show it";
    let not_shown = [
        ("tls.ssl-3-0-refused", openssl),
        ("tls.suites-without-rc4", openssl),
        ("tls.suites-without-3des", openssl),
        ("tls.compression-off", openssl),
        ("tls.renegotiation-protected", openssl),
        ("tls.keys-bound-to-handshake", openssl),
        ("tls.fallback-refused", openssl),
        ("tls.ssl-2-0-refused", "nothing speaks it any more; the probe's tests hold the bytes of an answer"),
        ("tls.must-staple-kept", "passing needs a responder of the authority; covered by its examples"),
        ("tls.certificate-for-named-host", named),
    ];
    assert_all_shown("tls.", &[&good, &bad], &not_shown);
    let of_named = ["http.redirect-keeps-name", "http.interfaces-refuse-strangers"].map(|rule| (rule, named));
    assert_all_shown("http.", &[&good, &bad], &of_named);
    assert_all_shown("endpoints.", &[&good, &bad], &[("endpoints.speaks-as-named", named)]);
    let openssh = "a current sshd cannot be set so; covered by its examples";
    let not_shown = [
        ("ssh-server.protocol-2", openssh),
        ("ssh-server.terrapin-closed", openssh),
        ("ssh-server.no-early-compression", openssh),
        ("ssh-server.host-keys-long", named),
        ("ssh-server.group-exchange-strong", named),
        ("ssh-server.software-maintained", named),
    ];
    assert_all_shown("ssh-server.", &[&good, &bad], &not_shown);
}
