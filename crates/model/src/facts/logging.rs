//! Section `logging`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `logging`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Logging {}
