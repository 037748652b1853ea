//! The catalogue of what can happen, as IEC 62443-4-2 CR 2.8 sorts it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The categories of IEC 62443-4-2 CR 2.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Logins, sessions, credentials, and what was refused for want of rights.
    AccessControl,
    /// Requests that make no sense, and those that the server could not serve.
    RequestErrors,
    /// Starts, stops, audits, and what the system does by itself.
    ControlSystem,
    /// Backups and restores.
    BackupAndRestore,
    /// Changes of users, roles, settings and of what runs.
    ConfigurationChange,
    /// What happens to the log itself.
    AuditLog,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AccessControl,
        Self::RequestErrors,
        Self::ControlSystem,
        Self::BackupAndRestore,
        Self::ConfigurationChange,
        Self::AuditLog,
    ];

    /// As entries name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessControl => "access-control",
            Self::RequestErrors => "request-errors",
            Self::ControlSystem => "control-system",
            Self::BackupAndRestore => "backup-and-restore",
            Self::ConfigurationChange => "configuration-change",
            Self::AuditLog => "audit-log",
        }
    }
}

/// Declares the kinds once: how an entry names each, its category, and what it says in a sentence.
macro_rules! kinds {
    ($($name:ident $id:literal $category:ident $about:literal,)+) => {
        /// What happened. Names are never used again for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $about] $name,)+
        }

        impl Kind {
            /// All of them, as the catalogue lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As entries name it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// Its category.
            pub fn category(self) -> Category {
                match self { $(Self::$name => Category::$category,)+ }
            }

            /// What it says, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)+ }
            }
        }
    };
}

