//! Section `disks`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `disks`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Disks {}
