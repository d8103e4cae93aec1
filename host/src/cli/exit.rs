//! Exit codes: what a script can tell apart. The one place that knows which code of an error ends in which.

use std::process::ExitCode;

use crate::error::Code;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// It did what was asked.
    Ok,
    /// The operation failed, or a check found something.
    Failed,
    /// The command line makes no sense; nothing was tried.
    Usage,
    /// No key, or one that may not do this; a call that policy does not allow.
    Denied,
    /// There is nothing of that name.
    NotFound,
    /// A limit stopped the call; it would again.
    Limit,
    /// Not now: the host is not there or has no room, or the tenant is above its rate. Later it may work.
    Unavailable,
    /// What was given is not valid: arguments, a policy, a component.
    Invalid,
    /// The call waits for somebody to approve it.
    Waits,
}

/// What `--help` says of them, in the order of the codes.
pub(super) const HELP: &str = "\
Exit codes:
  0  it did what was asked
  1  the operation failed: the tool says so, or a check found something
  2  the command line makes no sense
  3  denied: no valid key, or not allowed by its scopes or by policy
  4  not found
  5  a limit stopped the call: fuel, memory, deadline, or another one; it would again
  6  not now: the host is not there, has no room, or the tenant is above its rate; try again later
  7  what was given is not valid: arguments, a policy, a component
  8  the call waits for somebody to approve it";

impl Exit {
    /// The number that the shell sees.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::NotFound => 4,
            Self::Limit => 5,
            Self::Unavailable => 6,
            Self::Invalid => 7,
            Self::Waits => 8,
        }
    }

    /// How a command ends that failed with `code`.
    pub(super) const fn of(code: Code) -> Self {
        match code {
            Code::Unauthenticated | Code::Denied => Self::Denied,
            Code::NotFound => Self::NotFound,
            Code::ApprovalRequired => Self::Waits,
            Code::FuelExhausted | Code::DeadlineExceeded | Code::MemoryExceeded | Code::LimitExceeded => Self::Limit,
            // A later try may do better, with nothing changed.
            Code::Throttled
            | Code::BudgetExceeded
            | Code::Overloaded
            | Code::Unavailable
            | Code::Cancelled
            | Code::Interrupted
            | Code::RequestTimeout
            | Code::AuditUnavailable => Self::Unavailable,
            Code::InvalidRequest
            | Code::InvalidArguments
            | Code::InvalidPolicy
            | Code::ComponentRejected
            | Code::TooLarge => Self::Invalid,
            Code::Conflict | Code::CallCycle | Code::ToolFailed | Code::Internal => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_code_ends_in_an_exit_code_that_help_explains() {
        let mut table = String::new();
        for code in Code::ALL {
            let number = Exit::of(*code).number();
            assert!(number != 0 && HELP.contains(&format!("\n  {number}  ")), "{code}");
            table.push_str(&format!("{number} {code}\n"));
        }
        expect![[r#"
            3 unauthenticated
            4 not-found
            3 denied
            8 approval-required
            7 invalid-request
            7 invalid-arguments
            7 invalid-policy
            1 conflict
            1 call-cycle
            7 component-rejected
            7 too-large
            6 request-timeout
            6 throttled
            6 budget-exceeded
            6 overloaded
            5 fuel-exhausted
            5 deadline-exceeded
            5 memory-exceeded
            5 limit-exceeded
            1 tool-failed
            6 unavailable
            6 cancelled
            6 interrupted
            6 audit-unavailable
            1 internal
        "#]]
        .assert_eq(&table);
    }
}
