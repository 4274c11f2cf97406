//! Guards against hanging. No test asserts durations: tests count work, or check results. Where a process or a
//! condition could make a test wait for ever, these functions end it after ten minutes.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far more than anything here needs: a minute was too short on a machine with parallel builds.
const PATIENCE: Duration = Duration::from_mins(10);

/// Runs a command, collects its output, and kills it if it does not exit in time.
pub(crate) fn run_to_its_end(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let (mut out, mut err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let reader = |pipe: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map(|_| bytes).expect("it reads")
    };
    std::thread::scope(|scope| {
        let (stdout, stderr) = (scope.spawn(move || reader(&mut out)), scope.spawn(move || reader(&mut err)));
        let (began, mut pause) = (Instant::now(), Duration::from_micros(200));
        let status = loop {
            if let Some(status) = child.try_wait().expect("it waits") {
                break status;
            }
            if began.elapsed() > PATIENCE {
                child.kill().expect("it can be killed");
                panic!("{command:?} does not end");
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        };
        Output { status, stdout: stdout.join().expect("read"), stderr: stderr.join().expect("read") }
    })
}

/// Waits for a condition, and fails if it is never met.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Pauses before disturbing a process, from before its start to after its end, on machines of any speed: they grow
/// until one was longer than the process, and then start again.
pub(crate) struct Pauses {
    next: Duration,
    /// The growth of the pauses: 4 means that the next is longer by a quarter.
    part: u32,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(4);

    pub(crate) fn growing_by(part: u32) -> Self {
        Self { next: Self::FIRST, part }
    }

    /// Waits. Returns whether the process has exited.
    pub(crate) fn outlast(&mut self, child: &mut Child) -> bool {
        std::thread::sleep(self.next);
        let ended = child.try_wait().expect("it waits").is_some();
        self.next = if ended { Self::FIRST } else { self.next + self.next / self.part };
        ended
    }
}
