//! Section `os`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `os`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Os {}
