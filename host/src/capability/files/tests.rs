mod handles;
mod interface;
mod quotas;
mod reach;
mod support;

use super::*;