kinds! {
    SessionBegun "session.begun" AccessControl "Somebody showed a password, a passkey, or what a provider or directory vouches for.",
    SessionConfirmed "session.confirmed" AccessControl "A second factor was shown: at login, or once more before a dangerous act.",
    SessionLocked "session.locked" AccessControl "A session was locked for being idle.",
    SessionUnlocked "session.unlocked" AccessControl "A session that was locked for being idle was opened again.",
    SessionEnded "session.ended" AccessControl "A session was ended by its owner, by an administrator, or by a change of credentials.",
    CredentialRefused "credential.refused" AccessControl "A password, second factor, code, token or link was wrong, or belongs to nobody.",
    AttemptsBlocked "attempts.blocked" AccessControl "Too many attempts: an address, or an address with a user name, is blocked for a time.",
    BlockLifted "attempts.block-lifted" AccessControl "A block was lifted by hand.",
    AccessRefused "access.refused" AccessControl "Somebody asked for what they may not, or without being logged in.",
    RequestRefused "request.refused" RequestErrors "A request that was to change something could not be understood or carried out.",
    RequestFailed "request.failed" RequestErrors "The server failed while it served a request.",
    FirstAdministrator "user.first-administrator" ConfigurationChange "The first administrator was made with the set-up code.",
    UserInvited "user.invited" ConfigurationChange "A user was made and invited, or invited again.",
    UserJoined "user.joined" ConfigurationChange "Somebody whom a provider or directory vouches for logged in for the first time and became a user.",
    UserChanged "user.changed" ConfigurationChange "A name, mail address or time zone was changed.",
    UserActivated "user.activated" ConfigurationChange "A user may log in again.",
    UserDeactivated "user.deactivated" ConfigurationChange "A user may not log in any more.",
    UserDeleted "user.deleted" ConfigurationChange "A user and all that was theirs was deleted.",
    RolesAssigned "user.roles-assigned" ConfigurationChange "Somebody was given exactly these roles.",
    PasswordChanged "credential.password-changed" AccessControl "A password was chosen or changed.",
    ResetOffered "credential.reset-offered" AccessControl "A code was made with which a user chooses a new password.",
    FactorAdded "credential.factor-added" AccessControl "An authenticator app or a passkey was set up.",
    FactorRemoved "credential.factor-removed" AccessControl "Second factors or a passkey were removed.",
    RecoveryCodesMade "credential.recovery-codes-made" AccessControl "New recovery codes were made; those before open nothing.",
    RecoveryCodeUsed "credential.recovery-code-used" AccessControl "A recovery code was used in place of a second factor.",
    TokenMade "token.made" ConfigurationChange "An API token was made.",
    TokenRevoked "token.revoked" ConfigurationChange "An API token was revoked.",
    RoleMade "role.made" ConfigurationChange "A role was made.",
    RoleChanged "role.changed" ConfigurationChange "A role was changed.",
    RoleDeleted "role.deleted" ConfigurationChange "A role was deleted.",
    ReviewBegun "review.begun" ControlSystem "A review of everybody's access was begun.",
    ReviewDecided "review.decided" ControlSystem "A review decided on a user or role.",
    ReviewSigned "review.signed" ConfigurationChange "A review of everybody's access was signed, and what it decided was done.",
    AuditWanted "audit.wanted" ControlSystem "Somebody had this machine audited now.",
    AuditKept "audit.kept" ControlSystem "An audit ended and its report was kept.",
    ServerStarted "server.started" ControlSystem "A server process began to serve.",
    ServerStopped "server.stopped" ControlSystem "A server process ended in good order.",
    ConfigurationChanged "configuration.changed" ConfigurationChange "A server process began with other parameters than before: each with its value before and now, of secrets only that they changed.",
    CertificateChanged "certificate.changed" ConfigurationChange "The server shows another certificate: it was renewed, or somebody replaced its files.",
    HostHardened "host.hardened" ConfigurationChange "Somebody at the command line of this machine had mended what an audit faults; a failure says why everything was put back.",
    HostConfirmed "host.confirmed" ConfigurationChange "A change of this machine that would have reverted by itself is kept.",
    HostRestored "host.restored" ConfigurationChange "A change of this machine was taken back: somebody asked for it, nobody confirmed it in time, or it had been cut off.",
    LedgerBegun "ledger.begun" AuditLog "This log was begun.",
    LedgerPruned "ledger.pruned" AuditLog "Entries older than their retention were removed; the tree over them stays.",
    LedgerSpilled "ledger.spilled" AuditLog "For a time, events were kept in a file beside the database; they are in the log now.",
    LedgerChecked "ledger.checked" AuditLog "The server checked this log against what was signed; a failure names what is wrong with it.",
    LedgerFilling "ledger.filling" AuditLog "The log takes 80 or 95 % of its room.",
    LedgerReviewBegun "ledger.review-begun" AuditLog "A review of this log was begun.",
    LedgerReviewDecided "ledger.review-decided" AuditLog "A review of this log says of something unusual whether it was expected.",
    LedgerReviewSigned "ledger.review-signed" AuditLog "A review of this log was signed; its record has the hash that is named.",
    LedgerExported "ledger.exported" AuditLog "Entries were handed out as a file.",
    LedgerCosigned "ledger.cosigned" AuditLog "A witness cosigned this log: for the first time, or again after it had refused to.",
    LedgerContradicted "ledger.contradicted" AuditLog "A witness saw another log of this name: it was forked or taken back, or somebody else signs with its key.",
    WitnessBegun "witness.begun" AuditLog "This server cosigned the log of another one for the first time.",
    WitnessRefused "witness.refused" AuditLog "The log of another one does not go on from what this server cosigned: it was forked.",
    LedgerExporterFailed "ledger.exporter-failed" AuditLog "A receiver outside does not take entries any more; it is tried again.",
    LedgerExporterBehind "ledger.exporter-behind" AuditLog "Entries have waited for more than a quarter of an hour to be sent to a receiver outside.",
    LedgerExporterMissed "ledger.exporter-missed" AuditLog "Entries were gone before they were sent to a receiver outside.",
    LedgerExporterRecovered "ledger.exporter-recovered" AuditLog "Entries are sent to a receiver outside as they should be again.",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_a_sentence() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let (name, about) = (kind.as_str(), kind.about());
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || b".-".contains(&byte)), "{name}");
            assert!(name.split('.').count() == 2 && about.ends_with('.'), "{name}: {about}");
        }
    }
}
