//! Lines, packed into what is sent in one piece.

use flowmeter_core::ReportMark;

/// What is around the lines of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nothing, and the last line has no end: a packet is a datagram.
    #[default]
    Datagram,
    /// Nothing: a packet is some lines of a stream.
    Lines,
    /// The length in front, four bytes little-endian: a packet is one of a stream.
    Length,
}

impl Framing {
    fn header(self) -> usize {
        match self {
            Self::Datagram | Self::Lines => 0,
            Self::Length => 4,
        }
    }

    /// How many bytes behind the last line are not sent.
    fn trailer(self) -> usize {
        usize::from(self == Self::Datagram)
    }
}

/// Lines that do not fit into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What is sent in one piece.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packet {
    /// Where it begins, and where the next one does.
    start: usize,
    end: usize,
    /// Behind the last series that is in it, or in one before, to its end.
    pub(crate) mark: Option<ReportMark>,
    /// How many values it has.
    pub(crate) values: u64,
}

/// Packets that are ready to be sent, and the one that is being filled.
///
/// What belongs together, a unit of one or several lines, is in one packet.
#[derive(Default)]
pub(crate) struct Packets {
    framing: Framing,
    limit: usize,
    bytes: Vec<u8>,
    ready: Vec<Packet>,
    open: Packet,
    /// Where the unit begins that is being written.
    unit: usize,
}

impl Packets {
    /// How many packets are sent at a time at most.
    pub(crate) const LOT: usize = 64;

    /// How many bytes are enough for sending them: few enough to be in a near cache still when the system
    /// copies them, and for a receiver to have room for them.
    const LOT_BYTES: usize = 32 * 1024;

    /// Throws all away and begins anew.
    pub(crate) fn begin(&mut self, framing: Framing, limit: usize) {
        self.bytes.clear();
        self.ready.clear();
        (self.framing, self.limit) = (framing, limit);
        self.open_next();
    }

    /// How many bytes a unit can have, with the end of its last line.
    pub(crate) fn room(&self) -> usize {
        self.limit + self.framing.trailer()
    }

    /// Where a unit is written.
    #[inline]
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How much is written of the unit.
    pub(crate) fn unit_length(&self) -> usize {
        self.bytes.len() - self.unit
    }

    /// Takes the unit back.
    pub(crate) fn abandon_unit(&mut self) {
        self.bytes.truncate(self.unit);
    }

    /// Ends a unit, which has so many values. With a mark, the series that the mark is behind is complete with it.
    ///
    /// # Errors
    ///
    /// If it does not fit into a packet of its own. It is taken back then.
    #[inline]
    pub(crate) fn end_unit(&mut self, mark: Option<ReportMark>, values: u64) -> Result<(), TooLong> {
        let end = self.bytes.len();
        if end - (self.open.start + self.framing.header()) > self.room() {
            if end - self.unit > self.room() {
                self.abandon_unit();
                return Err(TooLong);
            }
            self.close_before_unit();
        }
        self.unit = self.bytes.len();
        self.open.mark = mark.or(self.open.mark);
        self.open.values += values;
        Ok(())
    }

    /// Ends the packet before the unit, which becomes the first of the next.
    #[cold]
    fn close_before_unit(&mut self) {
        let header = self.framing.header();
        let start = self.unit;
        self.close(start);
        let length = self.bytes.len() - start;
        self.bytes.resize(start + header + length, 0);
        self.bytes.copy_within(start..start + length, start + header);
    }

    /// Ends the packet that is being filled.
    fn close(&mut self, end: usize) {
        if self.framing == Framing::Length {
            let start = self.open.start;
            let length = u32::try_from(end - start - self.framing.header()).unwrap_or(u32::MAX);
            self.bytes[start..start + self.framing.header()].copy_from_slice(&length.to_le_bytes());
        }
        self.ready.push(Packet { end, ..self.open });
        // What was complete before stays so.
        self.open = Packet { start: end, end, mark: self.open.mark, values: 0 };
    }

