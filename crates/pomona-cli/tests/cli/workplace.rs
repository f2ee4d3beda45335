//! A folder to work in, and calls of the binary there.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use pomona_tests::{images, weights};
use tempfile::TempDir;

/// Images that one partition is busy with for longer than a test looks at it, on a fast core too: for a run of
/// [`Workplace::many_images`] with `--partitions 1`.
pub const MANY: usize = 20_000;

/// A folder to work in, with images of three labels, and a network with random weights.
pub struct Workplace {
    folder: TempDir,
    weights: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Workplace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        images::write_folder(
            &folder.path().join("images"),
            &["Apple Red", "Kiwi", "Pêche+Plate"],
            5,
        );
        let weights = folder.path().join("random.safetensors");
        weights::write_random(&weights).unwrap();
        Self {
            folder,
            weights,
            environment: vec![],
        }
    }

    /// Gives every call these variables too.
    pub fn with_environment<const N: usize>(
        mut self,
        variables: [(&'static str, String); N],
    ) -> Self {
        self.environment.extend(variables);
        self
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Runs `pomona` in the folder, without the user's settings.
    pub fn pomona<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// A call of `pomona` in the folder, without the user's settings, to be started by the test.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_pomona"));
        command.args(arguments);
        command
    }

    /// A call of any program in the folder, without the user's settings, to be started by the test.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os() {
            let settings = [
                "AWS_",
                "HF_",
                "POMONA_",
                "DATAFUSION_",
                "XDG_",
                "RUST_LOG",
                "NO_COLOR",
            ];
            if settings
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Makes the folder `many` with this many images, the same ones over and over.
    pub fn many_images(&self, count: usize) {
        let folder = self.path("images/Kiwi");
        let images: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
        fs::create_dir(self.path("many")).unwrap();
        for (index, image) in images.iter().cycle().take(count).enumerate() {
            let name = image.file_name().into_string().unwrap();
            fs::hard_link(image.path(), self.path(&format!("many/{index}_{name}"))).unwrap();
        }
    }

    /// The network's weights.
    pub fn weights(&self) -> &str {
        self.weights.to_str().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.pomona(self.run_arguments(arguments))
    }

    /// Begins a run, to be killed.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(self.run_arguments(arguments));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// The result of a query, as CSV.
    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        self.pomona(["sql", "-q", "--format", "csv", "-c", sql])
            .code(0)
            .stdout()
    }

    /// The result of a query on this machine, whatever scheduler the environment names, as CSV.
    #[track_caller]
    pub fn local_query(&self, sql: &str) -> String {
        let mut command = self.command(["sql", "-q", "--format", "csv", "-c", sql]);
        command.env_remove("POMONA_SCHEDULER");
        Ran(command.output().unwrap()).code(0).stdout()
    }

    /// Asks with a command that has `--show-sql`, and gives the rows as CSV. The SQL that it shows, run
    /// by hand, must give the same.
    #[track_caller]
    pub fn same_rows_by_sql(&self, asked: &[&str]) -> String {
        let ask = |more: &[&str]| self.pomona([asked, more].concat()).code(0).stdout();
        fs::write(self.path("shown.sql"), ask(&["--show-sql"])).unwrap();
        let rows = ask(&["--format", "csv"]);
        let again = self.pomona(["sql", "-q", "--format", "csv", "-f", "shown.sql"]);
        assert_eq!(again.code(0).stdout(), rows);
        rows
    }

    fn run_arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["run", "--weights", self.weights(), "--components", "3"];
        // A later option of the same name would be refused.
        if arguments.contains(&"-k") {
            all.truncate(3);
        }
        all.extend(arguments);
        all
    }
}

/// What a call gave.
pub struct Ran(Output);

impl Ran {
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.0.status.code(),
            Some(code),
            "{}\n{}",
            self.stdout(),
            self.stderr()
        );
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.stderr().contains(words),
            "no '{words}' in: {}",
            self.stderr()
        );
        self
    }

    pub fn is_failure(&self) -> bool {
        !self.0.status.success()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}
