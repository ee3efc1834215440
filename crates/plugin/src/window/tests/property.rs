use proptest::prelude::*;

use super::*;

/// What happens in the world, one thing after the other.
#[derive(Clone, Debug)]
enum Happens {
    /// Time passes, in milliseconds.
    Passes(u64),
    /// The machine sleeps, in seconds.
    Sleeps(u64),
    /// A release is deployed.
    Deployed(u64),
    /// A contact begins; several may be under way.
    Begins,
    /// A contact that is under way reads the index that is there now.
    Reads(usize),
    /// A contact that has read tells the window.
    Ends(usize),
    /// A contact fails.
    Fails(usize),
    /// The timer closes what has run out.
    Expires,
    /// A generation is loaded, whatever the index says.
    Loads(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let millis = W.as_millis() as u64;
    prop_oneof![
        4 => (0..millis / 3).prop_map(Happens::Passes),
        1 => (0..600_u64).prop_map(Happens::Sleeps),
        3 => (0..3_u64).prop_map(Happens::Deployed),
        6 => Just(Happens::Begins),
        6 => (0..4_usize).prop_map(Happens::Reads),
        6 => (0..4_usize).prop_map(Happens::Ends),
        1 => (0..4_usize).prop_map(Happens::Fails),
        2 => Just(Happens::Expires),
        3 => (0..3_u64).prop_map(Happens::Loads),
    ]
}

struct Under {
    attempt: Attempt,
    began: BootTime,
    read: Option<Index>,
}

struct World {
    window: Window,
    clock: ManualBootClock,
    index: Index,
    /// Since when each release is deployed no more.
    replaced: [Option<BootTime>; 3],
    gates: [Gate; 3],
    under_way: Vec<Under>,
    /// When the newest contact that has ended began, and the release that it read.
    proven: Option<(BootTime, u64)>,
}

impl World {
    fn new() -> Self {
        let (mut window, clock) = window();
        let now = clock.now();
        Self {
            gates: [0, 1, 2].map(|minor| window.open(&slot(minor))),
            window,
            index: index(1, 0),
            replaced: [None, Some(now), Some(now)],
            clock,
            under_way: Vec::new(),
            proven: None,
        }
    }

    fn happen(&mut self, happens: &Happens) {
        match *happens {
            Happens::Passes(millis) => self.clock.advance(Duration::from_millis(millis)),
            Happens::Sleeps(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Happens::Deployed(minor) => {
                let now = self.clock.now();
                self.index = index(self.index.seq + 1, minor);
                for (at, replaced) in (0..).zip(&mut self.replaced) {
                    *replaced = if at == minor {
                        None
                    } else {
                        replaced.or(Some(now))
                    };
                }
            }
            Happens::Begins => self.under_way.push(Under {
                began: self.clock.now(),
                attempt: self.window.begin(),
                read: None,
            }),
            Happens::Reads(at) => {
                if let Some(under) = self.under_way.get_mut(at) {
                    under.read = Some(self.index.clone());
                }
            }
            Happens::Ends(at) => self.end(at),
            Happens::Fails(at) => {
                if at < self.under_way.len() {
                    let failed = self.under_way.remove(at);
                    self.window.failed(failed.attempt);
                }
            }
            Happens::Expires => drop(self.window.expire()),
            Happens::Loads(minor) => drop(self.window.open(&slot(minor))),
        }
    }

    fn end(&mut self, at: usize) {
        if self
            .under_way
            .get(at)
            .is_none_or(|under| under.read.is_none())
        {
            return;
        }
        let ended = self.under_way.remove(at);
        let read = ended.read.unwrap();
        self.window.contacted(ended.attempt, &read);
        if self.proven.is_none_or(|(before, _)| before <= ended.began) {
            self.proven = Some((ended.began, read.majors[&1].version().minor));
        }
    }

    fn look(&self) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        for (minor, gate) in (0_u64..).zip(&self.gates) {
            let open = gate.check().is_ok();
            if let Some(replaced) = self.replaced[usize::try_from(minor).unwrap()] {
                prop_assert!(
                    !open || now < replaced.plus(W),
                    "1.{minor} is let in {:?} after it was replaced",
                    now.since(replaced)
                );
            }
            if let Some((began, proven)) = self.proven
                && proven == minor
                && now < began.plus(W)
            {
                prop_assert!(open, "1.{minor} is refused within its window");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn nothing_is_let_in_a_window_after_it_was_replaced(story in prop::collection::vec(happens(), 1..80)) {
        let mut world = World::new();
        for happens in &story {
            world.happen(happens);
            world.look()?;
        }
    }
}
