//! Section `ssh`.

mod config;
mod effective;
mod glob;
mod key_files;
mod keys;
mod logins;
mod matching;
mod options;
mod server;
#[cfg(test)]
mod tests;

use host::programs;
use model::Fact;
use model::facts::ssh::Ssh;

use crate::Context;
use crate::accounts::people::People;

pub(crate) use config::parse as parse_config;
pub(crate) use glob::{expand as glob_expand, matches as glob_matches};
pub(crate) use keys::parse as parse_authorized_keys;
pub(crate) use matching::criteria as parse_criteria;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Ssh> {
    let people = People::read(&cx.door);
    let installed = programs::SSHD.paths.iter().any(|path| cx.door.stat(path).is_ok());
    let server = installed.then(|| server::read(&cx.door, &people));
    let mut ssh = Ssh::default();
    key_files::read(&cx.door, &people, server.as_ref().map(|server| &server.config), &mut ssh);
    match server {
        Some(server) => {
            ssh.login_users = logins::users(&server.config, &people, &ssh.authorized_keys)
                .or_at("/etc/passwd and the settings of sshd");
            ssh.server = Fact::known(server.facts);
        }
        None => {
            ssh.login_users = Fact::Absent;
            ssh.server = Fact::Absent;
        }
    }
    Fact::known(ssh)
}
