//! Counts that the kernel keeps for each device.

use std::collections::BTreeMap;
use std::time::Duration;

use super::window::Window;

/// How long the counts of a device that is gone are remembered, so that one that comes back goes on from them.
const MEMORY: Duration = Duration::from_secs(600);

/// Devices with so many counts each.
#[derive(Debug, Default)]
pub(crate) struct Devices<const N: usize> {
    present: BTreeMap<String, Device<N>>,
    gone: BTreeMap<String, Device<N>>,
}

/// The counts of one device.
#[derive(Debug)]
pub(crate) struct Device<const N: usize> {
    /// As the kernel had them last, or the greatest of them, and when.
    last: [u64; N],
    at: Duration,
    /// Since its metrics were registered. They never go back.
    pub(crate) totals: [u64; N],
    /// By second.
    pub(crate) rates: [f64; N],
    window: Window,
    /// In the window.
    moved: [u64; N],
}

impl<const N: usize> Devices<N> {
    pub(crate) fn present(&self) -> &BTreeMap<String, Device<N>> {
        &self.present
    }

    /// Takes in what was found of each device that is there now.
    pub(crate) fn update<'a>(&mut self, now: Duration, found: impl Iterator<Item = (&'a str, [u64; N])>) {
        let mut before = std::mem::take(&mut self.present);
        for (name, counts) in found {
            let known = before.remove_entry(name).or_else(|| self.present.remove_entry(name));
            let (name, device) = match known {
                Some((name, mut device)) => {
                    device.advance(now, counts);
                    (name, device)
                }
                None => {
                    let before = self.gone.remove(name);
                    (name.to_owned(), Device::new(now, before.as_ref(), counts))
                }
            };
            self.present.insert(name, device);
        }
        self.gone.append(&mut before);
        self.gone.retain(|_, device| now.saturating_sub(device.at) < MEMORY);
    }
}

impl<const N: usize> Device<N> {
    /// One that is new, or is back.
    fn new(now: Duration, before: Option<&Self>, counts: [u64; N]) -> Self {
        let (mut last, mut totals) = before.map_or(([0; N], [0; N]), |before| (before.last, before.totals));
        let more = advance(&mut last, counts);
        totals.iter_mut().zip(more).for_each(|(total, more)| *total = total.wrapping_add(more));
        let (rates, window, moved) = ([0.0; N], Window::new(now), [0; N]);
        Self { last, at: now, totals, rates, window, moved }
    }

    fn advance(&mut self, now: Duration, counts: [u64; N]) {
        let more = advance(&mut self.last, counts);
        self.at = now;
        let span = self.window.until(now);
        for (i, more) in more.into_iter().enumerate() {
            self.totals[i] = self.totals[i].wrapping_add(more);
            self.moved[i] = self.moved[i].saturating_add(more);
            if let Some(span) = span {
                self.rates[i] = self.moved[i] as f64 / span.seconds;
                if span.ends {
                    self.moved[i] = 0;
                }
            }
        }
    }
}

/// What was counted since the last counts, which become these.
///
/// A count that is less than half of the last one is that of a device that was made anew. Kernels that add up what each
/// of their processors counted may be off by a little: one that is hardly less stays what it was until it is more.
fn advance<const N: usize>(last: &mut [u64; N], counts: [u64; N]) -> [u64; N] {
    std::array::from_fn(|i| {
        let (last, count) = (&mut last[i], counts[i]);
        let before = if count < *last / 2 { 0 } else { *last };
        *last = count.max(before);
        *last - before
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(devices: &mut Devices<1>, second: u64, counts: &[(&str, u64)]) -> Vec<(String, u64, f64)> {
        let now = Duration::from_secs(second);
        devices.update(now, counts.iter().map(|(name, count)| (*name, [*count])));
        let present = devices.present().iter();
        present.map(|(name, device)| (name.clone(), device.totals[0], device.rates[0])).collect()
    }

    fn one(total: u64, rate: f64) -> Vec<(String, u64, f64)> {
        vec![("a".to_owned(), total, rate)]
    }

    #[test]
    fn rates_are_over_the_time_between() {
        let mut devices = Devices::default();
        assert_eq!(at(&mut devices, 0, &[("a", 1000)]), one(1000, 0.0), "nothing is known of before");
        assert_eq!(at(&mut devices, 10, &[("a", 1500)]), one(1500, 50.0));
        assert_eq!(at(&mut devices, 10, &[("a", 1600)]), one(1600, 50.0), "no time has passed");
        assert_eq!(at(&mut devices, 20, &[("a", 1700)]), one(1700, 20.0), "nothing is lost");
    }

    #[test]
    fn totals_do_not_go_back() {
        let mut devices = Devices::default();
        at(&mut devices, 0, &[("a", 1000)]);
        assert_eq!(at(&mut devices, 1, &[("a", 10)]), one(1010, 10.0), "made anew");
    }

    #[test]
    fn counts_that_go_back_a_little_are_held() {
        let mut devices = Devices::default();
        at(&mut devices, 0, &[("a", 1000)]);
        assert_eq!(at(&mut devices, 1, &[("a", 999)]), one(1000, 0.0));
        assert_eq!(at(&mut devices, 2, &[("a", 500)]), one(1000, 0.0), "half");
        assert_eq!(at(&mut devices, 3, &[("a", 1001)]), one(1001, 1.0), "nothing is counted twice");
        at(&mut devices, 4, &[]);
        assert_eq!(at(&mut devices, 5, &[("a", 1000)]), one(1001, 0.0), "it was away meanwhile");
        assert_eq!(at(&mut devices, 6, &[("a", 1003)]), one(1003, 2.0));
        assert_eq!(at(&mut devices, 7, &[("a", 499)]), one(1502, 499.0), "less than half: made anew");
    }

    #[test]
    fn rates_hold_between_windows_and_lose_nothing() {
        let mut devices = Devices::<1>::default();
        let mut at = |milliseconds, count| {
            devices.update(Duration::from_millis(milliseconds), [("a", [count])].into_iter());
            devices.present()["a"].rates[0]
        };
        at(0, 1000);
        assert_eq!(at(500, 1100), 200.0, "over half a second, for want of more");
        assert_eq!(at(800, 1160), 200.0, "that did not end the window");
        assert_eq!(at(1000, 1300), 300.0);
        assert_eq!(at(1500, 1400), 300.0, "the last one holds");
        assert_eq!(at(2000, 1400), 100.0);
    }

    #[test]
    fn one_that_comes_back_goes_on() {
        let mut devices = Devices::default();
        at(&mut devices, 0, &[("a", 1000)]);
        assert!(at(&mut devices, 1, &[]).is_empty());
        assert_eq!(at(&mut devices, 2, &[("a", 1003)]), one(1003, 0.0));
        at(&mut devices, 3, &[]);
        assert_eq!(at(&mut devices, 4, &[("a", 5)]), one(1008, 0.0), "made anew");
        at(&mut devices, 5, &[]);
        at(&mut devices, 5 + 600, &[]);
        assert!(devices.gone.is_empty(), "nothing is remembered for ever");
    }

    #[test]
    fn one_that_is_there_twice_is_one() {
        let mut devices = Devices::default();
        assert_eq!(at(&mut devices, 0, &[("a", 1), ("a", 2)]), one(2, 0.0));
    }
}
