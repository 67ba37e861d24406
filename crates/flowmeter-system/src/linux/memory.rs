//! The host's memory and swap space.

use std::sync::Arc;

use flowmeter_core::MetricGroup;

use super::source::{Source, keyed_kibibytes};
use crate::SystemOptions;
use crate::sets::{HostMemoryMetrics, HostSwapMetrics};
use crate::shared::{Seen, Shared};

pub(super) fn register(system: &MetricGroup, options: &SystemOptions) {
    let information = Source::new(options.proc.join("meminfo"));
    let shared = Arc::new(Shared::new(system.clock(), (information, Ok([None; 4]))));
    let (of_memory, mut seen) = (Arc::clone(&shared), Seen::default());
    system.add_group("Memory").collector(move |memory: &HostMemoryMetrics| -> Result<(), String> {
        let [total, available, ..] = look(&of_memory, &mut seen)?;
        memory.total.set(total.ok_or("there is no MemTotal in meminfo")?);
        memory.available.set(available.ok_or("there is no MemAvailable in meminfo")?);
        Ok(())
    });
    let mut seen = Seen::default();
    system.add_group("Swap").collector(move |swap: &HostSwapMetrics| -> Result<(), String> {
        let [.., total, free] = look(&shared, &mut seen)?;
        let (total, free) = total.zip(free).ok_or("there are no SwapTotal and SwapFree in meminfo")?;
        swap.total.set(total);
        swap.used.set(total.saturating_sub(free));
        Ok(())
    });
}

/// Total and available memory, total and free swap space.
type Sizes = [Option<u64>; 4];

fn look(shared: &Shared<(Source, Result<Sizes, String>)>, seen: &mut Seen) -> Result<Sizes, String> {
    shared.look(
        seen,
        |(source, sizes), _, _| {
            let keys = ["MemTotal:", "MemAvailable:", "SwapTotal:", "SwapFree:"];
            let text = source.read().map_err(|error| error.to_string());
            *sizes = text.map(|text| keys.map(|key| keyed_kibibytes(&text, key)));
        },
        |(_, sizes)| sizes.clone(),
    )
}
