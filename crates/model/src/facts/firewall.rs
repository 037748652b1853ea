//! Section `firewall`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `firewall`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Firewall {}
