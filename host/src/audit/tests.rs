//! Tests of the journal as a whole.

pub(crate) mod samples;
