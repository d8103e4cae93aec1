mod fuzz;
mod handles;
mod interface;
mod quotas;
mod reach;
mod scratch;
mod support;

use super::*;
