mod credentials;
mod decision;
mod failures;
mod flow;
mod http2;
mod limits;
mod pace;
mod quotas;
mod reach;
mod support;
mod taped;
mod tls;

use super::*;
