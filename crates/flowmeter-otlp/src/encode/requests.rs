//! Points, put together into requests that are not too long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flowmeter_core::ReportMark;

use super::wire::{Later, WireType, field_length, tag, varint_length, write_varint};
use crate::request::Request;

/// What stands before the points of a metric, with room for the lengths of what holds them.
pub(super) struct Head {
    /// A number that no other has.
    pub(super) id: u64,
    pub(super) bytes: Vec<u8>,
    /// Where the lengths are of the metric and of its data.
    pub(super) metric: usize,
    pub(super) data: usize,
}

/// A request that is being written: a section for each resource, since the points of a resource belong together, though
/// the series of several may come by turns.
pub(super) struct Requests {
    limit: usize,
    /// The attributes that all resources have, and the scope.
    resource: Vec<u8>,
    scope: Vec<u8>,
    sections: Vec<Section>,
    by_variables: HashMap<Box<[u8]>, usize>,
    current: usize,
    /// How many bytes all sections have.
    size: usize,
    points: u64,
    mark: Option<ReportMark>,
    pool: Arc<Pool>,
}

/// What a request has of one resource, as a field of it.
#[derive(Default)]
struct Section {
    /// The attributes that this resource has besides those of all.
    variables: Box<[u8]>,
    bytes: Vec<u8>,
    /// Where the length of the scope's metrics is.
    scope: usize,
    /// Which metric it is in the middle of, if any, and where the lengths of that are.
    head: u64,
    metric: usize,
    data: usize,
}

impl Section {
    /// No metric's number.
    const NONE: u64 = 0;

    /// Whether it is that of a resource. Most have no attributes of their own; to compare nothing with nothing by a call, at
    /// an address that nothing is at, took half of all the time that a point takes.
    #[inline]
    fn is_of(&self, variables: &[u8]) -> bool {
        self.variables.len() == variables.len() && (variables.is_empty() || *self.variables == *variables)
    }

    fn end_metric(&mut self) {
        if self.head != Self::NONE {
            Later::patch(self.metric, &mut self.bytes);
            Later::patch(self.data, &mut self.bytes);
            self.head = Self::NONE;
        }
    }
}

/// A point is longer than a request.
pub(super) struct TooLong;