    fn open_next(&mut self) {
        let start = self.bytes.len();
        self.open = Packet { start, end: start, mark: None, values: 0 };
        self.bytes.resize(start + self.framing.header(), 0);
        self.unit = self.bytes.len();
    }

    /// Whether there are enough for sending them.
    #[inline]
    pub(crate) fn is_lot(&self) -> bool {
        self.ready.len() >= Self::LOT || self.open.start >= Self::LOT_BYTES
    }

    /// Ends the last packet, if there is anything in it.
    pub(crate) fn end(&mut self) {
        if self.unit > self.open.start + self.framing.header() {
            self.close(self.unit);
            self.open_next();
        }
    }

    /// Those that are ready.
    pub(crate) fn ready(&self) -> Lot<'_> {
        Lot { bytes: &self.bytes, packets: &self.ready, trailer: self.framing.trailer() }
    }

    /// Forgets those that are ready.
    pub(crate) fn forget_ready(&mut self) {
        let start = self.open.start;
        self.bytes.copy_within(start.., 0);
        self.bytes.truncate(self.bytes.len() - start);
        self.ready.clear();
        (self.open.start, self.open.end) = (0, 0);
        self.unit -= start;
    }
}

/// Packets that are ready to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Lot<'a> {
    bytes: &'a [u8],
    packets: &'a [Packet],
    trailer: usize,
}

