//! One tool for each limit of a call: each does as much of one thing as it is told to, so that a test can go up to the
//! limit and one past it.

mod compute;
mod files;
mod host;
mod kv;
mod net;
mod output;

use cofferdam_sdk::tools;

use compute::{grow, recurse, spin, spin_host};
use files::{file_hold, file_read, file_write};
use host::{hold, log, print, progress, random, sleep, string};
use kv::{kv_count, kv_get, kv_hold, kv_keys, kv_set, kv_update};
use net::http;
use output::{echo, result};

tools!(
    echo, file_hold, file_read, file_write, grow, hold, http, kv_count, kv_get, kv_hold, kv_keys, kv_set, kv_update,
    log, print, progress, random, recurse, result, sleep, spin, spin_host, string,
);
