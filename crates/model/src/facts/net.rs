//! Section `net`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `net`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Net {}
