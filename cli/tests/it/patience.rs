//! Guards against what may hang. No test asserts how long something takes: tests count work, or look at what came out. Where
//! a process or a condition could keep a test waiting for ever, these functions end it after ten minutes.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Far beyond what anything here needs: a minute was too little for a machine on which others build.
const PATIENCE: Duration = Duration::from_mins(10);

/// Runs a command, collects what it writes, and ends it if it does not end by itself.
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

/// Waits until something is there, and fails if it never is.
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

/// Pauses after which to disturb a process, from before it has begun to after its end, however fast the machine is: they grow
/// until one was longer than the process, and then begin again.
pub(crate) struct Pauses {
    next: Duration,
    /// The part of a pause by which the next is longer: 4 is a quarter.
    part: u32,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(4);

    pub(crate) fn growing_by(part: u32) -> Self {
        Self { next: Self::FIRST, part }
    }

    /// Waits. Returns whether the process ended meanwhile.
    pub(crate) fn outlast(&mut self, child: &mut Child) -> bool {
        std::thread::sleep(self.next);
        let ended = child.try_wait().expect("it waits").is_some();
        self.next = if ended { Self::FIRST } else { self.next + self.next / self.part };
        ended
    }
}
