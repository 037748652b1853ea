//! The catalogue of permissions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one may do: the fixed catalogue. A role is a set of these; whoever holds none of a role with it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Permission {
    /// See reports, findings and their history.
    #[serde(rename = "reports.read")]
    ReportsRead,
    /// Have an audit made now.
    #[serde(rename = "reports.run")]
    ReportsRun,
    /// See users, their roles and when they logged in.
    #[serde(rename = "users.read")]
    UsersRead,
    /// Invite, change, deactivate and delete users, and reset their credentials.
    #[serde(rename = "users.manage")]
    UsersManage,
    /// See roles and what they permit.
    #[serde(rename = "roles.read")]
    RolesRead,
    /// Make and change roles, and give them to users.
    #[serde(rename = "roles.manage")]
    RolesManage,
    /// See the sessions of all users.
    #[serde(rename = "sessions.read")]
    SessionsRead,
    /// End sessions of others.
    #[serde(rename = "sessions.end")]
    SessionsEnd,
    /// See API tokens of others.
    #[serde(rename = "tokens.read")]
    TokensRead,
    /// Withdraw API tokens of others.
    #[serde(rename = "tokens.revoke")]
    TokensRevoke,
    /// Make API tokens for oneself.
    #[serde(rename = "tokens.create")]
    TokensCreate,
    /// See which users and addresses are blocked.
    #[serde(rename = "blocks.read")]
    BlocksRead,
    /// Lift blocks.
    #[serde(rename = "blocks.lift")]
    BlocksLift,
    /// See access reviews and their records.
    #[serde(rename = "reviews.read")]
    ReviewsRead,
    /// Carry out and sign access reviews.
    #[serde(rename = "reviews.sign")]
    ReviewsSign,
    /// See the effective configuration.
    #[serde(rename = "settings.read")]
    SettingsRead,
    /// See the ledger: what happened, when and by whom, with proofs.
    #[serde(rename = "ledger.read")]
    LedgerRead,
    /// Take the ledger out as a file.
    #[serde(rename = "ledger.export")]
    LedgerExport,
    /// Review the ledger and sign that.
    #[serde(rename = "ledger.review")]
    LedgerReview,
    /// See nodes.
    #[serde(rename = "nodes.read")]
    NodesRead,
    /// Onboard, configure and offboard nodes.
    #[serde(rename = "nodes.manage")]
    NodesManage,
    /// See workloads.
    #[serde(rename = "workloads.read")]
    WorkloadsRead,
    /// Make, configure and deploy workloads.
    #[serde(rename = "workloads.manage")]
    WorkloadsManage,
    /// See remote connections.
    #[serde(rename = "remote.read")]
    RemoteRead,
    /// Configure remote connections.
    #[serde(rename = "remote.manage")]
    RemoteManage,
    /// Open remote connections.
    #[serde(rename = "remote.open")]
    RemoteOpen,
}

impl Permission {
    /// All of them, in the order in which pages show them.
    pub(crate) const ALL: [Self; 26] = [
        Self::ReportsRead,
        Self::ReportsRun,
        Self::UsersRead,
        Self::UsersManage,
        Self::RolesRead,
        Self::RolesManage,
        Self::SessionsRead,
        Self::SessionsEnd,
        Self::TokensRead,
        Self::TokensRevoke,
        Self::TokensCreate,
        Self::BlocksRead,
        Self::BlocksLift,
        Self::ReviewsRead,
        Self::ReviewsSign,
        Self::SettingsRead,
        Self::LedgerRead,
        Self::LedgerExport,
        Self::LedgerReview,
        Self::NodesRead,
        Self::NodesManage,
        Self::WorkloadsRead,
        Self::WorkloadsManage,
        Self::RemoteRead,
        Self::RemoteManage,
        Self::RemoteOpen,
    ];

    /// Its name in roles, tokens and the API.
    pub(crate) fn as_str(self) -> &'static str {
        self.entry().0
    }

    /// What it permits, for a person who gives it.
    pub(crate) fn about(self) -> &'static str {
        self.entry().1
    }

    /// Whether it only shows, on a page or in a file.
    pub(crate) fn only_reads(self) -> bool {
        self.as_str().ends_with(".read") || self == Self::LedgerExport
    }

    /// Whether it can be held for some nodes alone.
    pub(crate) fn concerns_nodes(self) -> bool {
        ["nodes.", "workloads.", "remote.", "reports."].iter().any(|area| self.as_str().starts_with(area))
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::ReportsRead => ("reports.read", "see reports, findings and their history"),
            Self::ReportsRun => ("reports.run", "have an audit made now"),
            Self::UsersRead => ("users.read", "see users, their roles and when they logged in"),
            Self::UsersManage => {
                ("users.manage", "invite, change, deactivate and delete users, and reset their credentials")
            }
            Self::RolesRead => ("roles.read", "see roles and what they permit"),
            Self::RolesManage => ("roles.manage", "make and change roles, and give them to users"),
            Self::SessionsRead => ("sessions.read", "see the sessions of all users"),
            Self::SessionsEnd => ("sessions.end", "end sessions of others"),
            Self::TokensRead => ("tokens.read", "see API tokens of others"),
            Self::TokensRevoke => ("tokens.revoke", "withdraw API tokens of others"),
            Self::TokensCreate => ("tokens.create", "make API tokens for oneself"),
            Self::BlocksRead => ("blocks.read", "see which users and addresses are blocked"),
            Self::BlocksLift => ("blocks.lift", "lift blocks"),
            Self::ReviewsRead => ("reviews.read", "see access reviews and their records"),
            Self::ReviewsSign => ("reviews.sign", "carry out and sign access reviews"),
            Self::SettingsRead => ("settings.read", "see the effective configuration"),
            Self::LedgerRead => ("ledger.read", "see the ledger: what happened, when and by whom, with proofs"),
            Self::LedgerExport => ("ledger.export", "take the ledger out as a file"),
            Self::LedgerReview => ("ledger.review", "review the ledger and sign that"),
            Self::NodesRead => ("nodes.read", "see nodes"),
            Self::NodesManage => ("nodes.manage", "onboard, configure and offboard nodes"),
            Self::WorkloadsRead => ("workloads.read", "see workloads"),
            Self::WorkloadsManage => ("workloads.manage", "make, configure and deploy workloads"),
            Self::RemoteRead => ("remote.read", "see remote connections"),
            Self::RemoteManage => ("remote.manage", "configure remote connections"),
            Self::RemoteOpen => ("remote.open", "open remote connections"),
        }
    }
}
