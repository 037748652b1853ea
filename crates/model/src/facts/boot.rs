//! Section `boot`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `boot`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Boot {}
