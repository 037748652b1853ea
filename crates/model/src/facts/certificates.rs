//! Section `certificates`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `certificates`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Certificates {}