/// One of the points of a series, written already: which metric it is of, and its bytes.
pub(super) struct Part {
    pub(super) head: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Requests {
    /// Requests of at most `limit` bytes, with the attributes of a resource, and a scope, each as a field.
    pub(super) fn new(limit: usize, resource: Vec<u8>, scope: Vec<u8>) -> Self {
        Self {
            // Lengths have no more bytes.
            limit: limit.min(Later::MOST),
            resource,
            scope,
            sections: Vec::new(),
            by_variables: HashMap::new(),
            current: 0,
            size: 0,
            points: 0,
            mark: None,
            pool: Arc::default(),
        }
    }

    /// Begins a report.
    pub(super) fn begin(&mut self) {
        self.size = 0;
        self.points = 0;
        self.mark = None;
        self.by_variables.clear();
        // Most have one resource, whose memory is kept.
        self.sections.truncate(1);
        if let Some(section) = self.sections.first_mut() {
            section.bytes.clear();
            section.head = Section::NONE;
            self.by_variables.insert(section.variables.clone(), 0);
        }
        self.current = 0;
    }

    /// Makes room for a point, and returns where its bytes are to be written, so many exactly.
    ///
    /// # Errors
    ///
    /// If it is too long for a request of its own.
    #[inline(always)]
    pub(super) fn point(
        &mut self,
        variables: &[u8],
        head: &Head,
        length: usize,
        emit: &mut impl FnMut(Request),
    ) -> Result<&mut Vec<u8>, TooLong> {
        let fits = match self.sections.get(self.current) {
            Some(section) => {
                section.head == head.id
                    && self.size + field_length(length) <= self.limit
                    && section.is_of(variables)
            }
            None => false,
        };
        if !fits {
            self.open(variables, head, field_length(length), emit)?;
        }
        self.size += field_length(length);
        self.points += 1;
        let out = &mut self.sections[self.current].bytes;
        begin_point(length, out);
        Ok(out)
    }

    /// Writes the points of a series, which are in one request then.
    ///
    /// # Errors
    ///
    /// If they are too long for one.
    pub(super) fn points(
        &mut self,
        variables: &[u8],
        heads: &[Head],
        (parts, bytes): (&[Part], &[u8]),
        emit: &mut impl FnMut(Request),
    ) -> Result<(), TooLong> {
        let mut length = 0;
        let mut last = None;
        for part in parts {
            if last.is_some_and(|last| last != part.head) {
                length += heads[part.head].bytes.len();
            }
            last = Some(part.head);
            length += field_length(part.end - part.start);
        }
        let Some(first) = parts.first() else { return Ok(()) };
        self.open(variables, &heads[first.head], length, emit)?;
        for part in parts {
            self.open_metric(&heads[part.head]);
            let out = &mut self.sections[self.current].bytes;
            let before = out.len();
            begin_point(part.end - part.start, out);
            out.extend_from_slice(&bytes[part.start..part.end]);
            self.size += out.len() - before;
            self.points += 1;
        }
        Ok(())
    }

    /// Tells that a series is complete, with a mark behind it.
    #[inline]
    pub(super) fn end_series(&mut self, mark: ReportMark) {
        self.mark = Some(mark);
    }

    /// Goes to the section and into the metric where so many bytes are to be written, in the next request if this one has
    /// no room for them.
    #[cold]
    fn open(
        &mut self,
        variables: &[u8],
        head: &Head,
        length: usize,
        emit: &mut impl FnMut(Request),
    ) -> Result<(), TooLong> {
        self.current = self.section(variables);
        let section = &self.sections[self.current];
        let mut needed = length;
        if section.bytes.is_empty() {
            needed += self.overhead(variables);
        }
        if section.head != head.id {
            needed += head.bytes.len();
        }
        if self.size + needed > self.limit {
            if self.overhead(variables) + head.bytes.len() + length > self.limit {
                return Err(TooLong);
            }
            self.end_request(emit);
        }
        self.open_section();
        self.open_metric(head);
        Ok(())
    }

    /// The section of a resource.
    fn section(&mut self, variables: &[u8]) -> usize {
        if let Some(known) = self.by_variables.get(variables) {
            return *known;
        }
        self.sections.push(Section { variables: variables.into(), ..Section::default() });
        self.by_variables.insert(variables.into(), self.sections.len() - 1);
        self.sections.len() - 1
    }

    /// How many bytes a section has before its metrics.
    fn overhead(&self, variables: &[u8]) -> usize {
        2 * (1 + Later::BYTES) + field_length(self.resource.len() + variables.len()) + self.scope.len()
    }

    fn open_section(&mut self) {
        let Self { resource, scope, size, sections, current, pool, .. } = self;
        let section = &mut sections[*current];
        if !section.bytes.is_empty() {
            return;
        }
        if section.bytes.capacity() == 0 {
            section.bytes = pool.take();
        }
        let out = &mut section.bytes;
        let message = tag(1, WireType::Delimited);
        out.push(message);
        Later::reserve(out);
        out.push(message);
        write_varint((resource.len() + section.variables.len()) as u64, out);
        out.extend_from_slice(resource);
        out.extend_from_slice(&section.variables);
        out.push(tag(2, WireType::Delimited));
        section.scope = out.len();
        Later::reserve(out);
        out.extend_from_slice(scope);
        *size += out.len();
    }

    fn open_metric(&mut self, head: &Head) {
        let section = &mut self.sections[self.current];
        if section.head == head.id {
            return;
        }
        section.end_metric();
        let start = section.bytes.len();
        section.head = head.id;
        section.metric = start + head.metric;
        section.data = start + head.data;
        section.bytes.extend_from_slice(&head.bytes);
        self.size += head.bytes.len();
    }

    /// Ends a request and gives it away, unless nothing is in it.
    pub(super) fn end_request(&mut self, emit: &mut impl FnMut(Request)) {
        let Some(mark) = self.mark.filter(|_| self.points > 0) else { return };
        for section in self.sections.iter_mut().filter(|section| !section.bytes.is_empty()) {
            section.end_metric();
            Later::patch(section.scope, &mut section.bytes);
            Later::patch(1, &mut section.bytes);
        }
        let mut filled = self.sections.iter_mut().filter(|section| !section.bytes.is_empty());
        let first = filled.next().map(|section| std::mem::take(&mut section.bytes));
        let mut body = first.unwrap_or_default();
        for section in filled {
            body.extend_from_slice(&section.bytes);
            section.bytes.clear();
        }
        // Sections that grew by turns have more memory in all than a request has.
        if self.sections.iter().map(|section| section.bytes.capacity()).sum::<usize>() > 2 * self.limit {
            self.sections.iter_mut().for_each(|section| section.bytes = Vec::new());
        }
        debug_assert_eq!(body.len(), self.size, "what is counted is what is written");
        let points = std::mem::take(&mut self.points);
        self.size = 0;
        emit(Request { body: self.pool.lend(body), points, mark });
    }
}

/// Writes what is before the bytes of a point: in all kinds of data it is field 1.
#[inline]
fn begin_point(length: usize, out: &mut Vec<u8>) {
    const POINT: u8 = tag(1, WireType::Delimited);
    if varint_length(length as u64) == 2 {
        out.extend_from_slice(&[POINT, length as u8 | 0x80, (length >> 7) as u8]);
    } else {
        out.push(POINT);
        write_varint(length as u64, out);
    }
}

/// The memory of requests that are done with: to get it anew for each would cost more than to fill it.
#[derive(Default)]
struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    /// How many are kept: one is sent while the next is written.
    const KEPT: usize = 2;

    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn lend(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, pool: Arc::clone(self) })
    }
}

/// Memory that goes back when nobody has it any more.
struct Lent {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < Pool::KEPT {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.clear();
            kept.push(bytes);
        }
    }
}
