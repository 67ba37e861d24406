//! The flagship of flowmeter: a JobManager process and TaskManager processes that run real jobs on timely dataflow,
//! each with its reporters on.
//!
//! The engine is timely: it schedules, exchanges records between processes, and tracks progress. Around it, this crate
//! has what timely leaves to its users, in the smallest form that is honest:
//!
//! * [`job`]: the jobs, with counts of their own that never pass through flowmeter;
//! * [`job_manager`]: starts the TaskManagers, watches them, reads what their endpoints report, compares;
//! * [`task_manager`]: joins the JobManager and the other TaskManagers, and runs its part of the job;
//! * [`control`]: what the two say to each other.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod control;
pub mod exposition;
pub mod interrupts;
pub mod job;
pub mod job_manager;
mod mesh;
mod otlp;
mod process;
pub mod serving;
pub mod summary;
pub mod task_manager;
