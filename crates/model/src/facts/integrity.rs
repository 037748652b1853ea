//! Section `integrity`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `integrity`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Integrity {}
