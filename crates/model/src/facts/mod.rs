//! The sections of a facts document, one module a section, and their JSON schema.
//!
//! A field is a [`Fact`] when it can be absent or unreadable by itself; plain when it is known
//! whenever its parent is. Elements of lists carry a `source` of their own. Times are RFC 3339 text.

pub mod accounts;
pub mod audit;
pub mod boot;
pub mod certificates;
pub mod codesys;
pub mod databases;
pub mod disks;
pub mod docker;
pub mod endpoints;
pub mod files;
pub mod firewall;
pub mod integrity;
pub mod kepware;
pub mod listeners;
pub mod logging;
pub mod malware;
pub mod nerve;
pub mod net;
pub mod os;
pub mod packages;
pub mod palisade;
pub mod services;
pub mod ssh;
pub mod time;
pub mod true_connector;
pub mod updates;
pub mod vms;
pub mod web;
pub mod windows;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use crate::Fact;

/// All sections by name; the root `facts` of rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// See [`os`].
    pub os: Fact<os::Os>,
    /// See [`updates`].
    pub updates: Fact<updates::Updates>,
    /// See [`time`].
    pub time: Fact<time::Time>,
    /// See [`accounts`].
    pub accounts: Fact<accounts::Accounts>,
    /// See [`ssh`].
    pub ssh: Fact<ssh::Ssh>,
    /// See [`audit`].
    pub audit: Fact<audit::Audit>,
    /// See [`logging`].
    pub logging: Fact<logging::Logging>,
    /// See [`firewall`].
    pub firewall: Fact<firewall::Firewall>,
    /// See [`listeners`].
    pub listeners: Fact<listeners::Listeners>,
    /// See [`net`].
    pub net: Fact<net::Net>,
    /// See [`services`].
    pub services: Fact<services::Services>,
    /// See [`packages`].
    pub packages: Fact<packages::Packages>,
    /// See [`disks`].
    pub disks: Fact<disks::Disks>,
    /// See [`boot`].
    pub boot: Fact<boot::Boot>,
    /// See [`malware`].
    pub malware: Fact<malware::Malware>,
    /// See [`integrity`].
    pub integrity: Fact<integrity::Integrity>,
    /// See [`files`].
    pub files: Fact<files::Files>,
    /// See [`docker`].
    pub docker: Fact<docker::Docker>,
    /// See [`vms`].
    pub vms: Fact<vms::Vms>,
    /// See [`certificates`].
    pub certificates: Fact<certificates::Certificates>,
    /// See [`endpoints`].
    pub endpoints: Fact<endpoints::Endpoints>,
    /// See [`web`].
    pub web: Fact<web::Web>,
    /// See [`databases`].
    pub databases: Fact<databases::Databases>,
    /// See [`codesys`].
    pub codesys: Fact<codesys::Codesys>,
    /// See [`kepware`].
    pub kepware: Fact<kepware::Kepware>,
    /// See [`nerve`].
    pub nerve: Fact<nerve::Nerve>,
    /// See [`palisade`].
    pub palisade: Fact<palisade::Palisade>,
    /// See [`windows`].
    pub windows: Fact<windows::Windows>,
    /// See [`true_connector`].
    pub true_connector: Fact<true_connector::TrueConnector>,
}

/// The JSON schema of [`Facts`] (draft 2020-12).
pub fn schema() -> serde_json::Value {
    schema_for!(Facts).to_value()
}
