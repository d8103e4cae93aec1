//! Progress on standard error while something takes long; nothing where no terminal shows it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const SPINNER: &str = "{spinner:.cyan} {msg} {elapsed:.dim}";
const BYTES: &str = "{msg} {bar:30.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec:.dim} {eta:.dim}";
const STEPS: &str = "{msg} {bar:30.cyan/dim} {pos}/{len} {elapsed:.dim}";

/// One piece of work under way. Its line goes away when it is dropped.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Work of unknown length.
    pub(super) fn spinner(what: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner().with_style(style(SPINNER));
        bar.set_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Work of `total` bytes.
    pub(super) fn bytes(what: impl Into<String>, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_style(style(BYTES));
        bar.set_message(what.into());
        Self(bar)
    }

    /// Work of `total` steps.
    pub(super) fn steps(what: impl Into<String>, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_style(style(STEPS));
        bar.set_message(what.into());
        Self(bar)
    }

    /// So much is done in all.
    pub(super) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// So much there is in all, as far as is known now.
    pub(super) fn total(&self, total: u64) {
        self.0.set_length(total);
    }

    /// What it is at.
    pub(super) fn say(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// Writes a line above the bar, to standard error, terminal or not.
    pub(super) fn above(&self, line: &str) {
        self.0.suspend(|| {
            let _ = std::io::Write::write_fmt(&mut anstream::stderr(), format_args!("{line}\n"));
        });
    }

    /// A handle that only moves the bar, for another thread.
    pub(super) fn handle(&self) -> impl Fn(u64) + Send + Sync + 'static + use<> {
        let bar = self.0.clone();
        move |done| bar.set_position(done)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the constants above, which the test reads.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_well_formed() {
        for template in [SPINNER, BYTES, STEPS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn progress_goes_on_without_a_terminal() {
        let progress = Progress::bytes("uploading", 10);
        progress.set(4);
        let handle = progress.handle();
        handle(10);
        assert_eq!(progress.0.position(), 10);
        assert!(progress.0.is_hidden() || !progress.0.is_finished());
        Progress::spinner("building").say("linking");
    }
}
