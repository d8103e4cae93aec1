//! Malformed and hostile input for what reads such: a corpus that is kept in `host/fuzz`, and inputs that are made of it by
//! damage.
//!
//! Nothing here asks for an instrumented compiler. In the place of coverage stands what came of an input, in a few words
//! that the target says: one that leads where none led before is kept for the rest of the run, and damaged further. The
//! corpus itself is tried first and whole, so that whatever was found once is tried with every build.

mod chance;
mod damage;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest as _, Sha256};

pub(crate) use self::chance::Chance;

/// How long a target is tried where `COFFERDAM_FUZZ_SECONDS` does not say.
const TIME: Duration = Duration::from_secs(2);
/// What one input may take of the processor's time, in a build that is not optimised: more is a finding as well.
const WORK_MAX: Duration = Duration::from_secs(8);
/// Inputs that are kept beside the corpus while it runs.
const KEPT_MAX: usize = 4_000;
/// Changes that are made to one input at once.
const CHANGES_MAX: usize = 8;

/// Damages an input; another one is there to take parts of.
pub(crate) type Damage = fn(&mut Chance, &mut Vec<u8>, &[u8]);

/// What is tried.
pub(crate) struct Target {
    /// The folder of its corpus in `host/fuzz`.
    pub(crate) name: &'static str,
    /// The longest input, in bytes.
    pub(crate) bytes_max: usize,
    /// Pieces that mean something to what reads it.
    pub(crate) words: &'static [&'static str],
    /// How a file of the corpus is read.
    pub(crate) load: fn(&Path) -> io::Result<Vec<u8>>,
    /// Damage that knows how such inputs are built.
    pub(crate) damage: Option<Damage>,
}

impl Target {
    /// Texts or bytes whose form nobody needs to know to damage them.
    pub(crate) const fn new(name: &'static str, bytes_max: usize, words: &'static [&'static str]) -> Self {
        Self { name, bytes_max, words, load: |path| fs::read(path), damage: None }
    }

    /// Tries inputs for as long as it may. `try_it` panics where it finds something, and else says in a few words what
    /// came of the input: words without what changes from input to input.
    pub(crate) fn run(&self, try_it: impl Fn(&[u8]) -> String) {
        let time =
            std::env::var("COFFERDAM_FUZZ_SECONDS").map_or(TIME, |text| Duration::from_secs(text.parse().unwrap()));
        let mut chance = Chance::seeded();
        let findings = Findings::new(self.name);
        let mut kept = self.corpus();
        let mut known = HashSet::new();
        for input in &kept {
            known.insert(findings.watch(input, &try_it));
        }
        let (corpus, end) = (kept.len(), Instant::now() + time);
        let mut tried = 0_u64;
        while Instant::now() < end {
            let input = self.damaged(&mut chance, &kept);
            tried += 1;
            if known.insert(findings.watch(&input, &try_it)) && kept.len() < corpus + KEPT_MAX {
                kept.push(input);
            }
        }
        println!("{}: {corpus} of the corpus and {tried} more led to {} outcomes", self.name, known.len());
        assert!(tried > 10, "only {tried} inputs were tried");
    }

    fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(self.name);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort_unstable();
        assert!(files.len() >= 3, "hardly a corpus: {}", folder.display());
        files
            .iter()
            .map(|file| (self.load)(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
            .collect()
    }

    fn damaged(&self, chance: &mut Chance, kept: &[Vec<u8>]) -> Vec<u8> {
        let mut input = chance.of(kept).clone();
        for _ in 0..=chance.below(CHANGES_MAX) {
            let other = chance.of(kept);
            match self.damage {
                Some(damage) if chance.below(3) > 0 => damage(chance, &mut input, other),
                _ => damage::any(chance, &mut input, other, self.words),
            }
            input.truncate(self.bytes_max);
        }
        input
    }
}

/// Where inputs are kept that something was found with: `target/fuzz/NAME`, to be added to the corpus once it is mended.
struct Findings {
    folder: PathBuf,
    /// What is being tried: where the process ends with it, this is what is left.
    current: fs::File,
}

impl Findings {
    fn new(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz").join(target);
        fs::create_dir_all(&folder).unwrap();
        let current = fs::File::create(folder.join(format!("current-{}", std::process::id()))).unwrap();
        Self { folder, current }
    }

    /// Tries one input; what is found is kept and told.
    fn watch(&self, input: &[u8], try_it: &impl Fn(&[u8]) -> String) -> String {
        self.current.set_len(input.len() as u64).unwrap();
        self.current.write_all_at(input, 0).unwrap();
        let before = work();
        let outcome = catch_unwind(AssertUnwindSafe(|| try_it(input)));
        let took = work().saturating_sub(before);
        match outcome {
            Ok(outcome) if took < WORK_MAX => outcome,
            Ok(_) => panic!("{took:?} of work for one input: {}", self.keep(input)),
            Err(_) => panic!("found with the input {}", self.keep(input)),
        }
    }

    fn keep(&self, input: &[u8]) -> String {
        let digest = Sha256::digest(input);
        let name: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.folder.join(name);
        fs::write(&path, input).unwrap();
        let shown: String = String::from_utf8_lossy(input).escape_debug().take(400).collect();
        format!("{}\n{shown}", path.display())
    }
}

impl Drop for Findings {
    fn drop(&mut self) {
        // Not there any more where nothing ended in it.
        let _ = fs::remove_file(self.folder.join(format!("current-{}", std::process::id())));
    }
}

/// What the processor has spent on this thread.
fn work() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.cast_unsigned(), u32::try_from(spent.tv_nsec).unwrap())
}

/// Words of a message without what differs from input to input: numbers, and whatever stands in quotes.
pub(crate) fn gist(message: &str) -> String {
    let mut gist = String::new();
    let mut quoted = None;
    for char in message.chars().take(300) {
        match (quoted, char) {
            (Some(end), char) if char == end => quoted = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quoted = Some(char),
            (None, char) if char.is_ascii_digit() => {}
            (None, char) => gist.push(char),
        }
        if gist.len() > 80 {
            break;
        }
    }
    gist
}
