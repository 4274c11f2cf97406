//! Threads: a check that they can be started, and work spread over them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::secret::wipe_stack;

/// Checks that the system can run `jobs` threads at once. Called before the work begins: libraries panic if it cannot.
pub(super) fn threads(jobs: usize) -> io::Result<()> {
    let wait = Barrier::default();
    std::thread::scope(|scope| {
        let made =
            (0..jobs).try_for_each(|_| std::thread::Builder::new().spawn_scoped(scope, || wait.wait()).map(drop));
        wait.open();
        made
    })
}

/// Keeps threads waiting until it is opened.
#[derive(Default)]
struct Barrier {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Barrier {
    fn wait(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(open, |open| !*open));
    }

    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }
}

/// Calls `work` for every item, on up to `jobs` threads. The results are in the order of the items; `None` for an item
/// whose call panicked. If no threads can be started, the items are processed one after the other.
pub fn each<T: Sync, R: Send>(jobs: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    use rayon::prelude::*;
    let one = |item: &T| catch_unwind(AssertUnwindSafe(|| work(item))).ok();
    let pool = (jobs > 1 && items.len() > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(jobs).build());
    match pool {
        Some(Ok(pool)) => {
            let done = pool.install(|| items.par_iter().with_max_len(1).map(one).collect());
            // The stacks of finished threads are kept for new threads.
            pool.broadcast(|_| wipe_stack());
            done
        }
        _ => items.iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keeps_the_order_and_survives_a_panic() {
        let items: Vec<u32> = (0..100).collect();
        let square = |&n: &u32| if n == 50 { panic!("fifty") } else { n * n };
        let one = each(1, &items, square);
        assert_eq!((one[49], one[50], one[51]), (Some(49 * 49), None, Some(51 * 51)));
        assert_eq!(each(4, &items, square), one);
    }
}
