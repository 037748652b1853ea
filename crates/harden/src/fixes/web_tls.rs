//! Versions, suites, groups and tickets of TLS in nginx and Apache.

use model::facts::web::WebServer;
use serde::Deserialize;

use super::web::{Wanted, each, set, settle};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "web-tls",
    title: "Let nginx and Apache speak TLS 1.2 and 1.3 with good suites only",
    changes: "zz-palisade.conf in the folder that nginx or Apache includes, and lines of other files that would win over it",
    disruption: Disruption::Reload,
    may_break: "clients that know neither TLS 1.2 nor ECDHE with AES-GCM or ChaCha20: browsers and devices from before 2014",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    set: Part,
}

/// What is to be set.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// Versions.
    Protocols,
    /// Suites.
    Ciphers,
    /// No tickets.
    Tickets,
    /// The server's own choice of suite.
    Order,
    /// Groups of the key exchange.
    Groups,
}

/// Whether a value is good already.
type Good = &'static dyn Fn(&str) -> bool;

const SUITES: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";
const GROUPS: &str = "X25519:prime256v1:secp384r1";

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    for (one, server) in each(ask, draft) {
        let changes = one.args::<Args>().and_then(|args| part(server, args.set));
        settle(draft, one, changes);
    }
}

fn part(server: &WebServer, part: Part) -> Result<Vec<Change>, String> {
    if server.name == "nginx" {
        let (name, value, good): (&str, &str, Good) = match part {
            Part::Protocols => ("ssl_protocols", "TLSv1.2 TLSv1.3", &|value| {
                value == "TLSv1.2 TLSv1.3" || value == "TLSv1.3 TLSv1.2" || value == "TLSv1.3"
            }),
            Part::Ciphers => ("ssl_ciphers", SUITES, &strong),
            Part::Tickets => ("ssl_session_tickets", "off", &|value| value == "off"),
            Part::Order => ("ssl_prefer_server_ciphers", "on", &|value| value == "on"),
            Part::Groups => ("ssl_ecdh_curve", GROUPS, &|value| value == GROUPS),
        };
        return set(server, &Wanted { name, value, good });
    }
    if !server.modules.iter().any(|module| module == "ssl") {
        return Err("mod_ssl is not switched on by a file that is read here".to_owned());
    }
    let same = |wanted: &'static str| move |value: &str| value.eq_ignore_ascii_case(wanted);
    let groups = format!("Groups {GROUPS}");
    match part {
        Part::Protocols => {
            const VALUE: &str = "-all +TLSv1.2 +TLSv1.3";
            const ALSO: [&str; 3] = ["+TLSv1.2 +TLSv1.3", "TLSv1.2 TLSv1.3", "TLSv1.3"];
            let good =
                |value: &str| same(VALUE)(value) || ALSO.iter().any(|also| value.eq_ignore_ascii_case(also));
            set(server, &Wanted { name: "SSLProtocol", value: VALUE, good: &good })
        }
        Part::Ciphers => {
            let good = |value: &str| value.starts_with("TLSv1.3 ") || strong(value);
            set(server, &Wanted { name: "SSLCipherSuite", value: SUITES, good: &good })
        }
        Part::Tickets => set(server, &Wanted { name: "SSLSessionTickets", value: "Off", good: &same("off") }),
        Part::Order => set(server, &Wanted { name: "SSLHonorCipherOrder", value: "On", good: &same("on") }),
        Part::Groups => {
            // The setting takes other commands too.
            let good =
                |value: &str| value == groups || !(value.starts_with("Groups") || value.starts_with("Curves"));
            set(server, &Wanted { name: "SSLOpenSSLConfCmd", value: &groups, good: &good })
        }
    }
}

/// Whether a list of suites holds none but authenticated ones with forward secrecy.
fn strong(list: &str) -> bool {
    list.split([':', ' ']).filter(|part| !part.is_empty()).all(|part| {
        part.starts_with(['!', '-'])
            || part.starts_with("TLS_")
            || (part.starts_with("ECDHE") || part.starts_with("EECDH"))
                && ["AESGCM", "GCM", "CHACHA20"].iter().any(|good| part.contains(good))
    })
}
