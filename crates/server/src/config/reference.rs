//! The reference of every parameter, as `docs/configuration.md` holds it, and a file to begin with.

use super::parameter::Parameter;
use super::table::{PARAMETERS, SECTIONS};

/// What stands before the table.
const HEAD: &str = "# Configuration

<!-- Written by `cargo xtask docs` from the table in `crates/server/src/config/table.rs`. -->

`palisade serve --config palisade.toml` reads one TOML file. `palisade config check --config palisade.toml` says what is wrong with it
(exit code 2) or unsafe in it (1); `palisade config show --effective` prints every value with its source and what it does.
`palisade config example` writes a file to begin with.

**Sources.** The later wins: the default, the file, the environment, the command line (`--listen`, `--state-dir`). The variable of a
parameter is `PALISADE_`, its section, `_`, its name, all in capitals: `PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP=100`. Lists are
separated by commas there; tables are written as in TOML: `PALISADE_OIDC_ROLES='{ \"ot-operators\" = \"operator\" }'`. A variable that begins
with `PALISADE_` and is no parameter is an error, except `PALISADE_SERVICE_*` and `PALISADE_PORT*`, which orchestrators set.

**Units.** Durations are texts with one of `s`, `m`, `h`, `d`: `\"1800s\"`, `\"30m\"`. Sizes have `B`, `KiB`, `MiB`, `GiB`. A bare number is an error.

**Secrets** never stand in the file. A parameter that ends in `_file` names a file with the secret: at most 64 KiB, a line break at its end
is dropped, owned, like its directory, by root or by the user that starts the server, mode at most 0600 (0640 where root owns it). A database's URL with
a password stands in `database.url_file` or in `PALISADE_DATABASE_URL`. Secrets are never printed.

**The file itself** must not be writable by others than its owner (refused), and should not be readable by everybody (named as unsafe).

**HSTS.** Pages and API come over TLS alone, and every answer has browsers that trust the certificate insist on HTTPS for two years: for the name
they used, not for names below it (no `includeSubDomains`). The name counts, not the port: what else is served under the same name over plain
HTTP, at whatever port, such browsers then ask for over HTTPS. Give Palisade a name of its own (`server.public_url`). `localhost` is a name too:
some browsers leave it out; others want its entry deleted (`chrome://net-internals/#hsts`, \"Forget About This Site\" in Firefox) before other
services of that machine answer over HTTP again. Addresses such as `https://127.0.0.1:8443` are never remembered. Behind a reverse proxy the
header reaches browsers under the proxy's name; a proxy with an HSTS of its own should replace ours, as browsers heed the first alone.

**Unsafe values** are accepted and named by `palisade config check`, `palisade config show` and the settings page. \"Safe\" below says what is not.
Refused are also combinations that cannot work, and these: metrics that other machines can reach, proxies trusted on half the
Internet, mail or a directory without TLS, a provider of logins over plain HTTP on another machine, a password in the file.
A PostgreSQL server on another machine is asked for its certificate (`sslmode=verify-full`) unless the URL says otherwise.
";

/// `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for section in SECTIONS {
        page.push_str(&format!("\n## [{}]\n\n{}\n\n", section.name, section.about));
        page.push_str(
            "| parameter | default | accepted | safe | what it does | guide |\n|---|---|---|---|---|---|\n",
        );
        for row in PARAMETERS.iter().filter(|row| row.section == section.name) {
            let default =
                if row.default.is_empty() { "none".to_owned() } else { format!("`{}`", cell(row.default)) };
            let safe = row.safe.as_ref().map(|(range, risk)| format!("{}; else {risk}", bounds(row, range)));
            let accepted = row.accepted.as_ref().map(|range| bounds(row, range));
            let accepted = match accepted {
                Some(range) => format!("{}, {range}", kind(row)),
                None if row.is_list => format!("list, each {}", kind(row)),
                None => kind(row).to_owned(),
            };
            page.push_str(&format!(
                "| `{}` | {default} | {} | {} | {} | {} |\n",
                row.name,
                cell(&accepted),
                safe.unwrap_or_default(),
                cell(row.about),
                row.guide.unwrap_or_default(),
            ));
        }
    }
    page
}

/// A configuration file with every parameter, each with its sentence, the default and commented out.
pub fn example() -> String {
    let mut text = "# Palisade's Management System. Every parameter with its default; take the # away to change one.\n\
                    # `palisade config check --config FILE` says what is wrong or unsafe; docs/configuration.md explains.\n"
        .to_owned();
    for section in SECTIONS {
        text.push_str(&format!("\n# {}\n[{}]\n", section.about, section.name));
        for row in PARAMETERS.iter().filter(|row| row.section == section.name) {
            let guide = row.guide.map(|guide| format!(" ({guide})")).unwrap_or_default();
            text.push_str(&format!("# {}{guide}\n# {} = {}\n", row.about, row.name, sample(row)));
        }
    }
    text
}

/// The default as TOML, or the form of what may be written.
fn sample(row: &Parameter) -> String {
    if row.default.is_empty() {
        return format!("... {}{}", if row.is_list { "a list, each " } else { "" }, row.form);
    }
    let bare = row.form.starts_with("a whole number") || row.form.starts_with("true");
    match row.default {
        text if bare => text.to_owned(),
        text if row.is_list => {
            let members: Vec<String> = text.split(',').map(|member| format!("\"{member}\"")).collect();
            format!("[{}]", members.join(", "))
        }
        text => format!("\"{text}\""),
    }
}

/// The form without its examples.
fn kind(row: &Parameter) -> &'static str {
    row.form.split(" such as ").next().unwrap_or(row.form)
}

fn bounds(row: &Parameter, range: &std::ops::RangeInclusive<u64>) -> String {
    match (*range.start(), *range.end()) {
        (0, most) => format!("at most {}", (row.written)(most)),
        (least, u64::MAX) => format!("at least {}", (row.written)(least)),
        (least, most) => format!("{} to {}", (row.written)(least), (row.written)(most)),
    }
}

/// Text within a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
