//! Section `listeners`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `listeners`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Listeners {}
