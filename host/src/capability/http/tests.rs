mod decision;
mod failures;
mod limits;
mod reach;
mod support;
mod tls;

use super::*;
