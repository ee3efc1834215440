//! What became of the deliveries of one channel, and which frames say so.

use std::collections::VecDeque;

/// How many delays an ack waits for those before it, then it goes alone.
const PATIENCE: u8 = 4;

/// What became of each delivery from the first unsettled one on.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The delivery tag of the first entry.
    first: u64,
    entries: VecDeque<Mark>,
    /// The highest tag below `first` that waits to be acked.
    ready: Option<u64>,
    pub(super) waiting: usize,
    returned: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Held,
    /// To be acked, for so many delays now.
    Acked(u8),
    Sent,
}

/// Frames to send, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    pub(super) returned: Vec<u64>,
    pub(super) up_to: Option<u64>,
    pub(super) alone: Vec<u64>,
}

impl Window {
    pub(super) fn mark(&mut self, tag: u64, mark: Mark) {
        let first = self.first.max(1);
        self.first = first;
        let Some(index) = tag
            .checked_sub(first)
            .and_then(|index| usize::try_from(index).ok())
        else {
            return;
        };
        while self.entries.len() <= index {
            self.entries.push_back(Mark::Held);
        }
        self.entries[index] = mark;
        if mark != Mark::Sent {
            self.waiting += 1;
        }
        while let Some(mark) = self.entries.front().filter(|mark| **mark != Mark::Held) {
            if matches!(mark, Mark::Acked(_)) {
                self.ready = Some(self.first);
            }
            self.entries.pop_front();
            self.first += 1;
        }
    }

    pub(super) fn give_back(&mut self, tag: u64) {
        self.mark(tag, Mark::Sent);
        self.returned.push(tag);
    }

    pub(super) fn frames(&mut self, impatient: bool) -> Frames {
        let mut alone = Vec::new();
        for (tag, mark) in (self.first..).zip(&mut self.entries) {
            if let Mark::Acked(age) = mark {
                if *age >= PATIENCE || impatient {
                    alone.push(tag);
                    *mark = Mark::Sent;
                } else {
                    *age += 1;
                }
            }
        }
        self.waiting = self
            .entries
            .iter()
            .filter(|mark| matches!(mark, Mark::Acked(_)))
            .count();
        Frames {
            returned: std::mem::take(&mut self.returned),
            up_to: self.ready.take(),
            alone,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting == 0 && self.returned.is_empty() && self.ready.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acked(window: &mut Window, tags: &[u64]) {
        for tag in tags {
            window.mark(*tag, Mark::Acked(0));
        }
    }

    #[test]
    fn what_is_settled_in_order_goes_in_one_frame() {
        let mut window = Window::default();
        acked(&mut window, &[1, 2, 3, 5]);
        let frames = window.frames(false);
        assert_eq!(frames.up_to, Some(3));
        assert!(frames.alone.is_empty());
        acked(&mut window, &[4]);
        assert_eq!(window.frames(false).up_to, Some(5));
        assert!(window.is_idle());
    }

    #[test]
    fn what_waits_for_a_slow_one_goes_alone_after_a_while_and_once() {
        let mut window = Window::default();
        acked(&mut window, &[2, 3]);
        for _ in 0..PATIENCE {
            assert_eq!(window.frames(false), Frames::default());
        }
        assert_eq!(window.frames(false).alone, [2, 3]);
        assert_eq!(window.frames(true), Frames::default());
        acked(&mut window, &[1]);
        // Tags 2 and 3 are not named again: the broker would close the channel.
        assert_eq!(window.frames(false).up_to, Some(1));
    }

    #[test]
    fn what_is_given_back_is_in_no_ack() {
        let mut window = Window::default();
        acked(&mut window, &[1]);
        window.give_back(2);
        acked(&mut window, &[3]);
        window.give_back(4);
        let frames = window.frames(false);
        assert_eq!((frames.returned, frames.up_to), (vec![2, 4], Some(3)));
        assert!(window.is_idle());
    }
}
