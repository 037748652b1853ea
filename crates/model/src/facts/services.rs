//! Section `services`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `services`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Services {}
