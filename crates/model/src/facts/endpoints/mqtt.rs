//! MQTT brokers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::Fact;

/// A broker that speaks MQTT, as its answers to a client without credentials show it. Nothing is published, and nothing
/// of what it delivers is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MqttBroker {
    /// Bound address and port: `0.0.0.0:1883`; of a broker that was named, its name and port.
    pub name: String,
    /// Where it listens and who holds it.
    pub place: Place,
    /// Whether TLS lies below.
    pub tls: bool,
    /// Versions that it answers: `5.0`, `3.1.1`.
    pub versions: Vec<String>,
    /// Whether a client without user name, password and certificate may connect.
    pub anonymous: Fact<bool>,
    /// Why it refuses such a client, in its own terms: `not authorized`. Absent: it does not.
    pub refusal: Fact<String>,
    /// As whom its topics were tried: `anonymous`, or `account` for the user of the credentials. Absent: nobody was let
    /// in.
    pub session: Fact<String>,
    /// Whether that session sees the broker's own state (`$SYS/#`). Absent: there was no session.
    pub system_topics: Fact<bool>,
    /// Whether that session may subscribe to everything (`#`): false when the broker refuses it, true when messages
    /// came. Unreadable when it agreed and nothing came, since brokers with an access-control list agree too. Absent:
    /// there was no session.
    pub everything: Fact<bool>,
    /// Connections that were opened to learn all this.
    pub connections: u32,
    /// Where it was read: `mqtt 192.0.2.1:1883`.
    pub source: String,
}
