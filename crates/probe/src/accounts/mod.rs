//! Section `accounts`.

mod files;
mod pam;
mod policy;
mod session;
mod sudo;
mod sudoers;
#[cfg(test)]
mod tests;
mod users;
pub(crate) mod values;
mod ways_in;

pub(crate) mod passwd;
pub(crate) mod people;

use model::Fact;
use model::facts::accounts::Accounts;

use crate::Context;
use crate::accounts::people::People;

pub(crate) use pam::parse as parse_pam;
pub(crate) use sudoers::parse as parse_sudoers;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Accounts> {
    let door = &cx.door;
    let people = People::read(door);
    let login_defs = values::login_defs(door);
    let sudo = sudo::read(door, &people);
    Fact::known(Accounts {
        users: users::users(door, &people, &login_defs),
        groups: users::groups(&people),
        administrators: users::administrators(&people, &sudo),
        directories: users::directories(door),
        files: files::read(door),
        sudo,
        password_policy: policy::password_policy(door, &login_defs),
        lockout: ways_in::lockout(door),
        second_factor: ways_in::second_factor(door),
        session: session::read(door, &login_defs),
        su_restricted: ways_in::su_restricted(door),
    })
}