impl<'a> Lot<'a> {
    /// What they are, in order.
    pub(crate) fn packets(self) -> &'a [Packet] {
        self.packets
    }

    /// Without the first few.
    pub(crate) fn without(self, first: usize) -> Self {
        Self { packets: self.packets.get(first..).unwrap_or_default(), ..self }
    }

    /// The bytes of each.
    pub(crate) fn payloads(self) -> impl Iterator<Item = &'a [u8]> {
        self.packets.iter().map(move |packet| &self.bytes[packet.start..packet.end - self.trailer])
    }

    /// How many bytes each has.
    pub(crate) fn lengths(self) -> impl Iterator<Item = usize> {
        self.packets.iter().map(move |packet| packet.end - self.trailer - packet.start)
    }

    /// All of them in a row, as streams have them.
    pub(crate) fn stream(self) -> &'a [u8] {
        match (self.packets.first(), self.packets.last()) {
            (Some(first), Some(last)) => &self.bytes[first.start..last.end],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use flowmeter_core::{Report, ReportError, Reporter};
    use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};

    use super::*;

    fn packed(framing: Framing, limit: usize, units: &[&str]) -> (Vec<Vec<u8>>, Vec<u64>, usize) {
        let mut packets = Packets::default();
        packets.begin(framing, limit);
        let mut too_long = 0;
        for unit in units {
            packets.out().extend_from_slice(unit.as_bytes());
            too_long += usize::from(packets.end_unit(None, 1).is_err());
        }
        packets.end();
        let lot = packets.ready();
        assert_eq!(lot.payloads().map(<[u8]>::len).collect::<Vec<_>>(), lot.lengths().collect::<Vec<_>>());
        let values = lot.packets().iter().map(|packet| packet.values).collect();
        (lot.payloads().map(<[u8]>::to_vec).collect(), values, too_long)
    }

    #[test]
    fn units_stay_in_one_piece() {
        let units = ["aa\n", "bb\n", "cc\ndd\n", "too long\n", "e\n"];
        let (packets, values, too_long) = packed(Framing::Datagram, 5, &units);
        assert_eq!(packets, [b"aa\nbb".to_vec(), b"cc\ndd".to_vec(), b"e".to_vec()]);
        assert_eq!((values, too_long), (vec![2, 1, 1], 1));
        let (packets, ..) = packed(Framing::Lines, 6, &units);
        assert_eq!(packets, [b"aa\nbb\n".to_vec(), b"cc\ndd\n".to_vec(), b"e\n".to_vec()]);
    }

    #[test]
    fn lengths_stand_in_front() {
        let (packets, values, _) = packed(Framing::Length, 6, &["aa\n", "bb\n", "cc\n"]);
        assert_eq!(packets, [b"\x06\0\0\0aa\nbb\n".to_vec(), b"\x03\0\0\0cc\n".to_vec()]);
        assert_eq!(values, [2, 1]);
    }

    #[test]
    fn a_lot_is_no_more_than_receivers_have_room_for() {
        for length in [256, 1432, 7680] {
            let mut packets = Packets::default();
            packets.begin(Framing::Datagram, length);
            while !packets.is_lot() {
                packets.out().extend(std::iter::repeat_n(b'x', length));
                packets.end_unit(None, 1).unwrap();
            }
            let bytes: usize = packets.ready().lengths().sum();
            assert!(bytes < 32 * 1024 + length, "{bytes} in packets of {length}");
            assert!(packets.ready().packets().len() <= Packets::LOT);
        }
    }

    #[test]
    fn nothing_is_no_packet() {
        assert!(packed(Framing::Datagram, 6, &[]).0.is_empty());
        assert!(packed(Framing::Length, 6, &["much too long\n"]).0.is_empty());
    }

    /// The marks behind the counters of a report.
    fn marks() -> Vec<ReportMark> {
        struct Marks(Arc<Mutex<Vec<ReportMark>>>);

        impl Reporter for Marks {
            fn deltas(&self) -> bool {
                true
            }

            fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
                for family in report.families() {
                    family.for_each(|series| {
                        let _ = series.delta();
                        self.0.lock().unwrap().push(series.mark());
                        Ok::<_, ReportError>(())
                    })?;
                }
                Ok(())
            }
        }

        let registry = quiet_registry();
        let group = registry.add_group("g");
        let counters = ["a", "b", "c"].map(|name| group.counter(name));
        let marks = Arc::default();
        let reporter = Box::new(Marks(Arc::clone(&marks)));
        registry.add_reporter("marks", reporter, on_request()).unwrap().report_now(PATIENCE).unwrap();
        drop(counters);
        marks.lock().unwrap().clone()
    }

    #[test]
    fn packets_end_behind_the_last_series_that_is_whole() {
        let marks = marks();
        let mut packets = Packets::default();
        packets.begin(Framing::Datagram, 8);
        for (unit, mark) in [
            ("aa\n", Some(marks[0])),
            ("gauge\n", None),
            ("gauge\n", None),
            ("bb\n", Some(marks[1])),
            ("g\n", None),
            ("gauge\n", None),
        ] {
            packets.out().extend_from_slice(unit.as_bytes());
            packets.end_unit(mark, 1).unwrap();
        }
        packets.end();
        let ends: Vec<_> = packets.ready().packets().iter().map(|packet| packet.mark).collect();
        assert_eq!(ends, [Some(marks[0]), Some(marks[1]), Some(marks[1])]);
    }

    #[test]
    fn what_is_open_stays_when_the_others_go() {
        for framing in [Framing::Datagram, Framing::Lines, Framing::Length] {
            let mut packets = Packets::default();
            packets.begin(framing, 4);
            for unit in ["aa\n", "bb\n"] {
                packets.out().extend_from_slice(unit.as_bytes());
                packets.end_unit(None, 1).unwrap();
            }
            assert_eq!(packets.ready().packets().len(), 1);
            packets.forget_ready();
            packets.out().extend_from_slice(b"cc\n");
            packets.end_unit(None, 1).unwrap();
            packets.end();
            let all: Vec<_> = packets.ready().payloads().collect::<Vec<_>>().concat();
            let text: Vec<_> = all.into_iter().filter(u8::is_ascii_alphabetic).collect();
            assert_eq!(text, b"bbcc");
            assert_eq!(packets.ready().packets().len(), 2);
        }
    }
}
