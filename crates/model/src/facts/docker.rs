//! Section `docker`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `docker`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Docker {}
