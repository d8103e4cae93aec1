mod decision;
mod failures;
mod limits;
mod reach;
mod support;
mod taped;
mod tls;

use super::*;
